#!/bin/sh
# What the sync has to know of icloudpd beside its options: how to read its log, and what it leaves behind.
#
# SIZES        the sizes that are fetched, with a comma around each
# CREDENTIALS  a directory with the file appleId
# FOLDER       the account's folder, from where the sync runs

read_log() ( # files for paths that have their size in their name, what a look misses, notes, summary
    APPLE_ID=$(cat "$CREDENTIALS/appleId")
    export APPLE_ID
    log -v sizes="$SIZES" -v sized="$1" -v wanted="$2" -v notes="$3" -v summary="$4"
)

not_whole() ( # what a look misses, files named by their size: prints the files that may be there, but not whole
    # Of a photo whose file has another size, a look misses PATH-SIZE.EXT.
    sed -n 's/-[0-9][0-9]*\([.][^./]*\)$/\1/p' "$1"
    exec <"$2"
    # A file whose name has its size is never looked at again.
    while IFS= read -r path; do
        files_of "$path"
    done | while IFS= read -r file; do
        size=${file##*-}
        [ ! -f "$file" ] || [ "$(wc -c <"$file")" -eq "${size%%.*}" ] || printf '%s\n' "$file"
    done
)

files_of() { # path as the log has it, which shortens long ones in their middle: prints those that it may be
    case $1 in *...*) set -- "$1" "${1%%...*}"*"${1#*...}" ;; *) set -- "$1" "$1" ;; esac
    if [ -e "$2" ]; then
        shift
        printf '%s\n' "$@"
    else # a folder's end is in the middle
        set -- "$(printf '%s\n' "$1" | sed 's/[][*?\\]/\\&/g')"
        find "$FOLDER/" -type f -path "${1%%...*}*${1#*...}"
    fi
}

named_by_size() { # folder: prints the files whose name may have their size
    find "$1/" -type f -name '*-[0-9]*.*' ! -path '*/.*'
}

leftovers() { # folder: prints what an interrupted run left half done
    find "$1/" -type f -name '*.part' ! -path '*/.*'
}

mend_session() { # directory with a session: a client that is killed while it writes its session leaves half of it
    for file in "$1"/*.session; do
        if whole_session "$file"; then
            cp "$file" "$file.kept.new"
            mv "$file.kept.new" "$file.kept"
        elif [ -f "$file" ] && whole_session "$file.kept"; then
            cp "$file.kept" "$file"
        fi
    done
}

whole_session() { # file
    grep -qs '"trust_token"' "$1" && [ "$(tail -c 1 "$1")" = "}" ]
}

signed_in() { # directory with a session: the day on which someone signed in is in it, too
    grep -qs '"trust_token"' "$1"/*.session
}

session_end() { # directory: prints the day, nothing where Apple's cookies do not say
    # The first of Apple's cookies to go among those of the web session and of the browser's trust. They are kept as
    # Python's LWPCookieJar does, one a line: Set-Cookie3: NAME="..."; ...; expires="2026-12-26 08:51:49Z"; ...
    cat "$1"/* 2>/dev/null |
        grep -E '^Set-Cookie3: "?X-APPLE-(DS-WEB-SESSION-TOKEN|WEBAUTH-HSA-TRUST)' |
        sed -n 's/.*; expires="\([0-9]*-[0-9]*-[0-9]*\) .*/\1/p' | sort | head -n 1
}
