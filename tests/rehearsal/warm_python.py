"""A Python for the engine's dynamic providers that has imported what they import: 1 s of processor time a start.

The engine starts one for each of its operations, and each is a process of its own as ever: forked, with the directory,
the environment and the output that the engine gave it, running the SDK's own `pulumi.dynamic`. Modules that run `make`
(test_commands, test_recovery, test_kills) have the ordinary one.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import providers
from tests.rehearsal import warm_client

SOURCE = Path(__file__).parent.parent.parent
# What `pulumi.dynamic` imports as a program.
_IMPORTED = ("dill", "grpc", "pulumi.dynamic")


@contextmanager
def warm_python(place: Path) -> Iterator[Path]:
    """Have a warm Python in a directory for a while.

    Yields:
        A `python`, for whatever looks for one beside it.
    """
    words = shlex.join([sys.executable, "-IS", warm_client.__file__, str(place)])
    for name in ("python", "python3"):
        (place / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (place / name).chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-u", "-m", __name__, place], cwd=SOURCE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as warm:
        assert warm.stdout
        assert warm.stdout.readline() == b"ready\n"
        yield place / "python"
        warm.communicate()  # the end of its input ends it


def main() -> None:
    """Fork for each client, until the input ends."""
    ours = (module.name for module in pkgutil.iter_modules(providers.__path__, f"{providers.__name__}."))
    for name in (*_IMPORTED, *ours):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(sys.argv[1])
        listening.bind(warm_client.ADDRESS)
        listening.listen()
        sys.stdout.write("ready\n")
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            with listening.accept()[0] as client:
                if os.fork() == 0:
                    listening.close()
                    _become_provider(client)


def _become_provider(client: socket.socket) -> NoReturn:
    _, outputs, *_ = socket.recv_fds(client, 1, 2)
    started: dict[str, Any] = json.loads(client.makefile("rb").readline())
    for output, number in zip(outputs, (1, 2), strict=True):
        os.dup2(output, number)
        os.close(output)
    os.chdir(started["directory"])
    os.environ.clear()
    os.environ.update(started["environment"])
    sys.argv[1:] = started["arguments"]
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=[client], daemon=True).start()
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)
    sys.exit()


def _end_with(client: socket.socket) -> NoReturn:
    """End as soon as the client does: it is what the engine ends."""
    client.recv(1)
    os._exit(0)


if __name__ == "__main__":
    main()
