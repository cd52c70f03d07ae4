#!/bin/sh
# What stands in the photo directory's place, and its mark: functions for the scripts that it is put before.
#
# DIRECTORY  the photo directory, without a trailing slash
# PLACE      where that is, in words
# MARK       name of the file that marks the disk

require_directory() {
    [ -d "$DIRECTORY" ] || {
        [ ! -e "$DIRECTORY" ] && [ ! -L "$DIRECTORY" ] || refuse not-a-directory "what stands in the place of $PLACE is no directory"
        refuse no-directory "there is no directory $PLACE. Is its disk mounted? Only make up makes it, and only once"
    }
}

filesystem() { # directory: prints the device and where it is mounted, without the numbers between them
    df -Pk "$1" | sed -n '2s/  *[0-9][0-9]*  *[0-9][0-9]*  *[0-9][0-9]*  *[0-9-]*%  */ /p'
}

print_of_disk() { # prints what tells this disk from another one, or from the empty place that it is mounted on
    {
        filesystem "$DIRECTORY"
        ls -A "$DIRECTORY"
    } | cksum
}

mark() { # directory
    echo "immich-icloud: this is the disk with the photos. Without this file nothing is written and Immich does not start." \
        >"$1/$MARK"
}
