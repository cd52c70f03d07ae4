#!/bin/sh
# A session that takes an older one's place only when it is whole: functions for the scripts that this is put before.
#
# COOKIES      the directory that keeps the account signed in
# CREDENTIALS  a directory with the file password
# LIST_OPTION  the client's option for a list that is shown only where photos can be fetched

new_session() { # directory: without a session the client always asks for the password, and never takes it for a code
    umask 077
    rm -rf "$1"
    mkdir "$1"
    export COOKIES="$1"
}

keep_session() { # directories of the older session and the new one, the client's command line: fails if no photos can be fetched
    kept=$1 fresh=$2
    shift 2
    # Apple signs an account in whose photos it keeps from the web. What may pass by itself is the next sync's affair.
    cd "$(mktemp -d)" || exit
    : >notes
    "$@" "$LIST_OPTION" <"$CREDENTIALS/password" >log 2>&1 || read_log sized wanted notes summary <log >/dev/null
    class=$(why <notes)
    if [ -n "$class" ] && ! passes "$class"; then
        rm -rf "$fresh"
        remedy=$(explain "$class")
        refuse "$class" "${remedy%", then: $LOGIN"}, then: $LOGIN"
    fi
    date -u +%Y-%m-%d >"$fresh/signed-in"
    trap '' TERM INT HUP # now it is whole: ended half-way, it would be neither
    for file in "$kept"/*; do # of another Apple ID
        if [ -f "$file" ] && [ ! -e "$fresh/${file##*/}" ]; then rm "$file"; fi
    done
    mv "$fresh"/* "$kept"
    rmdir "$fresh"
    private "$kept"
    tell_session "$kept"
    report signed-in "account $ACCOUNT is signed in" sessionEnd "$SESSION_END" signedIn "$SIGNED_IN"
}
