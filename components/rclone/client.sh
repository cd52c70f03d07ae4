#!/bin/sh
# What the scripts have to know of rclone: its runs, its sign-in, and what it keeps (held against rclone 1.76.0).
#
# FOLDER       the account's folder, from where the sync runs
# CREDENTIALS  a directory with the files appleId and password
# COOKIES      the directory that keeps the account signed in
# TMPDIR       a directory for what each run creates again: a list that rclone keeps stays short where it was short once

with_rclone() { # program, library, its albums (none: all photos), what else is asked; stdin begins with the password
    program=$1 library=$2
    shift 2
    for asked in '' "$@"; do :; done
    export RCLONE_CONFIG="$COOKIES/rclone.conf" RCLONE_CACHE_DIR="$TMPDIR/rclone"
    export RCLONE_CONFIG_ICLOUD_APPLE_ID RCLONE_CONFIG_ICLOUD_PASSWORD RCLONE_RESULT
    IFS= read -r password || :
    RCLONE_CONFIG_ICLOUD_PASSWORD=$(printf '%s\n' "$password" | "$program" obscure -)
    RCLONE_CONFIG_ICLOUD_APPLE_ID=$(cat "$CREDENTIALS/appleId")
    case $asked in
        --sign-in) answer ;;
        --list-libraries) "$program" lsf icloud: ;;
        --list-albums) "$program" lsf "icloud:$library" ;;
        --dry-run) copy "$@" ;;
        *) asked='' && copy "$@" '' ;;
    esac
}

copy() { # albums, then --dry-run or nothing
    suffix=$(date -u +-%Y%m%dT%H%M%SZ) stopped='' running=''
    trap 'stopped=true; [ -z "$running" ] || kill -TERM "$running" 2>/dev/null || :' TERM
    rm -rf "$RCLONE_CACHE_DIR"
    "$program" lsf icloud: >"$TMPDIR/libraries" || exit
    grep -qxF "$library/" "$TMPDIR/libraries" || { echo "no such library: $library" && exit 3; }
    [ "$#" -gt 1 ] || set -- '' "$@"
    while [ "$#" -gt 1 ]; do
        [ -z "$stopped" ] || exit 143
        rm -f "$RCLONE_CACHE_DIR"/*/*/webservices.json # with it, a session that Apple has ended is never renewed
        into=$FOLDER${1:+/$1}
        echo "into $into"
        "$program" copy "icloud:$library/${1:-All Photos}" "$into" -vv --retries 1 --suffix "$suffix" \
            --suffix-keep-extension ${asked:+"$asked"} &
        running=$! code=0
        wait "$running" || code=$?
        [ -z "$stopped" ] || wait "$running" || code=$?
        [ "$code" -eq 0 ] || exit "$code"
        # All lists so far, of which the log's reader takes this album's: more in one is no photo of another one.
        cat "$RCLONE_CACHE_DIR"/*/*/"$library"/????????????????.json | grep -o '"ResourceKey":"resOriginalRes"' | echo "listed $(wc -l)"
        shift
    done
    echo finished
}

answer() { # signs in: each line of stdin answers one question
    said=$("$program" config create icloud iclouddrive service=photos --non-interactive 2>&1) || { failed && exit 1; }
    while state=$(echo "$said" | sed -n 's/^\t"State": "\(.*\)",$/\1/p') && [ -n "$state" ]; do
        echo "$said" | sed -n -e 's/^\t*"Value": "\(..*\)",$/\1/p' -e 's/^\t*"Help": "\(..*\)",$/\1/p'
        IFS= read -r RCLONE_RESULT || exit 1
        asked=$said
        if ! said=$("$program" config update icloud --continue --state "$state" --non-interactive 2>&1); then
            failed
            [ "$state" = 2fa_do ] || exit 1
            said=$asked
        fi
    done
    cp "$CREDENTIALS/appleId" "$COOKIES/apple-id"
}

failed() { # shows why
    echo "$said" | sed -n 's/.*Fatal error: //p'
}

mend_session() { :; } # it is written aside, and then renamed

signed_in() { # directory with a session, of whoever signs in now
    grep -qs '^trust_token = .' "$1/rclone.conf" && cmp -s "$1/apple-id" "$CREDENTIALS/appleId"
}

session_end() { :; } # Apple's cookies are kept without their dates

read_log() { # files for what is not used here, what a look misses, notes, summary
    log -v wanted="$2" -v notes="$3" -v summary="$4"
}

not_whole() { :; } # only what is whole gets its name

named_by_size() { :; }

leftovers() { # folder: prints what an interrupted run left half done
    find "$1/" -type f -name '*.partial' ! -path '*/.*'
}
