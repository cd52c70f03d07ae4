#!/bin/sh
# Says what is in the photo directory, so that somebody can tell whether it is the right one; writes nothing.
#
# Its result is `marked`, or `unmarked` and what tells the disk from another one.
#
# DIRECTORY  the photo directory, without a trailing slash
# PLACE      where that is, in words
# MARK       name of the file that marks the disk
# BESIDE     true: its parent is here, too, so that it shows whether the directory is a mount of its own
# RECORD     a file that exists once the directory has been made or marked
# KUBELETS   a directory on the kubelet's filesystem
set -eu
require_directory

if [ "$BESIDE" = true ]; then
    case $(filesystem "$DIRECTORY") in
        "$(filesystem "${DIRECTORY%/*}")") echo "It is on the same filesystem as its parent directory: no disk is mounted there" ;;
        *) echo "It is a mount of its own" ;;
    esac
fi
echo "Files: $(find "$DIRECTORY" -type f | wc -l | tr -d ' '), $(du -sk "$DIRECTORY" | awk '{ print int($1 / 1024) }') MiB"
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
if [ -e "$RECORD" ]; then
    echo "It was made or marked before, says the cluster: then a missing mark may mean a disk that is not mounted"
else
    echo "The cluster does not remember that it was made or marked before"
fi

if [ -f "$DIRECTORY/$MARK" ]; then
    report_space marked "$PLACE is marked"
else
    report_space unmarked "$PLACE has no mark" fingerprint "$(print_of_disk)"
fi
