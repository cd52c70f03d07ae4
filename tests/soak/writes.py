"""The writes of a stack's state: the engine writes it before and after each operation on a resource."""

import contextlib
import itertools
import time
from collections.abc import Callable
from typing import Final

import psutil

from tests.rehearsal.conftest import Bench
from tests.watching import Watcher

_LOOK: Final = 0.0005  # seconds


class Writes(Watcher):
    """Sees each write of a stack's state while a `with` block lasts, and calls `then` with its number."""

    def __init__(self, bench: Bench, then: Callable[[int, psutil.Process], None] = lambda _, __: None) -> None:
        super().__init__()
        self._state, self._then = bench.state_file, then
        self.times: list[float] = []

    @property
    def gaps(self) -> list[float]:
        """How long it takes from each write to the next one."""
        return [after - before for before, after in itertools.pairwise(self.times)]

    def _watch(self) -> None:
        seen, engine = self._written(), None
        while not self._over.wait(_LOOK):
            if (now := self._written()) == seen:
                continue
            seen, engine = now, engine or _engine()
            if engine:
                self.times.append(time.monotonic())
                self._then(len(self.times), engine)

    def _written(self) -> tuple[int, int] | None:
        with contextlib.suppress(FileNotFoundError):
            found = self._state.stat()
            return found.st_ino, found.st_mtime_ns
        return None


def _engine() -> psutil.Process | None:
    """The engine at work on a stack, as it was started by this process or by one of it."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if child.name() == "pulumi" and {"up", "destroy"} & set(child.cmdline()):
                return child
    return None
