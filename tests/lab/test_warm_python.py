"""What is started by a warm Python, beside the same by an ordinary one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.warm_python import warm_python

ORDINARY = Path(sys.executable)
_TELLS = """
import os, resource, signal, sys, time
print(sys.argv, os.getcwd(), sys.stdin.read(), os.environ, time.strftime("%Z"), oct(os.umask(0)))
print(resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGINT), __name__, file=sys.stderr)
"""
# In steps: Python may see a signal only after a sleep that has just begun.
_WAITS = "import signal, sys, time\n{}print('waits', flush=True)\nwhile True: time.sleep(0.1)"
_MINDS = _WAITS.format("signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n")
PROGRAMS = [
    f"{_TELLS}sys.exit(3)",
    f"{_TELLS}sys.exit('told')",
    f"{_TELLS}os._exit(4)",
    f"{_TELLS}os.abort()",
    f"{_TELLS}sys.stdout.flush(); os.kill(os.getpid(), signal.SIGKILL)",
    f"{_TELLS}os.system('kill $PPID')",
]


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    environment = {"PATH": os.environ["PATH"]}
    with warm_python(tmp_path_factory.mktemp("python"), ["-c"], ["http.client"], environment=environment) as made:
        yield made


@pytest.fixture(autouse=True)
def _not_in_the_background() -> Iterator[None]:
    """Let what is started heed ^C, which a shell's background job ignores, with all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def started(python: Path, program: str, trap: str = 'trap "" INT') -> "subprocess.Popen[str]":
    """Start it as a script's background job, which ignores ^C, in a place and under limits of its own."""
    script = f'cd /; umask 027; ulimit -f 16; {trap}; exec {python} -c "$@"'
    pipe = subprocess.PIPE
    return subprocess.Popen(
        ["sh", "-c", script, "sh", program, "a b", "ö", b"\xff"],
        env={"TZ": "Asia/Tokyo"},
        start_new_session=True,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """How it ended, with nothing of it left that holds its output."""
    out, error = process.communicate("typed", timeout=60)
    return process.returncode, out, error


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_is_started_and_ends_as_ever(warm: Path, program: str) -> None:
    as_ever = ended(started(ORDINARY, program))
    assert "(8192, 8192) 1 __main__\n" in as_ever[2]
    assert ended(started(warm, program)) == as_ever


@pytest.mark.parametrize("program", [_WAITS.format(""), _MINDS], ids=["waits", "minds"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda one: one.name)
def test_what_ends_it_ends_it_as_ever(warm: Path, program: str, number: signal.Signals) -> None:
    codes = []
    for python in (ORDINARY, warm):
        process = started(python, program, trap=":")
        assert process.stdout
        assert process.stdout.readline() == "waits\n"
        process.send_signal(number)
        codes.append(ended(process)[0])
    assert codes[0] == codes[1]
