#!/bin/sh
# What an account's session at Apple is, and how long it lasts: functions for the scripts that it is put before.
#
# ACCOUNT  the account's name
# AHEAD    days until the next scheduled run, at most
# LOGIN    the command that signs in

alone() { # directory with a session: at Apple, and on the account's files, one at a time; it lasts as long as this script
    exec 9<"$1"
    # Where there is no flock (it is part of the image's busybox), the CronJob's own policy has to do.
    if command -v flock >/dev/null && ! flock -n 9; then
        refuse busy "another run of account $ACCOUNT is in progress. Wait until it ends"
    fi
}

private() { # directory with a session: private to this user, as far as it may change that
    chmod -R go= "$1" 2>/dev/null || :
}

day_number() { # date as YYYY-MM-DD: prints its days since 1970-01-01
    echo "$1" | awk -F - '{
        year = $1; month = $2
        if (month < 3) { year--; month += 12 } # a leap day ends such a year
        print 365 * year + int(year / 4) - int(year / 100) + int(year / 400) + int((153 * month - 457) / 5) + $3 - 719469
    }'
}

SESSION_END='' SIGNED_IN=''

tell_session() { # directory: says until when the session is good, and warns when that is too short
    today=$(day_number "$(date -u +%Y-%m-%d)")
    SESSION_END=$(session_end "$1")
    if [ -n "$SESSION_END" ]; then
        left=$(($(day_number "$SESSION_END") - today))
        echo "the session of account $ACCOUNT is valid until about $SESSION_END, according to Apple's cookies"
    elif SIGNED_IN=$(cat "$1/signed-in" 2>/dev/null) && [ "$(day_number "$SIGNED_IN")" -le "$today" ]; then
        left=$(($(day_number "$SIGNED_IN") + 30 - today))
        echo "account $ACCOUNT was signed in on $SIGNED_IN. Apple's cookies do not say when the session ends: usually after 30 to \
60 days"
    else
        left=0 SIGNED_IN='' # none, or of a day to come, when the clock was wrong
        echo "the date of the last sign-in of account $ACCOUNT is unknown. Sessions usually last 30 to 60 days"
    fi
    [ "$left" -gt "$AHEAD" ] ||
        echo "WARNING: the session may end before the next run, which is up to $AHEAD days away. Renew it: $LOGIN"
}
