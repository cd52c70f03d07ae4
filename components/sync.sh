#!/bin/sh
# Has a client fetch an account's photos, and judges the run by evidence: neither the client's word nor its exit code is any.
#
# A run is whole when as many photos were seen as Apple announced, and a second look finds nothing left to fetch. The
# arguments are the client's command line, but for what only the pod knows: who signs in, and whether it may stop early. What
# differs from client to client is in the functions of its own file.
#
# DIRECTORY    the photo directory
# FOLDER       the account's folder in it
# MARK         name of the file that marks the disk
# DISK_ID      the id that it has to have
# FLOOR        what stays free on it: MiB, or per cent of its space and its inodes
# FLOOR_NODE   the same, where it is the kubelet's own filesystem: the kubelet evicts every pod long before it is full
# KUBELETS     a directory on the kubelet's filesystem
# EVERY        seconds between looks at the disk while the client runs
# ACCOUNT      the account's name
# LAYOUT       how photos are arranged in the folder; never changes once it has been imported to
# FOUND_AS_IS  true: a folder that was filled before is taken as it is
# COMPARABLE   false: only some of what Apple announces is asked for, so that it can't be compared
# ACCEPT_MISSING  so many announced photos may be missing
# WHOLE_EVERY  days after which a run looks at all photos, though it may stop early
# RETRY_AFTER  seconds to wait before each further try on the same day, while Apple is only busy or cannot be reached
# DRY_RUN      true: nothing is written
# UNTIL_FOUND  stop after so many photos in a row that are there already; 0: look at all
# WHO_OPTION, LOOK_OPTION, NAMES_OPTION, STOP_OPTION
#              the client's options for the Apple ID, a dry run, names with all letters, and UNTIL_FOUND; empty: none
# CREDENTIALS  a directory with the files appleId and password
# COOKIES      the directory that keeps the account signed in
# AHEAD        days until the next scheduled run, at most
# LOGIN        the command that signs in
# UP           the command that deploys the stack
# MARK_DISK    the command that marks a disk
set -eu

photos="$DIRECTORY/$FOLDER"
arrangement="$photos/$MARK-layout" # how the photos in it are arranged, and whose they are
complete="$photos/$MARK-complete"  # the command line of the last run, if it was whole, the day of the last look at all, and
                                   # how many announced photos it accepted as missing
pending="$photos/$MARK-pending"    # made before the first fetch after a whole run: what is younger has had no second look
aside="$photos/$MARK-aside"        # files that were not whole, until they are
shortfall="$photos/$MARK-missing"  # how many announced photos are missing, and the day on which that was first found
refused="$COOKIES/refused"         # why no sign-in is tried until someone signs in
work=$(mktemp -d)
: >"$work/sized"

kept='' there='' fetched='' errors='' announced='' seen='' twins='' missing='' broken_off='' ended_from_outside='' waits=$RETRY_AFTER

finish() { # code, sentence: reports all that is known of this run
    private "$COOKIES"
    report_space "$@" floor "$kept" fetched "$fetched" present "$there" errors "$errors" \
        announced "$(echo "$announced" | tr -dc 0-9)" seen "$seen" missing "${missing#0}" sameName "$twins" \
        sessionEnd "$SESSION_END" signedIn "$SIGNED_IN"
}

fail() { # code, sentence
    finish "$@"
    exit 1
}

share() { # MiB or per cent, all that there is: prints how much that is
    case $1 in *%) echo $((${2:-0} * ${1%\%} / 100)) ;; *) echo "$1" ;; esac
}

fault() { # prints a code and, on the next line, what is wrong with the disk, if anything is
    if [ ! -f "$DIRECTORY/$MARK" ]; then
        printf '%s\n' no-mark "the photo disk's marker file $MARK is missing, so nothing is written. Is the disk mounted? If it is, \
mark it: $MARK_DISK"
    elif [ -z "$DISK_ID" ] || ! grep -qsx "id: $DISK_ID" "$DIRECTORY/$MARK"; then
        printf '%s\n' other-disk "the photo disk's marker file $MARK has the id of another disk, so nothing is written. Is the right \
disk mounted? If it is, mark it: $MARK_DISK"
    elif [ "$DRY_RUN" != true ] && read_only "$photos"; then
        printf '%s\n' read-only "the photo disk is mounted read-only, so nothing is written. The kernel does that to a disk with \
errors: its log on the node says why. Repair the disk, then mount it for writing"
    else
        lack_of_room
    fi
}

