#!/bin/sh
# What the sync has to know of icloudpd beside its options: how to read its log, and what it leaves behind.
#
# SIZES        the sizes that are fetched, with a comma around each
# CREDENTIALS  a directory with the file appleId

read_log() ( # files for paths that have their size in their name, what a look misses, notes, summary
    APPLE_ID=$(cat "$CREDENTIALS/appleId")
    export APPLE_ID
    log -v sizes="$SIZES" -v sized="$1" -v wanted="$2" -v notes="$3" -v summary="$4"
)

not_whole() ( # what a look misses, files named by their size: prints the files that may be there, but not whole
    # Of a photo whose file has another size, a look misses PATH-SIZE.EXT.
    sed -n 's/-[0-9][0-9]*\([.][^./]*\)$/\1/p' "$1"
    exec <"$2"
    # A file whose name has its size is never looked at again. The log shortens long paths in their middle.
    while IFS= read -r path; do
        case $path in *...*) set -- "${path%%...*}"*"${path#*...}" ;; *) set -- "$path" ;; esac
        for file; do
            size=${file##*-}
            [ ! -f "$file" ] || [ "$(wc -c <"$file")" -eq "${size%%.*}" ] || printf '%s\n' "$file"
        done
    done
)

named_by_size() { # folder: prints the files whose name may have their size
    find "$1/" -type f -name '*-[0-9]*.*' ! -path '*/.*'
}

leftovers() { # folder: prints what an interrupted run left half done
    find "$1/" -type f -name '*.part' ! -path '*/.*'
}

needs_a_person() { # class: whether to try again would be one more wrong sign-in, or push one more code
    case $1 in signed-out | wrong-password | locked) ;; *) return 1 ;; esac
}

passes() { # class: whether it may pass by itself within hours
    case $1 in apple-busy | no-connection) ;; *) return 1 ;; esac
}
