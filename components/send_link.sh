#!/bin/sh
# Sends the link to the page on which an account is signed in, before that page waits. It runs in Apprise's image.
#
# PAGE   a directory of the containers around the page: the file `needed` has the link sent; removed if no URL is reached
# URLS   Apprise URLs, one a line
# TITLE, BODY
#        what is sent
set -efu

[ -e "$PAGE/needed" ] || exit 0
place=0 unreached=0
for url in $URLS; do
    # What it says may have parts of the URL.
    if ! printf '%s\n' "$BODY" | APPRISE_URLS=$url timeout 120 apprise --storage-mode memory --input-format text \
        --notification-type warning --title "$TITLE" >/dev/null 2>&1; then
        echo "notifications.urls[$place] could not be reached"
        unreached=$((unreached + 1))
    fi
    place=$((place + 1))
done
if [ "$unreached" -lt "$place" ]; then
    echo "sent: $TITLE"
else
    rm "$PAGE/needed"
fi
