#!/bin/sh
# Lists the files of import folders, so that they can be compared with what Immich has; writes nothing.
#
# The list ends each path with a zero byte. It is compressed, as a runtime keeps only some MiB of a log, and its checksum
# tells when a part of it is lost.
#
# DIRECTORY  the photo directory
# FOLDERS    the folders' names
# MARK       name of the file that marks the disk
# DISK_ID    the id that it has to have
# MARK_DISK  the command that marks a disk
set -eu

{ [ -n "$DISK_ID" ] && grep -qsx "id: $DISK_ID" "$DIRECTORY/$MARK"; } ||
    refuse no-mark "the photo disk's marker file $MARK is missing, or has the id of another disk. Is the disk mounted? If it \
is, mark it: $MARK_DISK"
cd "$DIRECTORY"
unread=$(mktemp)
# shellcheck disable=SC2086 # folders' names have no blanks
find $FOLDERS -type f ! -path '*/.*' -print0 2>"$unread" | gzip -c | base64
[ ! -s "$unread" ] || refuse not-readable "user $(id -u) can't read all of $FOLDERS: $(head -n 1 "$unread")"
report listed "these are the files of $FOLDERS"
