#!/bin/sh
# How a script ends: with one line of JSON, for programs. Functions for the scripts that this is put before.
#
# The line is the script's last one and the container's termination message; clients/result.py is its schema. What a
# script says goes into one stream: of two, a runtime loses the order. The other stays open: where one ends, containerd
# takes a command's input away (source: its exec_io.go, attachOutput).
exec 8>&2 2>&1

escaped() { # text: prints it as it stands in a string of JSON, without control characters, in at most 1000 bytes
    printf '%s' "$1" | LC_ALL=C tr '\001-\037\177' ' ' | LC_ALL=C awk '
        length($0) > 1000 { # and no character is cut in two
            $0 = substr($0, 1, 1000)
            while (substr($0, length($0)) >= "\200" && substr($0, length($0)) < "\300") $0 = substr($0, 1, length($0) - 1)
            if (substr($0, length($0)) >= "\300") $0 = substr($0, 1, length($0) - 1)
        }
        { print }' | LC_ALL=C sed 's/\\/\\\\/g; s/"/\\"/g'
}

report() { # code, sentence, then names and values: one without a value is left out
    result="\"code\":\"$1\",\"message\":\"$(escaped "$2")\""
    shift 2
    while [ "$#" -gt 1 ]; do
        case $2 in
            '') ;;
            true | false) result="$result,\"$1\":$2" ;;
            *[!0-9]* | 0?*) result="$result,\"$1\":\"$(escaped "$2")\"" ;;
            *) result="$result,\"$1\":$2" ;;
        esac
        shift 2
    done
    printf '{%s}\n' "$result" | tee /dev/termination-log 2>/dev/null || :
}

refuse() { # code, sentence, then names and values: the script fails
    report "$@"
    exit 1
}
