#!/bin/sh
# What the sync has to know of icloudpd beside its options: how to read its log, and what it leaves behind.
#
# SIZES        the sizes that are fetched, with a comma around each
# CREDENTIALS  a directory with the file appleId

read_log() ( # file for paths before they are fetched, what a look misses, notes, summary
    APPLE_ID=$(cat "$CREDENTIALS/appleId")
    export APPLE_ID
    log -v sizes="$SIZES" -v pending="$1" -v wanted="$2" -v notes="$3" -v summary="$4"
)

not_whole() { # paths before they were fetched, what a look misses: prints the files that are there, but not whole
    cut_files -v wanted="$2" <"$1"
    # A file whose name has its size is never looked at again.
    sed -n 's/^size //p' "$1" | while IFS= read -r path; do
        size=${path##*-}
        [ ! -f "$path" ] || [ "$(wc -c <"$path")" -eq "${size%%.*}" ] || printf '%s\n' "$path"
    done
}

leftovers() { # paths before they were fetched: prints what an interrupted run left half done
    sed -n 's/^[a-z]* \(.*\)\/[^/]*$/\1/p' "$1" | sort -u | while IFS= read -r folder; do
        for file in "$folder"/*.part; do
            [ ! -f "$file" ] || printf '%s\n' "$file"
        done
    done
}

needs_a_person() { # class: whether to try again would be one more wrong sign-in, or push one more code
    case $1 in signed-out | wrong-password | locked) ;; *) return 1 ;; esac
}
