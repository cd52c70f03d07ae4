"""What any program of the same user could read while a command runs: environments, command lines, temporary files."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from tests.watching import Watcher

_LOOK: Final = 0.2  # seconds


class Spy(Watcher):
    """Looks again and again for texts while a `with` block lasts; `saw` says where each was seen."""

    def __init__(self, home: Path, *texts: str) -> None:
        super().__init__()
        self._home, self._texts = home, [text.encode() for text in texts]
        self._read = set[tuple[Path, int, int]]()
        self.saw = dict[str, set[str]]()

    def _watch(self) -> None:
        while True:
            for place, content in self._readable():
                for text in self._texts:
                    if text in content:
                        self.saw.setdefault(text.decode(), set()).add(place)
            if self._over.wait(_LOOK):
                return

    def _readable(self) -> Iterator[tuple[str, bytes]]:
        own = psutil.Process()
        for process in (own, *own.children(recursive=True)):
            with suppress(psutil.Error, OSError):
                yield f"environment of {process.name()}", repr(process.environ()).encode()
                yield f"command line of {process.name()}", repr(process.cmdline()).encode()
        yield "environment of the program", repr(os.environ).encode()
        # Neither the cluster's own store nor the worlds of the stand-ins: there, secrets are at home.
        for place in ("temporary", "pulumi", "state", "logs", "events"):
            for file in (self._home / place).rglob("*"):
                with suppress(OSError):
                    found = file.stat()
                    version = (file, found.st_mtime_ns, found.st_size)
                    if version not in self._read and file.is_file():
                        yield f"file {file.relative_to(self._home)}", file.read_bytes()
                        self._read.add(version)
