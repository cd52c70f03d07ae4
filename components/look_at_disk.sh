#!/bin/sh
# Says what is in the photo directory, so that a person can tell whether it is the right one; writes nothing.
#
# Runs as storage.owner. Its result is `marked` or `unmarked`, the marker file's id (`none`, `old` as in `disk.sh`), and what
# tells its filesystem, and the disk with what is on it, from another one.
#
# BESIDE     true: its parent is here, too, so that it shows whether the directory is a mount of its own
set -eu
require_directory

if [ "$BESIDE" = true ]; then
    case $(filesystem "$DIRECTORY") in
        "$(filesystem "${DIRECTORY%/*}")") echo "It is on the same filesystem as its parent directory: no disk is mounted there" ;;
        *) echo "It is a mount of its own" ;;
    esac
    is_own "$DIRECTORY" ||
        echo "It belongs to $(owner_of "$DIRECTORY"), and storage.owner is $OWNER: marking it gives it and its import folders \
to that owner"
fi
if [ ! -r "$DIRECTORY" ] || [ ! -x "$DIRECTORY" ]; then echo "User $(id -u) (storage.owner) cannot read it"; fi
echo "Files: $(find "$DIRECTORY" -type f 2>/dev/null | wc -l | tr -d ' '), $(du -sk "$DIRECTORY" 2>/dev/null |
    awk '{ print int($1 / 1024) }') MiB"
measure
echo "Free: $FREE MiB"
folders=0 names=''
for entry in "$DIRECTORY"/*/; do
    [ -d "$entry" ] || continue
    folders=$((folders + 1))
    entry=${entry%/}
    [ "$folders" -gt 20 ] || names="$names ${entry##*/}"
done
echo "Folders: $folders$([ "$folders" -eq 0 ] || echo ", beginning with:$names")"
id=$(marker_id)
if ! made_before; then
    echo "The cluster has no record that it was created or marked before"
elif [ "$id" = none ]; then
    echo "The cluster has a record that it was created or marked before: without a marker file, the disk may not be mounted"
fi
code=marked
[ "$id" != none ] || code=unmarked
report_space "$code" "$PLACE is $code" id "$id" filesystem "$(print_of_filesystem)" fingerprint "$(print_of_disk)"
