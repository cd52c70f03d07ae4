#!/bin/sh
# Gives the photo directory and its import folders to storage.owner, once a person has seen their owners and confirmed.
#
# Runs as root. Files in them stay whose they are.
#
# SEEN_FILESYSTEM  what told the disk's filesystem from another one when a person looked
set -eu

require_directory
[ "$(print_of_filesystem)" = "$SEEN_FILESYSTEM" ] || changed_since_the_look
give "$DIRECTORY"
for folder in $FOLDERS; do
    if [ -d "$DIRECTORY/$folder" ] && [ ! -L "$DIRECTORY/$folder" ]; then give "$DIRECTORY/$folder"; fi
done
