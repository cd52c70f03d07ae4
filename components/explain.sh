#!/bin/sh
# What is wrong with an account, or with Apple, in a sentence, and what helps.
#
# ACCOUNT  the account's name
# LOGIN    the command that signs in
# UP       the command that deploys the stack
# LIST     the command that lists albums and libraries

explain() { # class, the first error if it is known: prints the sentences
    case $1 in
        signed-out)
            echo "account $ACCOUNT has no valid session at Apple. Sign in, with the code that Apple sends to its devices: $LOGIN"
            ;;
        wrong-password)
            echo "Apple refuses the password of account $ACCOUNT. Store the right one, then: $UP, then: $LOGIN"
            ;;
        locked)
            echo "Apple has locked account $ACCOUNT. Unlock it at https://iforgot.apple.com, then: $LOGIN"
            ;;
        sign-in-refused)
            echo "Apple refuses the sign-in of account $ACCOUNT: the password is wrong, or the account is locked. Check \
https://iforgot.apple.com, store the right password, then: $UP, then: $LOGIN"
            ;;
        data-protection)
            echo "iCloud web access is off for account $ACCOUNT. On a device, in the account's iCloud settings, turn \
off Advanced Data Protection, and turn on Access iCloud Data on the Web"
            ;;
        security-key)
            echo "Apple does not accept the sign-in of account $ACCOUNT: it has a hardware security key, or is not set up. \
Remove the key, or finish the set-up at https://icloud.com, then: $LOGIN"
            ;;
        no-photos)
            echo "account $ACCOUNT has no photo library at Apple. Turn on iCloud Photos on a device"
            ;;
        unknown-album | unknown-library)
            echo "account $ACCOUNT has no such ${1#unknown-}. List those that exist: $LIST"
            ;;
        unreadable-photo)
            echo "the client cannot read the metadata of a photo of account $ACCOUNT. Report it to the client's project: ${2-}"
            ;;
        not-written)
            echo "a file of account $ACCOUNT could not be written. Check the disk: ${2-}"
            ;;
        apple-busy)
            echo "Apple is busy and does not serve all photos of account $ACCOUNT${2:+: $2}"
            ;;
        no-connection)
            echo "Apple cannot be reached. Check the cluster's internet access"
            ;;
    esac
}

needs_a_person() { # class: whether to try again would be one more wrong sign-in, or push one more code
    case $1 in signed-out | wrong-password | locked | sign-in-refused) ;; *) return 1 ;; esac
}

passes() { # class: whether it may pass by itself within hours
    case $1 in apple-busy | no-connection) ;; *) return 1 ;; esac
}
