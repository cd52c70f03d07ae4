#!/bin/sh
# A folder that another program filled, as it is before anything is fetched into it: functions for the sync.

_SHOWN=10

shorten() { # what they are: passes on the first lines, and says how many more there are
    awk -v most="$_SHOWN" -v what="$1" 'NR <= most { print "  " $0 } END { if (NR > most) print "  and " NR - most " more " what }'
}

describe_folder() { # folder: prints who owns each folder in it, and what was changed last
    for entry in "$1"/*/; do
        [ -d "$entry" ] || continue
        entry=${entry%/}
        owners=$(find "$entry" -exec stat -c %u:%g {} + | sort | uniq -c | sort -rn | awk '{ printf "%s%s (%d)", s, $2, $1; s = ", " }')
        echo "${entry##*/}: owned by $owners"
    done | shorten folders
    find "$1/" -type f ! -path '*/.*' -exec stat -c '%Z %n' {} + | sort -rn | head -n 1 | {
        read -r changed path || exit 0
        echo "  last changed on $(date -u -d "@$changed" +%Y-%m-%d 2>/dev/null || echo "$changed"): $path. If another program still \
writes there, stop it first"
    }
}

not_writable() { # folder: prints the folders in it that this user can't write to, with their owners
    find "$1/" -type d ! -path '*/.*' | while IFS= read -r entry; do
        if [ ! -w "$entry" ] || [ ! -x "$entry" ]; then echo "$entry ($(stat -c %u:%g "$entry"))"; fi
    done
}

sort_wanted() { # folder, what a look misses: prints `elsewhere`, `other` or `lacking` with each, and what is there instead
    find "$1/" -type f ! -path '*/.*' >"$2.there"
    awk -v folder="$1/" '
        FNR == NR { path = $0; sub("^" folder "/*", folder, path); there[path]; name = path; sub(/.*\//, "", name); at[name] = path; next }
        {
            name = $0; sub(/.*\//, "", name)
            plain = $0; sub(/-[0-9]+[.][^.\/]*$/, "", plain)
            if (plain != $0) { ending = name; sub(/.*[.]/, "", ending); plain = plain "." ending }
            if (plain != $0 && plain in there) print "other " plain
            else if (name in at) print "elsewhere " at[name] ", and not " $0
            else print "lacking " $0
        }' "$2.there" "$2"
}
