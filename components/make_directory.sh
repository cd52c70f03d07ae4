#!/bin/sh
# Makes the photo directory where it is missing, and marks it as the right disk: once, when it is first made.
#
# An empty directory may be the place of a disk that is not mounted, and Immich trashes every photo that it does not find.
# So a directory that was found is marked only when its owner asked for it (ADOPT=true), and one that was made or marked
# before (RECORD exists) is never made or marked again.
#
# DIRECTORY  the photo directory, without a trailing slash
# FOLDERS    the folders in it that photos are imported to, names without blanks
# OWNER      uid:gid of what is made; empty where the storage decides
# MARK       name of the file that marks the disk
# ADOPT      true: a directory that exists is the right one
# RECORD     a file that exists once the directory has been made
# MARK_DISK  the command that marks a directory
# KUBELETS   a directory on the kubelet's filesystem
set -eu

tell() { # code, sentence
    measure
    report_space "$@"
}

own() { # directory
    [ -z "$OWNER" ] || chmod 755 "$1"
    [ -z "$OWNER" ] || chown "$OWNER" "$1"
}

furnish() { # directory
    own "$1"
    for folder in $FOLDERS; do
        mkdir -p "$1/$folder"
        own "$1/$folder"
    done
}

if [ -f "$DIRECTORY/$MARK" ]; then
    furnish "$DIRECTORY"
    tell found "$DIRECTORY is there, and marked"
elif [ -d "$DIRECTORY" ] && [ -e "$RECORD" ]; then
    refuse mark-gone "the photo directory was marked before and its mark is gone: is its disk mounted? If it is the right \
one: $MARK_DISK"
elif [ -d "$DIRECTORY" ] && [ "$ADOPT" = true ]; then
    furnish "$DIRECTORY"
    mark "$DIRECTORY"
    tell marked "$DIRECTORY was there, and is marked now"
elif [ -d "$DIRECTORY" ]; then
    refuse unmarked "the photo directory exists and has no mark ($MARK): is its disk mounted? If it is the right one: \
$MARK_DISK"
elif [ -e "$DIRECTORY" ] || [ -L "$DIRECTORY" ]; then
    refuse not-a-directory "what stands in the photo directory's place is no directory"
elif [ -e "$RECORD" ]; then
    refuse directory-gone "the photo directory was made before and is gone: is its disk mounted?"
else
    # Whole or not at all: a directory without its mark would be taken for somebody else's.
    unfinished="$DIRECTORY.immich-icloud-unfinished"
    rm -f "$unfinished/$MARK"
    for folder in $FOLDERS; do
        [ ! -d "$unfinished/$folder" ] || rmdir "$unfinished/$folder"
    done
    [ ! -d "$unfinished" ] || rmdir "$unfinished"
    mkdir "$unfinished"
    furnish "$unfinished"
    mark "$unfinished"
    mv "$unfinished" "$DIRECTORY"
    tell made "$DIRECTORY is made, and marked"
fi
