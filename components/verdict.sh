#!/bin/sh
# Keeps a run's verdict for the pod's next container, which tells it and ends with its code: put before a script.
#
# A pod whose init container fails runs no other one, so the script ends well here, whatever it came to.
#
# VERDICT  a directory of both containers
# COOKIES  the directory that keeps the account signed in; what has been told is kept in it, too

keep_verdict() { # exit code
    trap - EXIT
    cp /dev/termination-log "$VERDICT/result" 2>/dev/null || :
    mkdir -p "$COOKIES/told" 2>/dev/null || :
    echo "$1" >"$VERDICT/code"
    exit 0
}
trap 'keep_verdict "$?"' EXIT
