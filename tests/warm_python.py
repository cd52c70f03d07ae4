"""A Python that has imported what a program imports, which is most of what the start of one takes.

Each start is a process of its own as ever: forked, with the arguments, directory, environment, streams, limits and
ignored signals of a client, which is what whoever starts the program sees. It passes signals on, and ends as the
program does; a client that is killed takes the program with it.

So start the dynamic providers (1 s of processor time for each of the engine's operations) and icloudpd (half a second,
up to five times a sync). Ordinary starts are those of modules that run `make` (test_commands, test_recovery,
test_kills), and of icloudpd each first sign-in, the command lines' tests, and all in `make soak`.

It runs as a script of whatever interpreter has the modules, so nothing of this project is imported here.
"""

import ast
import contextlib
import gc
import importlib
import os
import resource
import runpy
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, NoReturn

_CLIENT = Path(__file__).with_name("warm_client.py")
_ADDRESS = "socket"  # the client's


@contextmanager
def warm_python(
    place: Path,
    begins: Sequence[str],
    modules: Iterable[str],
    *,
    python: Path = Path(sys.executable),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Path]:
    """Have a warm Python in a directory for a while: for programs whose command line `begins` like that.

    Yields:
        A `python`, for whatever looks for one beside it. What begins otherwise, it starts as ever.

    """
    client = shlex.join([str(python), "-IS", str(_CLIENT), str(place)])
    fits = f'case "$* " in {shlex.quote(" ".join(begins))}\\ *) exec {client} "$@" ;; esac'
    for name in ("python", "python3"):
        (place / name).write_text(f'#!/bin/sh\n{fits}\nexec {shlex.quote(str(python))} "$@"\n')
        (place / name).chmod(0o755)
    unbuffered = ["-u"] if begins[0] == "-u" else []
    with subprocess.Popen(
        [python, *unbuffered, __file__, place, *modules],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # without a terminal that a program could ask
    ) as warm:
        assert warm.stdout
        assert warm.stdout.readline() == b"ready\n"
        yield place / "python"  # and the end of its input ends it


def main() -> None:
    """Fork for each client, until the input ends."""
    place, *modules = sys.argv[1:]
    sys.path[0] = ""  # the directory of what is forked
    for name in modules:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # A shell's background job ignores it, and so does all that it starts. A client says whether its program should.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(place)
        listening.bind(_ADDRESS)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            with listening.accept()[0] as client:
                if os.fork() == 0:
                    listening.close()
                    _start(client)


def _start(client: socket.socket) -> None:
    """Become the program, and its parent, which stands between it and its client."""
    _, streams, *_ = socket.recv_fds(client, 1, 3)
    told = client.makefile("rb")
    started = ast.literal_eval(told.readline().decode())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    program = os.fork()
    if program == 0:
        _become(streams, started)
    for number in (*range(3), *streams):
        os.close(number)
    threading.Thread(target=_pass_on, args=[told, program], daemon=True).start()
    _, status = os.waitpid(program, 0)
    with contextlib.suppress(OSError):  # it was killed
        client.sendall(str(status).encode())
    os._exit(0)


def _pass_on(told: BufferedReader, program: int) -> None:
    """Send the program each signal that its client gets; a client that was killed gets no more."""
    with contextlib.suppress(ProcessLookupError):
        while received := told.read(1):
            os.kill(program, received[0])
        os.kill(program, signal.SIGKILL)


def _become(streams: Sequence[int], started: Mapping[str, Any]) -> NoReturn:
    for stream, number in zip(streams, range(3), strict=True):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(started["directory"])
    os.umask(started["mask"])
    os.environ.clear()
    os.environ.update(started["environment"])
    time.tzset()
    for limit, value in started["limits"].items():
        if resource.getrlimit(limit) != value:
            resource.setrlimit(limit, value)
    for number in started["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    arguments = started["arguments"]
    kind, what, *rest = arguments[1:] if arguments[0] == "-u" else arguments
    sys.argv = [kind, *rest]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(what, vars(sys.modules["__main__"]))  # noqa: S102 (as `python -c` does)
    sys.exit()


if __name__ == "__main__":
    main()