lack_of_room() { # the same of its free space
    measure
    wanted=$FLOOR where="the photo disk"
    [ "$ON_NODE" != true ] || wanted=$FLOOR_NODE where="the photo disk is the kubelet's own filesystem, and"
    kept=$(share "$wanted" "$TOTAL")
    if [ "$FREE" -lt "$kept" ] || [ "$FREE" -eq 0 ]; then
        printf '%s\n' no-space "$where has $FREE MiB left, and photoSync.minFreeSpace keeps $kept MiB free. Free up space on it"
    elif [ "${wanted%\%}" != "$wanted" ] && [ "${INODES_FREE:-0}" -lt "$(share "$wanted" "$INODES")" ]; then
        printf '%s\n' no-space "$where has $INODES_FREE of $INODES inodes left, and photoSync.minFreeSpace keeps $wanted of \
them free. Free up space on it"
    fi
}

read_only() { # directory: whether that is why it can't be written to, of which busybox's `[ -w ]` knows nothing
    case $(LC_ALL=C touch -c "$1" 2>&1) in *Read-only*) ;; *) return 1 ;; esac
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

stop_when_told() { # fails if someone has ended this script
    [ -z "$ended_from_outside" ] ||
        fail stopped "stopped by the deadline or with its node. The next run continues from here"
}

run() { # the client's command line: sets what the log says of the run
    stop_when_told
    rm -f "$work/log"
    for file in wanted notes summary; do : >"$work/$file"; done
    mkfifo "$work/log"
    # A process that was just forked would take its own end for ours.
    trap - TERM INT
    read_log "$work/sized" "$work/wanted" "$work/notes" "$work/summary" <"$work/log" &
    reader=$!
    "$@" <"$CREDENTIALS/password" >"$work/log" 2>&1 &
    client=$!
    watch "$client" >/dev/null 2>&1 8>&- 9>&- & # none of its own outputs keeps this script's open
    watcher=$!
    trap 'ended_from_outside=true; kill -TERM "$client" 2>/dev/null || :' TERM INT
    code=0
    wait "$client" || code=$?
    if [ -n "$ended_from_outside" ]; then # that wait was cut short
        code=0
        wait "$client" || code=$?
    fi
    trap 'ended_from_outside=true' TERM INT
    kill "$watcher" 2>/dev/null || :
    # What was not read of this log is not known: what the last one said is no answer.
    announced='' seen=0 twins=0 present=0 new=0 errors=0 finished=0 first='' last=''
    wait "$reader" || broken_off=true
    [ "$code" -lt 128 ] || broken_off=true # within a file, or before its line in the log
    while IFS= read -r line; do
        value=${line#* }
        case $line in
            "announced "*) announced=$value ;;
            "seen "*) seen=$value ;;
            "twins "*) twins=$value ;;
            "there "*) present=$value ;;
            "fetched "*) new=$value ;;
            "errors "*) errors=$value ;;
            "finished "*) finished=$value ;;
            "first "*) first=$value ;;
            "last "*) last=$value ;;
        esac
    done <"$work/summary"
    [ -z "$broken_off" ] || finished=0
    class=$(why <"$work/notes")
}

fetch() { # the client's command line; a further try looks at all photos
    [ -e "$pending" ] || : >"$pending"
    if [ -n "$stop_after" ]; then run "$@" "$STOP_OPTION" "$stop_after"; else run "$@"; fi
    fetched=$((${fetched:-0} + new))
    [ -n "$there" ] || there=$present
    while tried_later; do
        stop_after='' whole_on=$today
        run "$@"
        fetched=$((fetched + new))
    done
}

look() { # the client's command line: what would it fetch now?
    run "$@" "$LOOK_OPTION" >/dev/null
    while tried_later; do run "$@" "$LOOK_OPTION" >/dev/null; done
}

