#!/bin/sh
# Makes the photo directory where it is missing, and gives it to its owner.
#
# Runs as root, with the parent mounted. So it acts in the parent only, and on nothing but what it has just made: in the
# directory its owner may put links anywhere. What goes into it, `furnish_directory.sh` does as that owner.
#
# Until it is furnished it has the sticky bit, by which a run that goes on after a kill knows it.
set -eu

if [ -L "$DIRECTORY" ] || { [ -e "$DIRECTORY" ] && [ ! -d "$DIRECTORY" ]; }; then
    refuse not-a-directory "$PLACE exists but is not a directory"
fi
if [ ! -d "$DIRECTORY" ]; then
    ! made_before || refuse directory-gone "$PLACE was created before and is gone. Is its disk mounted?"
    mkdir -m 1700 "$DIRECTORY"
fi
if is_unfinished && is_own "$DIRECTORY" && [ -z "$(ls -A "$DIRECTORY")" ] && ! made_before; then
    give "$DIRECTORY"
fi
