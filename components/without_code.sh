#!/bin/sh
# How often the client may ask Apple for a code: functions for the scripts that this is put before.
#
# CODE_OPTION  the client's option for a program that it runs just before it asks for one

end_before_code() { # file, directory: makes the program; where there is no such directory yet, one code may be asked for
    printf '%s\n' '#!/bin/sh' "mkdir '$2' 2>/dev/null || kill \$PPID" >"$1"
    chmod u+x "$1"
}