tried_later() { # whether the run that has just failed is worth another try today, after a wait that this makes
    passes "$class" && [ -n "$waits" ] || return 1
    next=${waits%% *}
    waits=${waits#"$next"} waits=${waits# }
    echo "$(explain "$class" "$first"). Retrying in $((next / 60)) minutes" >&2
    # In steps, as a process that was just forked may lose a signal.
    while [ "$next" -gt 0 ] && [ -z "$ended_from_outside" ]; do
        sleep 5
        next=$((next - 5))
    done
    fault >"$work/fault"
    stop_at_fault "stopped: "
}

judge() { # fails unless what ran did so without a fault, and saw all that is announced
    stop_at_fault "stopped: "
    stop_when_told
    if needs_a_person "$class"; then echo "$class" >"$refused"; fi
    if [ -n "$class" ]; then
        if passes "$class"; then retried=". Retried at the next scheduled run"; else retried=''; fi
        fail "$class" "$(explain "$class" "$first")$retried"
    fi
    [ "$errors" -eq 0 ] ||
        fail client-errors "the client reported $errors errors. Retried at the next scheduled run. The first error: $first"
    [ "$code" -eq 0 ] || fail client-exit "the client exited with code $code. Its last output: $last"
    [ "$finished" = 1 ] || fail client-unfinished "the client ended before everything was fetched. Its last output: $last"
    case $COMPARABLE$announced in false* | true*[!0-9]* | true) return ;; esac
    missing=$((announced > seen ? announced - seen : 0))
    [ "$missing" -gt "$ACCEPT_MISSING" ] || return 0
    found_on=$(sed -n "s/^$missing //p" "$shortfall" 2>/dev/null || :)
    [ -n "$found_on" ] || echo "$missing $(date -u +%Y-%m-%d)" >"$shortfall"
    accept=''
    [ -z "$found_on" ] || [ "$found_on" = "$(date -u +%Y-%m-%d)" ] ||
        accept=". As many were missing on $found_on. If https://icloud.com shows no more either, accept that: acceptMissing: $missing"
    fail incomplete "Apple announces $announced photos of account $ACCOUNT and lists $seen of them. Retried at the next \
scheduled run$accept"
}

look_at_found() { # the client's command line: fails unless what is there stays, is writable, and is not fetched a second time
    echo "$FOLDER holds $((files)) files already:"
    describe_folder "$FOLDER"
    [ "$FOUND_AS_IS" != true ] && [ "$DRY_RUN" != true ] || return 0
    not_writable "$FOLDER" >"$work/closed"
    [ ! -s "$work/closed" ] || fail not-writable "user $(id -u) can't write to $(wc -l <"$work/closed" | tr -d ' ') folders in \
$FOLDER, the first of which is $(head -n 1 "$work/closed"). Give them to $(id -u):$(id -g), or take the folder as it is: \
acceptExisting: true"
    look "$@"
    judge
    [ "$present" -lt "$files" ] && [ -s "$work/wanted" ] || return 0
    sort_wanted "$FOLDER" "$work/wanted" >"$work/sorted"
    for kind in elsewhere other lacking; do
        sed -n "s/^$kind //p" "$work/sorted" >"$work/$kind"
        [ ! -s "$work/$kind" ] || echo "$kind:"
        shorten files <"$work/$kind"
    done
    fail unrecognised "$FOLDER holds $((files)) files, and the client recognises $present of them. It would fetch \
$(($(wc -l <"$work/elsewhere"))) that lie elsewhere in the folder, $(($(wc -l <"$work/other"))) whose file has another size (as edited \
ones have), and $(($(wc -l <"$work/lacking"))) that are missing. Set folderStructure to their arrangement, or have these \
fetched beside the existing files: acceptExisting: true"
}

mend() { # moves what is not whole out of the way; returns whether there was any
    set_aside "$pending" "$work/wanted" "$work/sized" "$aside"
}

today=$(day_number "$(date -u +%Y-%m-%d)")
trap 'ended_from_outside=true' TERM INT
fault >"$work/fault"
stop_at_fault ""
[ -d "$photos" ] || fail no-folder "the photo directory has no folder $FOLDER. Create it: $UP"
[ -w "$photos" ] || fail not-writable "user $(id -u) can't write to $FOLDER. It has to belong to storage.owner"
[ ! -f "$arrangement" ] || [ "$(head -n 1 "$arrangement")" = "$ACCOUNT $LAYOUT" ] ||
    fail rearranged "$FOLDER holds photos of \"$(head -n 1 "$arrangement")\" (account, folderStructure or client, timeZone), and \
the settings say \"$ACCOUNT $LAYOUT\": every photo would be fetched again, beside the first copy. Restore these settings, or \
add an account with another name, and a folder of its own"
alone "$COOKIES"
mend_session "$COOKIES"
signed_in "$COOKIES" || fail signed-out "$(explain signed-out)"
[ ! -s "$refused" ] || fail "$(cat "$refused")" "$(explain "$(cat "$refused")"). Until then Apple is not asked again"

