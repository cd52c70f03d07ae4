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
# WHO_OPTION, COOKIES_OPTION, SIGN_IN_OPTION, LIST_OPTION
#              the client's options for the Apple ID, the session's directory, to sign in and do nothing else, and a list that
#              is shown only where photos can be fetched
set -eu

# A directory of its own: without an old session the client always asks for the password, and never takes it for a code.
# What is there stays as it is until the new one is whole.
umask 077
alone "$COOKIES"
kept=$COOKIES
fresh="$COOKIES/signing-in"
work=$(mktemp -d)
rm -rf "$fresh"
mkdir "$fresh"

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
COOKIES=$fresh
set -- "$@" ${COOKIES_OPTION:+"$COOKIES_OPTION" "$fresh"} ${WHO_OPTION:+"$WHO_OPTION" "$(cat "$CREDENTIALS/appleId")"}
"$@" "$SIGN_IN_OPTION" <"$work/answers" 2>&1 &
client=$!

code=0
wait "$client" || code=$?
kill "$answers" 2>/dev/null || :

if [ "$code" -ne 0 ] || ! signed_in "$fresh"; then
    rm -rf "$fresh"
    refuse not-signed-in "account $ACCOUNT is not signed in: see above what the client says. Try again: $LOGIN"
fi
# Apple signs an account in whose photos it keeps from the web. What may pass by itself is the next sync's affair.
cd "$work"
: >notes
"$@" "$LIST_OPTION" <"$CREDENTIALS/password" >log 2>&1 || read_log sized wanted notes summary <log >/dev/null
class=$(why <notes)
if [ -n "$class" ] && ! passes "$class"; then
    rm -rf "$fresh"
    remedy=$(explain "$class")
    refuse "$class" "${remedy%", then: $LOGIN"}, then: $LOGIN"
fi
date -u +%Y-%m-%d >"$fresh/signed-in"
trap '' TERM INT HUP # now it is whole: ended half-way, it would be neither
for file in "$kept"/*; do # of another Apple ID
    if [ -f "$file" ] && [ ! -e "$fresh/${file##*/}" ]; then rm "$file"; fi
done
mv "$fresh"/* "$kept"
rmdir "$fresh"
private "$kept"
tell_session "$kept"
report signed-in "account $ACCOUNT is signed in" sessionEnd "$SESSION_END" signedIn "$SIGNED_IN"
