#!/bin/sh
# Files that a run fetched and that are not whole: they are moved aside, and settled once they have been fetched again.
#
# What was fetched since is told by the file that was made before the first fetch, not by the log: a process that is killed
# has not read all of it. Nothing is deleted but what another file begins with.

fetched_since() { # file: passes on those paths that are not older, by the clock of their own filesystem
    since=$(stat -c %Z "$1")
    while IFS= read -r path; do
        [ ! -f "$path" ] || [ "$(stat -c %Z "$path")" -lt "$since" ] || printf '%s\n' "$path"
    done
}

set_aside() { # file from before the first fetch, what a look misses, files named by their size, directory: was there any?
    {
        not_whole "$2" /dev/null | fetched_since "$1"
        not_whole /dev/null "$3" # the log tells of what was just fetched, whatever the clock says
    } | sort -u >"$2.aside"
    : >"$3"
    [ -s "$2.aside" ] || return 1
    mkdir -p "$4"
    pass=$(mktemp -d "$4/XXXXXX")
    while IFS= read -r path; do
        mkdir -p "$pass/${path%/*}"
        for earlier in "$4"/*/"$path"; do # a file that is the same each time is kept once
            if cmp -s "$earlier" "$path"; then rm "$earlier"; fi
        done
        mv "$path" "$pass/$path"
        echo "incomplete, and fetched again: $path"
    done <"$2.aside"
}

begins_with() { # file, other file
    head -c "$(wc -c <"$2")" "$1" | cmp -s - "$2"
}

beside() { # path: prints the files that have its name, and their size in it
    case ${1##*/} in *.*) ls -d "${1%.*}"-[0-9]*."${1##*.}" 2>/dev/null ;; esac
}

all_there() { # file, path: is what begins with the file at the path, or beside it under its size?
    { printf '%s\n' "$2" && beside "$2"; } | while IFS= read -r file; do
        if begins_with "$file" "$1"; then echo yes; fi
    done | grep -q yes
}

settle_aside() { # directory: once all is fetched
    [ -d "$1" ] || return 0
    find "$1" -type f | while IFS= read -r moved; do
        path=${moved#"$1"/*/}
        if [ ! -e "$path" ]; then # Apple has it no longer
            mkdir -p "${path%/*}"
            mv "$moved" "$path"
        elif begins_with "$moved" "$path"; then # that one is cut
            mv "$moved" "$path"
        elif all_there "$moved" "$path"; then
            rm "$moved"
        else # it is another photo, or was edited
            name=${path##*/}
            case $name in *.*) stem=${path%.*} ending=-$(wc -c <"$path" | tr -d ' ').${name##*.} ;; *) stem=$path ending=-other ;; esac
            while [ -e "$stem$ending" ] && ! cmp -s "$path" "$stem$ending"; do stem=$stem-other; done
            mv "$path" "$stem$ending"
            mv "$moved" "$path"
        fi
        # Where a cut file lay at its path, the photo was fetched under its size.
        beside "$path" | while IFS= read -r whole; do
            if begins_with "$whole" "$path"; then mv "$whole" "$path"; fi
        done
    done
    find "$1" -depth -type d -exec rmdir {} \; 2>/dev/null || : # what could not be looked at stays
}