# The client shortens long paths in its log, and leaves a report on what it can't read where it runs.
cd "$work"
ln -s "$photos" "$FOLDER"

# A folder stays as it began; one that begins now keeps all letters of its names.
command_line="$*"
set -- "$@" ${WHO_OPTION:+"$WHO_OPTION" "$(cat "$CREDENTIALS/appleId")"}
if [ -f "$arrangement" ]; then
    [ "$(sed -n 2p "$arrangement")" != "all letters" ] || set -- "$@" ${NAMES_OPTION:+"$NAMES_OPTION"}
else
    for other in "$DIRECTORY"/*/"$MARK-layout"; do
        if [ -r "$other" ] && read -r whose _ <"$other" && [ "$whose" = "$ACCOUNT" ]; then
            other=${other%/*}
            fail rearranged "the photos of account $ACCOUNT are in ${other##*/}, and the settings lead to $FOLDER: every photo would \
be fetched again. State this account's folder: ${other##*/}, or give it another name"
        fi
    done
    set -- "$@" ${NAMES_OPTION:+"$NAMES_OPTION"}
    files=$(find "$FOLDER/" -type f ! -path '*/.*' | wc -l)
    if [ "$files" -gt 0 ]; then look_at_found "$@"; fi
    if [ "$DRY_RUN" != true ]; then
        printf '%s\n' "$ACCOUNT $LAYOUT" "all letters" >"$arrangement.new"
        mv "$arrangement.new" "$arrangement"
    fi
fi

if [ "$DRY_RUN" = true ]; then
    run "$@"
    judge
    tell_session "$COOKIES"
    finish synced "a dry run of account $ACCOUNT: $new would be fetched, $present already there"
    exit 0
fi

# What an earlier run fetched before it was ended has had no second look.
if [ -e "$pending" ]; then
    leftovers "$FOLDER" | fetched_since "$pending" | while IFS= read -r path; do rm -f "$path"; done
    named_by_size "$FOLDER" | fetched_since "$pending" >"$work/sized"
    look "$@"
    judge
    mend || :
fi

# Stopping early is right only where the last run fetched everything: else what it missed would be missed forever.
missing=$(sed -n 3p "$complete" 2>/dev/null || :)
whole_on=$today stop_after=''
if [ "$UNTIL_FOUND" -gt 0 ] && [ "$(head -n 1 "$complete" 2>/dev/null)" = "$command_line" ]; then
    last_whole=$(sed -n 2p "$complete")
    since=$((today - ${last_whole:-0})) # below zero, the clock was wrong
    if [ "$since" -ge 0 ] && [ "$since" -lt "$WHOLE_EVERY" ]; then
        whole_on=$last_whole stop_after=$UNTIL_FOUND
    fi
fi
rm -f "$complete"

fetch "$@"
[ "$class" = signed-out ] || tell_session "$COOKIES"
measure
echo "$ACCOUNT: $fetched fetched, $present already there, $errors errors, $FREE MiB free"
[ "$fetched" -gt 0 ] || [ -n "$broken_off" ] || rm -f "$pending" # what is older has had its look above
judge
if [ "$fetched" -gt 0 ]; then
    [ -z "$stop_after" ] || set -- "$@" "$STOP_OPTION" "$((fetched + present + 1))"
    look "$@"
    judge
    if mend; then
        stop_after=''
        fetch "$@"
        judge
        look "$@"
        judge
        not_whole /dev/null "$work/sized" >>"$work/wanted" # no look misses those
    fi
    [ ! -s "$work/wanted" ] || fail incomplete "$(wc -l <"$work/wanted" | tr -d ' ') files of account $ACCOUNT are still \
incomplete. Retried at the next scheduled run. The first is: $(head -n 1 "$work/wanted")"
fi
settle_aside "$aside"
rm -f "$pending" "$shortfall"
printf '%s\n' "$command_line" "$whole_on" "$missing" >"$complete"
[ "$twins" -eq 0 ] || echo "$twins photos have the same name, day and size as another one: one file is kept for both"
compared=''
[ "${missing:-0}" -eq 0 ] || compared=". $missing photos that Apple announces are missing, which acceptMissing allows"
case $COMPARABLE$announced in false* | *[!0-9]) compared="$compared. Only some photos were asked for, so nothing was compared with what Apple announces" ;; esac
finish synced "account $ACCOUNT is in sync: $fetched fetched, $there already there$compared"
