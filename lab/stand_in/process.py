"""An API as a process of a rehearsal."""

import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lab import processes
from lab.errors import LabError

_PROJECT = Path(__file__).parents[2]
_READY_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Process:
    """`python -m lab.<name> STATE_FILE URL_FILE`, with `more` arguments for the rehearsal in a home."""

    name: str
    more: Callable[[Path], Sequence[str]] = lambda _: ()

    def start(self, home: Path) -> str:
        """Have it running for the rehearsal in `home`, on the world that it left, and return its `url`.

        Raises LabError, with the end of its log, when it does not come up.
        """
        if self.running(home):
            return self.url(home)
        processes.end(home, {self.name})
        place = home / self.name
        place.mkdir(parents=True, exist_ok=True)
        module = [sys.executable, "-m", f"lab.{self.name}"]
        command = [*module, str(self._state(home)), str(place / "url"), *self.more(home)]
        process = processes.start(home, self.name, command, {**os.environ, "PYTHONPATH": str(_PROJECT)})
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers(home):
            ended = process.poll() is not None
            if ended or time.monotonic() > deadline:
                what = f"ended at its start (exit code {process.returncode})" if ended else "does not answer"
                raise LabError(f"{self.name} {what}. The end of its log:\n{processes.log_tail(home, self.name)}")
            time.sleep(_POLL_SECONDS)
        return self.url(home)

    def running(self, home: Path) -> bool:
        """Whether it runs and answers."""
        return any(marked.name == self.name for marked in processes.find(home)) and self._answers(home)

    def url(self, home: Path) -> str:
        """Where it serves, as a client's base URL; the same after a restart."""
        return (home / self.name / "url").read_text()

    def _state(self, home: Path) -> Path:
        return home.resolve() / self.name / "world.json"

    def _answers(self, home: Path) -> bool:
        """Whether what answers there is this rehearsal's: another one may have got its port."""
        with suppress(OSError, ValueError, http.client.HTTPException):
            connection = http.client.HTTPConnection(urlsplit(self.url(home)).netloc, timeout=5)
            with closing(connection):
                connection.request("GET", "/lab")
                answer = json.load(connection.getresponse())
                return isinstance(answer, dict) and answer.get("result") == str(self._state(home))
        return False
