#!/bin/sh
# Marks the photo directory as the right one, if it is still what somebody has looked at; makes and changes nothing else.
#
# DIRECTORY  the photo directory, without a trailing slash
# PLACE      where that is, in words
# MARK       name of the file that marks the disk
# SEEN       what told the disk from another one when somebody looked
set -eu
require_directory

[ "$(print_of_disk)" = "$SEEN" ] ||
    refuse changed "what is in $PLACE has changed since you looked, or its disk was mounted or unmounted: nothing was marked. Look again"
mark "$DIRECTORY"
report marked "$PLACE is marked"
