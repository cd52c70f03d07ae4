#!/bin/sh
# Marks the photo directory as the right one, if it is still what a person has looked at, and makes the import folders.
#
# Runs as storage.owner.
#
# SEEN    what told the disk from another one when a person looked
# NEW_ID  the id that it gets: from then on, whatever was marked before is another disk
set -eu
umask 022 # whoever reads photos reads what it makes

require_directory
[ "$(print_of_disk)" = "$SEEN" ] || changed_since_the_look
[ -w "$DIRECTORY" ] || refuse not-owned "user $(id -u) (storage.owner) cannot write to $PLACE, which belongs to $(owner_of "$DIRECTORY")"
make_import_folders
write_marker "$NEW_ID"
report marked "$PLACE is marked"
