"""The API as a process of a rehearsal."""

import http.client
import json
import os
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lab import processes
from lab.errors import LabError

_NAME: Final = "cloudflare"
_PROJECT = Path(__file__).parents[2]
_READY_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.05


def start(home: Path) -> str:
    """Have it running for the rehearsal in `home`, on the world that it left, and return its `url`.

    Raises LabError, with the end of its log, when it does not come up.
    """
    if running(home):
        return url(home)
    processes.end(home, {_NAME})
    place = home / _NAME
    place.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "lab.cloudflare", str(_state(home)), str(place / "url")]
    process = processes.start(home, _NAME, command, {**os.environ, "PYTHONPATH": str(_PROJECT)})
    deadline = time.monotonic() + _READY_SECONDS
    while not _answers(home):
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            what = f"ended at its start (exit code {process.returncode})" if ended else "does not answer"
            raise LabError(f"{_NAME} {what}. The end of its log:\n{processes.log_tail(home, _NAME)}")
        time.sleep(_POLL_SECONDS)
    return url(home)


def running(home: Path) -> bool:
    """Whether it runs and answers."""
    return any(marked.name == _NAME for marked in processes.find(home)) and _answers(home)


def url(home: Path) -> str:
    """Where it serves, as a base URL for the official SDK and for the provider; the same after a restart."""
    return (home / _NAME / "url").read_text()


def _state(home: Path) -> Path:
    return home.resolve() / _NAME / "world.json"


def _answers(home: Path) -> bool:
    """Whether what answers there is this rehearsal's: another one may have got its port."""
    with suppress(OSError, ValueError, http.client.HTTPException):
        connection = http.client.HTTPConnection(urlsplit(url(home)).netloc, timeout=5)
        with closing(connection):
            connection.request("GET", "/lab")
            answer = json.load(connection.getresponse())
            return isinstance(answer, dict) and answer.get("result") == str(_state(home))
    return False
