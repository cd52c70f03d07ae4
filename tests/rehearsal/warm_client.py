"""The client of a warm Python: `python -IS warm_client.py PLACE ARGUMENT...`; ends with what it had started.

Run for each start of a provider, so it imports next to nothing.
"""

import json
import os
import signal
import socket
import sys

PROVIDER = ["-u", "-m", "pulumi.dynamic"]
# In its directory: on macOS an address may have 103 bytes, and a temporary directory takes most of them.
ADDRESS = "socket"


def main() -> None:
    """Have a provider started with this process's directory, environment and output, and stay until it ends."""
    place, *arguments = sys.argv[1:]
    if arguments[:3] != PROVIDER:
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    started = {"arguments": arguments[3:], "directory": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109
    os.chdir(place)
    with socket.socket(socket.AF_UNIX) as warm:
        warm.connect(ADDRESS)
        socket.send_fds(warm, [b"\n"], [1, 2])
        warm.sendall(json.dumps(started).encode() + b"\n")
        for kept in (1, 2):
            os.close(kept)
        warm.recv(1)


if __name__ == "__main__":
    main()
