#!/bin/sh
# Makes the import folders in the photo directory, and sees to its marker file. Runs as storage.owner.
#
# An empty directory may be the place of a disk that is not mounted, and Immich trashes every photo that it does not find.
# So a directory is marked only when this stack has just made it, or when its owner asked for it (ADOPT=true). One that was
# made or marked before is marked by a command only. A marker file of 0.2 has no id: it gets one where photos are, once.
#
# DISK_ID    the id that the marker file has to have
# ADOPT      true: a directory that exists is the right one
set -eu
umask 022 # whoever reads photos reads what it makes

ask_for_mark() { # code, what is wrong
    refuse "$1" "$PLACE $2. Is the right disk mounted? If it is: $MARK_DISK"
}

just_made() {
    is_unfinished && [ -z "$(find "$DIRECTORY" -type f ! -name "$MARK.new" | head -n 1)" ]
}

holds_photos() {
    for folder in $FOLDERS; do
        [ -z "$(find "$DIRECTORY/$folder" -type f ! -name "$MARK*" 2>/dev/null | head -n 1)" ] || return 0
    done
    return 1
}

require_directory
: "${DISK_ID:?has no value: the directory ConfigMap has no id}"
if [ -n "$OWNER" ] && ! is_own "$DIRECTORY"; then
    refuse not-owned "$PLACE belongs to $(owner_of "$DIRECTORY") and storage.owner is $OWNER. See what is in it and give it to that \
owner: $MARK_DISK"
fi

id=$(marker_id)
marks=true
case $id in
    "$DISK_ID") marks='' ;;
    old)
        if [ -e "$RECORD/marked" ]; then
            ask_for_mark old-mark "has a marker file without an id (as 0.2 wrote it), and this stack's disk has an id"
        elif ! holds_photos && { [ "$ADOPT" != true ] || made_before; }; then
            ask_for_mark old-mark "has a marker file without an id (as 0.2 wrote it on every disk), and no photos"
        fi
        ;;
    none)
        if made_before; then
            ask_for_mark mark-gone "was marked before, and its marker file is gone"
        elif ! just_made && [ "$ADOPT" != true ]; then
            ask_for_mark unmarked "exists and has no marker file ($MARK)"
        fi
        ;;
    *) ask_for_mark other-disk "has the marker file of another disk: its id differs" ;;
esac

make_import_folders
[ -z "$marks" ] || write_marker "$DISK_ID"
if [ -n "$OWNER" ]; then
    chgrp "${OWNER#*:}" "$DIRECTORY"
    chmod 755 "$DIRECTORY" # last: without the sticky bit it counts as furnished
fi
measure
if [ -z "$marks" ]; then
    report_space found "$PLACE exists and is marked"
else
    report_space marked "$PLACE exists and is now marked"
fi
