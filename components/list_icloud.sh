#!/bin/sh
# Lists what an account has at Apple: its libraries, and the albums of the one that is fetched.
#
# The arguments are the client's command line, but for who signs in and what is listed.
#
# ACCOUNT      the account's name
# CREDENTIALS  a directory with the files appleId and password
# COOKIES      the directory that keeps the account signed in
# WHO_OPTION, COOKIES_OPTION, LIST_OPTIONS
#              the client's options for the Apple ID, the session's directory, and each list
set -eu

work=$(mktemp -d)
cd "$work"
alone "$COOKIES"
mend_session "$COOKIES"
signed_in "$COOKIES" || refuse signed-out "$(explain signed-out)"
for option in $LIST_OPTIONS; do
    code=0
    "$@" ${COOKIES_OPTION:+"$COOKIES_OPTION" "$COOKIES"} ${WHO_OPTION:+"$WHO_OPTION" "$(cat "$CREDENTIALS/appleId")"} "$option" <"$CREDENTIALS/password" >log 2>&1 || code=$?
    : >notes
    read_log sized wanted notes summary <log | grep -v '^[0-9-]* [0-9:]* INFO ' || :
    class=$(why <notes)
    [ -z "$class" ] || refuse "$class" "$(explain "$class" "$(tail -n 1 log)")"
    [ "$code" -eq 0 ] || refuse client-exit "the client exited with code $code. Its last output: $(tail -n 1 log)"
done
private "$COOKIES"
report listed "these are the libraries of account $ACCOUNT, and the albums of the one that is fetched"
