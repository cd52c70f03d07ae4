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
        echo "not whole, and fetched again: $path"
    done <"$2.aside"
}

settle_aside() { # directory: once all is fetched
    [ -d "$1" ] || return 0
    find "$1" -type f | while IFS= read -r moved; do
        path=${moved#"$1"/*/}
        if [ ! -e "$path" ]; then # Apple has it no longer
            mkdir -p "${path%/*}"
            mv "$moved" "$path"
        elif head -c "$(wc -c <"$moved")" "$path" | cmp -s - "$moved"; then
            rm "$moved"
        else # it is another photo, or was edited
            name=${path##*/}
            case $name in *.*) stem=${path%.*} ending=-$(wc -c <"$path" | tr -d ' ').${name##*.} ;; *) stem=$path ending=-other ;; esac
            while [ -e "$stem$ending" ] && ! cmp -s "$path" "$stem$ending"; do stem=$stem-other; done
            mv "$path" "$stem$ending"
            mv "$moved" "$path"
        fi
    done
    find "$1" -depth -type d -exec rmdir {} \; 2>/dev/null || : # what could not be looked at stays
}
