#!/bin/sh
# Signs an account in at Apple: the client asks, and whoever is at the other end of this script's stdin answers.
#
# The arguments are its command line, without who signs in. There is no terminal: the client reads the password, which it
# asks for first, and what is typed from one stream. A line that is only an end-of-transmission character ends it.
#
# ACCOUNT      the account's name
# CREDENTIALS  a directory with the files appleId and password
# COOKIES      the directory that keeps the account signed in
# AHEAD        days until the next scheduled run, at most
# LOGIN        the command that signs in
# WHO_OPTION, COOKIES_OPTION, SIGN_IN_OPTION
#              the client's options for the Apple ID, the session's directory, and to sign in and do nothing else
set -eu

alone "$COOKIES"
kept=$COOKIES
fresh="$COOKIES/signing-in" # what is there stays as it is until the new one is whole
work=$(mktemp -d)
new_session "$fresh"

client='' answers=''
trap '[ -z "$client" ] || kill "$client" 2>/dev/null || :; [ -z "$answers" ] || kill "$answers" 2>/dev/null || :
rm -rf "$fresh"
exit 1' TERM INT HUP
mkfifo "$work/answers"
exec 3<&0
{
    cat "$CREDENTIALS/password"
    echo
    while IFS= read -r line <&3 && [ "$line" != "$(printf '\004')" ]; do
        printf '%s\n' "$line"
    done
} >"$work/answers" 9>&- &
answers=$!
set -- "$@" ${COOKIES_OPTION:+"$COOKIES_OPTION" "$fresh"} ${WHO_OPTION:+"$WHO_OPTION" "$(cat "$CREDENTIALS/appleId")"}
"$@" "$SIGN_IN_OPTION" <"$work/answers" 2>&1 &
client=$!

code=0
wait "$client" || code=$?
kill "$answers" 2>/dev/null || :

if [ "$code" -ne 0 ] || ! signed_in "$fresh"; then
    rm -rf "$fresh"
    refuse not-signed-in "account $ACCOUNT is not signed in: see the client's output above. Try again: $LOGIN"
fi
keep_session "$kept" "$fresh" "$@"
