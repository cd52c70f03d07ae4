#!/bin/sh
# The photo directory and its marker file: functions for the scripts that it is put before.
#
# DIRECTORY  the photo directory, without a trailing slash
# PLACE      where that is, for messages
# MARK       name of the marker file
# OWNER      storage.owner as uid:gid; empty where the storage decides who owns its files
# FOLDERS    the folders in it that photos are imported to, names without blanks
# MARK_DISK  the command that shows a directory, marks it, and gives it to its owner
# RECORD     the directory ConfigMap, mounted: `made` and `marked` exist once the directory has been made or marked

changed_since_the_look() {
    refuse changed "$PLACE has changed since you looked, or its disk was mounted or unmounted: nothing was marked. Run the \
command again"
}

require_directory() {
    [ -x "${DIRECTORY%/*}/" ] ||
        refuse not-owned "user $(id -u) (storage.owner) cannot enter the parent directory of $PLACE. Allow it with chmod o+x"
    if [ -L "$DIRECTORY" ] || { [ -e "$DIRECTORY" ] && [ ! -d "$DIRECTORY" ]; }; then
        refuse not-a-directory "$PLACE exists but is not a directory"
    fi
    [ -d "$DIRECTORY" ] || refuse no-directory "$PLACE does not exist. Is its disk mounted? Only make up creates it, and only once"
}

made_before() {
    [ -e "$RECORD/made" ] || [ -e "$RECORD/marked" ]
}

make_import_folders() {
    for folder in $FOLDERS; do
        [ ! -L "$DIRECTORY/$folder" ] || refuse not-a-directory "$folder in $PLACE is a symbolic link, not a directory. Remove it"
        [ -d "$DIRECTORY/$folder" ] || mkdir "$DIRECTORY/$folder"
        [ -w "$DIRECTORY/$folder" ] ||
            refuse not-owned "$folder in $PLACE belongs to $(owner_of "$DIRECTORY/$folder"), and user $(id -u) (storage.owner) \
cannot write to it. Give it to that owner: $MARK_DISK"
    done
}

marker_id() { # prints the marker file's id; `old`: it has none, `none`: there is no such file
    marker="$DIRECTORY/$MARK"
    if [ -L "$marker" ] || [ ! -f "$marker" ]; then
        echo none
    elif [ ! -r "$marker" ]; then
        echo unreadable
    else
        id=$(sed -n 's/^id: \([0-9a-f-]*\)$/\1/p' "$marker" | head -n 1)
        echo "${id:-old}"
    fi
}

write_marker() { # id
    rm -f "$DIRECTORY/$MARK.new"
    printf '%s\nid: %s\n' \
        "immich-icloud: this is the disk with the photos. Without this file nothing is written and Immich does not start." \
        "$1" >"$DIRECTORY/$MARK.new"
    [ ! -L "$DIRECTORY/$MARK" ] || rm -f "$DIRECTORY/$MARK"
    mv -f "$DIRECTORY/$MARK.new" "$DIRECTORY/$MARK"
}

is_own() { # path: whether it belongs to the user that this script runs as
    [ -n "$(find "$1" -prune -user "$(id -u)")" ]
}

is_unfinished() { # whether the directory has been made, and not furnished since: its whole mode says so, as others set single bits
    [ -n "$(find "$DIRECTORY" -prune \( -perm 1700 -o -perm 3700 \))" ]
}

owner_of() { # path: prints uid:gid
    # shellcheck disable=SC2012 # of its output only the numbers are read
    ls -dn "$1" | awk '{ print $3 ":" $4 }'
}

give() { # path: gives that directory itself to OWNER, and nothing that takes its place meanwhile or that it links to
    (
        parent=$(cd -P "${1%/*}" && pwd -P)
        cd -P "$1" || exit 1
        [ "$(pwd -P)" = "$parent/${1##*/}" ] || refuse not-a-directory "$1 is not a directory of its own: it was replaced, or is a link"
        [ "$(owner_of .)" = "$OWNER" ] || chown "$OWNER" .
    )
}

filesystem() { # directory: prints the device and where it is mounted, without the numbers between them
    df -Pk "$1" | sed -n '2s/  *[0-9][0-9]*  *[0-9][0-9]*  *[0-9][0-9]*  *[0-9-]*%  */ /p'
}

print_of_filesystem() {
    filesystem "$DIRECTORY" | cksum | tr ' ' -
}

print_of_disk() { # prints what tells this disk from another one, or from the empty place that it is mounted on
    {
        filesystem "$DIRECTORY"
        ls -A "$DIRECTORY" 2>/dev/null
        marker_id
    } | cksum | tr ' ' -
}
