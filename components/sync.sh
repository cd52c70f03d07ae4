#!/bin/sh
# Runs icloudpd once and judges the run: icloudpd's exit code proves nothing, and it looks at neither disk nor space.
#
# The arguments are icloudpd's command line, but for what only the pod knows: who signs in, and whether it may stop early.
#
# DIRECTORY    the photo directory
# FOLDER       the account's folder in it
# MARK         name of the file that marks the disk
# DISK_ID      the id that it has to have
# FLOOR        what stays free on it: MiB, or per cent of its space and its inodes
# FLOOR_NODE   the same, where it is the kubelet's own filesystem: the kubelet evicts every pod long before it is full
# KUBELETS     a directory on the kubelet's filesystem
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
# The log is read by more people than the Secret: it has the account's name instead.
apple_id=$(cat "$CREDENTIALS/appleId")
as_icloudpd_has_it=$(printf '%s' "$apple_id" | tr '[:upper:]' '[:lower:]')

kept='' there='' fetched='' errors=''

finish() { # code, sentence: reports all that is known of this run
    private "$COOKIES"
    report_space "$@" floor "$kept" fetched "$fetched" present "$there" errors "$errors" \
        sessionEnd "$SESSION_END" signedIn "$SIGNED_IN"
}

fail() { # code, sentence
    finish "$@"
    exit 1
}

not_signed_in() {
    fail signed-out "account $ACCOUNT has no valid session at Apple. Sign in, with the code that Apple sends to its devices: \
$LOGIN"
}

used() { # prints KiB
    du -sk "$photos" | awk '{ print $1 }'
}

share() { # MiB or per cent, all that there is: prints how much that is
    case $1 in *%) echo $((${2:-0} * ${1%\%} / 100)) ;; *) echo "$1" ;; esac
}

fault() { # prints a code and, on the next line, what is wrong with the disk, if anything is
    if [ ! -f "$DIRECTORY/$MARK" ]; then
        printf '%s\n' no-mark "the photo disk is not there: its mark $MARK is missing, so nothing is written. Is it mounted? \
If it is, mark it: $MARK_DISK"
        return
    fi
    if [ -z "$DISK_ID" ] || ! grep -qsx "id: $DISK_ID" "$DIRECTORY/$MARK"; then
        printf '%s\n' other-disk "the photo disk is another one: its mark $MARK has another id, so nothing is written. Is the \
right one mounted? If it is, mark it: $MARK_DISK"
        return
    fi
    measure
    wanted=$FLOOR where="the photo disk"
    [ "$ON_NODE" != true ] || wanted=$FLOOR_NODE where="the photo disk is the kubelet's own filesystem, and"
    kept=$(share "$wanted" "$TOTAL")
    if [ "$FREE" -lt "$kept" ] || [ "$FREE" -eq 0 ]; then
        printf '%s\n' no-space "$where has $FREE MiB left, and photoSync.minFreeSpace keeps $kept MiB free. Make room on it"
    elif [ "${wanted%\%}" != "$wanted" ] && [ "${INODES_FREE:-0}" -lt "$(share "$wanted" "$INODES")" ]; then
        printf '%s\n' no-space "$where has $INODES_FREE of $INODES inodes left, and photoSync.minFreeSpace keeps $wanted of \
them free. Make room on it"
    fi
}

stop_at_fault() { # what the sentence begins with
    [ ! -s "$work/fault" ] || fail "$(head -n 1 "$work/fault")" "$1$(tail -n 1 "$work/fault")"
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

named() { # Apple ID, line: prints the line with the account's name in place of the ID
    rest=$2
    while [ "${rest#*"$1"}" != "$rest" ]; do
        printf '%s' "${rest%%"$1"*}$ACCOUNT"
        rest=${rest#*"$1"}
    done
    printf '%s' "$rest"
}

follow() { # shows icloudpd's log, all but the details, and counts what it says
    there=0 fetched=0 errors=0 started='' finished='' sign_in='' details='' last='' first=''
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in "iCloud Password for "*:*) line=${line#*:} ;; esac # a prompt has no line of its own
        case $line in
            *"$apple_id"* | *"$as_icloudpd_has_it"*)
                line=$(named "$apple_id" "$line")
                line=$(named "$as_icloudpd_has_it" "$line")
                ;;
        esac
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

fault >"$work/fault"
stop_at_fault ""
[ -d "$photos" ] || fail no-folder "the photo directory has no folder $FOLDER: run make up again, which makes it"
[ -w "$photos" ] || fail not-writable "user $(id -u) can't write to $FOLDER. It has to belong to storage.owner"
alone "$COOKIES"
signed_in "$COOKIES" || not_signed_in

if [ -f "$arrangement" ]; then
    [ "$(cat "$arrangement")" = "$ACCOUNT $LAYOUT" ] ||
        fail rearranged "$FOLDER holds photos of \"$(cat "$arrangement")\" (account, folderStructure, timeZone), and the \
settings say \"$ACCOUNT $LAYOUT\": every photo would be fetched again, beside the first copy. Set them back"
elif [ "$DRY_RUN" != true ]; then
    printf '%s\n' "$ACCOUNT $LAYOUT" >"$arrangement.new"
    mv "$arrangement.new" "$arrangement"
fi

# Stopping early is right only where the last run fetched everything: else what it missed would be missed for ever.
command_line="$*"
set -- "$@" --username "$apple_id" # the one way in which icloudpd takes it
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
measure
echo "$ACCOUNT: $fetched files fetched ($(($(used) - before)) KiB), $there skipped that are there already, $errors \
errors, $FREE MiB left"

stop_at_fault "stopped: "
[ -z "$ended_from_outside" ] ||
    fail stopped "stopped from outside, by the deadline or with its node. The next run goes on from here"
[ -z "$sign_in" ] || not_signed_in
[ "$errors" -eq 0 ] || fail client-errors "icloudpd reported $errors errors. The next run tries again. The first was: $first"
[ "$code" -eq 0 ] || fail client-exit "icloudpd ended with exit code $code. Its last words: $last"
[ -n "$finished" ] || fail client-unfinished "icloudpd ended before everything was fetched. Its last words: $last"
[ "$DRY_RUN" = true ] || printf '%s\n' "$command_line" >"$complete"
finish synced "account $ACCOUNT is synchronised: $fetched files fetched, $there there already"
