#!/bin/sh
# Signs an account in at Apple by the client's own page, on which someone types the code; the link to it was sent before.
#
# The arguments are the client's command line, without who signs in. The client would wait forever, and ask for one code
# after the other where Apple does not answer well: it waits for a while here, and for each code it is started again.
#
# PAGE         a directory of the containers around the page: the file `needed` in it has the page opened
# URL          where the page is reached
# LASTS        seconds that the page waits
# ACCOUNT      the account's name
# CREDENTIALS  a directory with the files appleId and password
# COOKIES      the directory that keeps the account signed in
# AHEAD        days until the next scheduled run, at most
# LOGIN        the command that signs in
# WHO_OPTION, COOKIES_OPTION, SIGN_IN_OPTION
#              the client's options for the Apple ID, the session's directory, and to sign in and do nothing else
set -eu

[ -e "$PAGE/needed" ] || exit
alone "$COOKIES"
kept=$COOKIES
fresh="$COOKIES/signing-in"
date -u +%Y-%m-%d >"$COOKIES/asked"
work=$(mktemp -d)
end=$(($(date +%s) + LASTS))
set -- "$@" "$COOKIES_OPTION" "$fresh" "$WHO_OPTION" "$(cat "$CREDENTIALS/appleId")"

client='' clock='' reader=''
trap '[ -z "$client" ] || kill "$client" 2>/dev/null || :; [ -z "$clock" ] || kill "$clock" 2>/dev/null || :
rm -rf "$fresh" "$kept/asked" # ended from outside, it has not waited: the next run sends the link again
exit' TERM INT HUP

end_at() { # second, process: ends it then
    sleep "$(($1 - $(date +%s)))" >/dev/null 2>&1 &
    sleeper=$!
    trap 'kill "$sleeper"' TERM
    wait "$sleeper" && kill "$2" 2>/dev/null
}

wait_for_code() { # the client's command line: whether it signed in
    new_session "$fresh"
    rm -rf "$work/code" "$work/said"
    mkfifo "$work/said"
    : >"$work/notes"
    read_log "$work/sized" "$work/wanted" "$work/notes" "$work/summary" <"$work/said" &
    reader=$!
    "$@" "$SIGN_IN_OPTION" "$CODE_OPTION" "$work/ends" <"$CREDENTIALS/password" >"$work/said" 2>&1 &
    client=$!
    end_at "$end" "$client" 9>&- &
    clock=$!
    code=0
    wait "$client" || code=$?
    client=''
    kill "$clock" 2>/dev/null || :
    wait "$reader" || :
    [ "$code" -eq 0 ] && signed_in "$fresh"
}

echo "account $ACCOUNT: open $URL, and type the code that Apple sends to its devices"
end_before_code "$work/ends" "$work/code"
codes=3 # more than one only where a page's code could not be used, as someone was there too late for it
until wait_for_code "$@"; do
    codes=$((codes - 1))
    if [ "$codes" -eq 0 ] || [ ! -d "$work/code" ] || [ "$(date +%s)" -ge "$end" ]; then
        rm -rf "$fresh"
        class=$(why <"$work/notes")
        if needs_a_person "$class"; then echo "$class" >"$kept/refused"; fi
        echo "account $ACCOUNT is not signed in: see the client's output above"
        exit
    fi
done
keep_session "$kept" "$fresh" "$@"
