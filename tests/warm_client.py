"""The client of a warm Python, `python -IS warm_client.py PLACE ARGUMENT...`: all that it gets, its program gets.

Run for each start of one, so it imports next to nothing: `socket` and `json` would take as long as all the rest.
"""

import array
import os
import resource
import select
import signal
import sys
from _socket import AF_UNIX, SCM_RIGHTS, SOL_SOCKET, socket

# In its directory: on macOS an address may have 103 bytes, and a temporary directory takes most of them.
ADDRESS = "socket"
_PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def main() -> None:
    """Have the program started with all that this process has, and end as it does."""
    place, *arguments = sys.argv[1:]
    os.umask(mask := os.umask(0))
    limits = {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
    ignored = [number for number in _PASSED_ON if signal.getsignal(number) is signal.SIG_IGN]
    started = {
        "arguments": arguments,
        "directory": os.getcwd(),  # noqa: PTH109
        "environment": dict(os.environ),
        "mask": mask,
        "limits": {limit: resource.getrlimit(limit) for limit in limits},
        "ignored": [int(number) for number in ignored],
    }
    os.chdir(place)
    warm = socket(AF_UNIX)
    warm.connect(ADDRESS)
    warm.sendmsg([b"\n"], [(SOL_SOCKET, SCM_RIGHTS, array.array("i", range(3)))])
    warm.sendall(ascii(started).encode() + b"\n")
    # Python itself sends the number of each signal: a handler would wait for the end of a read that has just begun.
    warm.settimeout(0)
    signal.set_wakeup_fd(warm.fileno())
    for number in _PASSED_ON:
        if number not in ignored:
            signal.signal(number, lambda *_: None)
    for kept in range(3):
        os.close(kept)
    select.select([warm], [], [])
    status = int(warm.recv(16))
    if os.WIFSIGNALED(status):
        ended_by = os.WTERMSIG(status)
        if ended_by in _PASSED_ON:
            signal.signal(ended_by, signal.SIG_DFL)
        os.kill(os.getpid(), ended_by)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
