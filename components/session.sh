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
        refuse busy "another run is at work on account $ACCOUNT: wait until it ends"
    fi
}

private() { # directory with a session: nobody else's, as far as it is this user's to say
    chmod -R go= "$1" 2>/dev/null || :
}

mend_session() { # directory with a session: a client that is killed while it writes its session leaves half of it
    for file in "$1"/*.session; do
        if whole_session "$file"; then
            cp "$file" "$file.kept.new"
            mv "$file.kept.new" "$file.kept"
        elif [ -f "$file" ] && whole_session "$file.kept"; then
            cp "$file.kept" "$file"
        fi
    done
}

whole_session() { # file
    grep -qs '"trust_token"' "$1" && [ "$(tail -c 1 "$1")" = "}" ]
}

signed_in() { # directory with a session: the day on which somebody signed in is in it, too
    grep -qs '"trust_token"' "$1"/*.session
}

session_end() { # directory: prints the day, nothing where Apple's cookies do not say
    # The first of Apple's cookies to go among those of the web session and of the browser's trust. They are kept as
    # Python's LWPCookieJar does, one a line: Set-Cookie3: NAME="..."; ...; expires="2026-12-26 08:51:49Z"; ...
    cat "$1"/* 2>/dev/null |
        grep -E '^Set-Cookie3: "?X-APPLE-(DS-WEB-SESSION-TOKEN|WEBAUTH-HSA-TRUST)' |
        sed -n 's/.*; expires="\([0-9]*-[0-9]*-[0-9]*\) .*/\1/p' | sort | head -n 1
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
        echo "the session of account $ACCOUNT is valid until about $SESSION_END, by Apple's cookies"
    elif SIGNED_IN=$(cat "$1/signed-in" 2>/dev/null); then
        left=$(($(day_number "$SIGNED_IN") + 30 - today))
        echo "account $ACCOUNT was signed in on $SIGNED_IN. Apple's cookies do not say how long that is valid: by experience 30 to \
60 days"
    else
        left=0
        echo "nobody knows when account $ACCOUNT was signed in. That is valid for 30 to 60 days, by experience"
    fi
    [ "$left" -gt "$AHEAD" ] ||
        echo "WARNING: that may end before the next run, which is up to $AHEAD days away. Renew it before that: $LOGIN"
}
