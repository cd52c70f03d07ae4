#!/bin/sh
# Finds out, before a sync, whether someone has to sign the account in: then the link is sent, and the page waits.
#
# The arguments are the client's command line, without who signs in. Apple is asked for no code here: the client is ended
# before it does that.
#
# PAGE         a directory of the containers around the page: the file `needed` in it has the link sent
# AGAIN_AFTER  days after which a link is sent again, until someone signs in
# CREDENTIALS  a directory with the files appleId and password
# COOKIES      the directory that keeps the account signed in
# WHO_OPTION, COOKIES_OPTION, SIGN_IN_OPTION
#              the client's options for the Apple ID, the session's directory, and to sign in and do nothing else
set -eu

refused="$COOKIES/refused" # why no sign-in is tried until someone signs in
asked="$COOKIES/asked"     # the day on which the page last waited

[ -w "$COOKIES" ] || exit # a volume of root's, as a new one may be: the first sign-in is by the command
alone "$COOKIES"
mend_session "$COOKIES"
work=$(mktemp -d)
cd "$work"

class=$(cat "$refused" 2>/dev/null || :)
if [ -z "$class" ] && ! signed_in "$COOKIES"; then
    class=signed-out
elif [ -z "$class" ]; then
    mkdir none
    end_before_code "$work/ends" "$work/none"
    : >notes
    "$@" "$COOKIES_OPTION" "$COOKIES" "$WHO_OPTION" "$(cat "$CREDENTIALS/appleId")" "$SIGN_IN_OPTION" \
        "$CODE_OPTION" "$work/ends" <"$CREDENTIALS/password" >log 2>&1 || :
    read_log sized wanted notes summary <log
    class=$(why <notes)
    if needs_a_person "$class"; then echo "$class" >"$refused"; fi
fi
private "$COOKIES"
[ "$class" = signed-out ] || exit
today=$(day_number "$(date -u +%Y-%m-%d)")
last=$(day_number "$(cat "$asked" 2>/dev/null || :)" || :)
since=$((today - last)) # below zero, the clock was wrong
if [ ! -s "$asked" ] || [ "$since" -lt 0 ] || [ "$since" -ge "$AGAIN_AFTER" ]; then
    : >"$PAGE/needed"
else
    echo "account $ACCOUNT: the sign-in link was sent on $(cat "$asked"). It is sent again $AGAIN_AFTER days later"
fi
