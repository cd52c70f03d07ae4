#!/bin/sh
# Runs icloudpd once and judges the run: icloudpd's exit code proves nothing, and it looks at neither disk nor space.
#
# The arguments are icloudpd's command line, but for what only the pod knows: who signs in, and whether it may stop early.
#
# DIRECTORY    the photo directory
# FOLDER       the account's folder in it
# MARK         name of the file that marks the disk
# FLOOR        MiB that stay free on it
# EVERY        seconds between looks at the disk while icloudpd runs
# ACCOUNT      the account's name
# LAYOUT       how photos are arranged in the folder; never changes once it has been imported to
# DRY_RUN      true: nothing is written
# UNTIL_FOUND  stop after so many photos in a row that are there already; 0: look at all
# CREDENTIALS  a directory with the files appleId and password
# COOKIES      the directory that keeps the account signed in
# AHEAD        days until the next scheduled run, at most
# LOGIN        the command that signs in
# MARK_DISK    the command that marks a disk
set -eu

photos="$DIRECTORY/$FOLDER"
arrangement="$photos/$MARK-layout" # how the photos in it are arranged, and whose they are
complete="$photos/$MARK-complete"  # the command line of the last run, if that run fetched everything
work=$(mktemp -d)

fail() { # sentence
    echo "$1" >&2
    exit 1
}

not_signed_in() {
    fail "account $ACCOUNT has no valid session at Apple. Sign in, with the code that Apple sends to its devices: $LOGIN"
}

free() { # prints MiB
    df -Pk "$DIRECTORY" | awk 'NR == 2 { print int($(NF - 2) / 1024) }'
}

used() { # prints KiB
    du -sk "$photos" | awk '{ print $1 }'
}

fault() { # prints what is wrong with the disk, if anything is
    if [ ! -f "$DIRECTORY/$MARK" ]; then
        echo "the photo disk is not there: its mark $MARK is missing, so nothing is written. Is it mounted? If it is, mark \
it: $MARK_DISK"
        return
    fi
    left=$(free)
    [ "${left:-0}" -ge "$FLOOR" ] ||
        echo "the photo disk has ${left:-0} MiB left, and photoSync.minFreeSpace keeps $FLOOR MiB free. Make room on it"
}

watch() { # process: ends it when something is wrong with the disk
    while sleep "$EVERY"; do
        fault >"$work/fault"
        if [ -s "$work/fault" ]; then
            kill -TERM "$1"
            return
        fi
    done
}

follow() { # shows icloudpd's log, all but the details, and counts what it says
    there=0 fetched=0 errors=0 started='' finished='' sign_in='' details='' last='' first=''
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in "iCloud Password for "*:*) line=${line#*:} ;; esac # a prompt has no line of its own
        case $line in
            ????-??-??" "??:??:??" DEBUG "*) details=true ;;
            ????-??-??" "??:??:??" "[A-Z]* | "Traceback "* | "KeyError: "*) details='' ;;
        esac
        case $line in
            *" DEBUG "*" already exists") there=$((there + 1)) ;;
            *" INFO "*" Downloading "*) started=true ;;
            *" INFO "*" Downloaded "*) fetched=$((fetched + 1)) ;;
            *" INFO "*" have been downloaded") finished=true ;;
            *"Two-factor authentication is required"* | *"Two-step authentication is required"*) sign_in=true ;;
        esac
        case $line in
            *"Authentication required for Account"*)
                # A session's token lives shorter than the session: icloudpd then signs in anew, by itself.
                [ -z "$started" ] || errors=$((errors + 1))
                ;;
            ????-??-??" "??:??:??" ERROR "* | ????-??-??" "??:??:??" CRITICAL "* | "KeyError: "*) errors=$((errors + 1)) ;;
        esac
        [ "$errors" -ne 1 ] || [ -n "$first" ] || first=$line
        case $line in
            "" | *GetPassWarning* | "  passwd = fallback_getpass"* | "Warning: Password input may be echoed."*) continue ;;
        esac
        [ -z "$details" ] || continue
        last=$line
        printf '%s\n' "$line"
    done
    printf '%s\n' "$there" "$fetched" "$errors" "$finished" "$sign_in" "$last" "$first" >"$work/verdict"
}

said=$(fault)
[ -z "$said" ] || fail "$said"
[ -d "$photos" ] || fail "the photo directory has no folder $FOLDER: run make up again, which makes it"
[ -w "$photos" ] || fail "user $(id -u) can't write to $FOLDER. It has to belong to storage.owner"
alone "$COOKIES"
signed_in "$COOKIES" || not_signed_in

if [ -f "$arrangement" ]; then
    [ "$(cat "$arrangement")" = "$ACCOUNT $LAYOUT" ] ||
        fail "$FOLDER holds photos of \"$(cat "$arrangement")\" (account, folderStructure, timeZone), and the settings say \
\"$ACCOUNT $LAYOUT\": every photo would be fetched again, beside the first copy. Set them back"
elif [ "$DRY_RUN" != true ]; then
    printf '%s\n' "$ACCOUNT $LAYOUT" >"$arrangement.new"
    mv "$arrangement.new" "$arrangement"
fi

# Stopping early is right only where the last run fetched everything: else what it missed would be missed for ever.
command_line="$*"
set -- "$@" --username "$(cat "$CREDENTIALS/appleId")"
if [ "$UNTIL_FOUND" -gt 0 ] && [ -f "$complete" ] && [ "$(cat "$complete")" = "$command_line" ]; then
    set -- "$@" --until-found "$UNTIL_FOUND"
fi
[ "$DRY_RUN" = true ] || rm -f "$complete"

before=$(used)
mkfifo "$work/log"
follow <"$work/log" &
follower=$!
"$@" <"$CREDENTIALS/password" >"$work/log" 2>&1 &
icloudpd=$!
watch "$icloudpd" >/dev/null 2>&1 9>&- &
watcher=$!
ended_from_outside=''
# Only now: a process that was just forked would take its own end for ours.
trap 'ended_from_outside=true; kill -TERM "$icloudpd" 2>/dev/null || :' TERM INT

code=0
wait "$icloudpd" || code=$?
if [ -n "$ended_from_outside" ]; then # that wait was cut short
    code=0
    wait "$icloudpd" || code=$?
fi
kill "$watcher" 2>/dev/null || :
wait "$follower" || :

{
    read -r there
    read -r fetched
    read -r errors
    read -r finished
    read -r sign_in
    IFS= read -r last
    IFS= read -r first
} <"$work/verdict"
[ -n "$sign_in" ] || tell_session "$COOKIES"
[ "$DRY_RUN" != true ] || echo "a dry run: nothing was written"
echo "$ACCOUNT: $fetched files fetched ($(($(used) - before)) KiB), $there skipped that are there already, $errors \
errors, $(free) MiB left"

if [ -s "$work/fault" ]; then fail "stopped: $(cat "$work/fault")"; fi
[ -z "$ended_from_outside" ] || fail "stopped from outside, by the deadline or with its node. The next run goes on from here"
[ -z "$sign_in" ] || not_signed_in
[ "$errors" -eq 0 ] || fail "icloudpd reported $errors errors. The next run tries again. The first was: $first"
[ "$code" -eq 0 ] || fail "icloudpd ended with exit code $code. Its last words: $last"
[ -n "$finished" ] || fail "icloudpd ended before everything was fetched. Its last words: $last"
[ "$DRY_RUN" = true ] || printf '%s\n' "$command_line" >"$complete"
