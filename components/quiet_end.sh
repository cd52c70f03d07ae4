#!/bin/sh
# How a container before the sync ends: well, whatever it came to, and without a report, as the sync's is the run's.
end_quietly() {
    trap - EXIT
    true >/dev/termination-log 2>/dev/null || : # not `:`, which would end a shell that cannot write
    exit 0
}
trap end_quietly EXIT
