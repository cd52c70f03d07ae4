"""A stand-in for icloudpd that logs what a test makes it log, and makes no request.

Its words are held against the real one's in `tests/icloudpd`.
"""

import http.cookiejar
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

SIGNING_IN = "Authenticating..."
TWO_FACTOR = "Two-factor authentication is required (2fa)"
ASKS_PASSWORD = "iCloud Password for "  # noqa: S105
ASKS_CODE = "Please enter two-factor authentication code or device index ("
OR_SENDS_ONE = ") to send SMS with a code"
UNREADABLE = "KeyError: 'x' attribute was not found in the photo fields."
HAVE_BEEN_FETCHED = " have been downloaded"
SIGNS_IN_ANEW = "Authentication required for Account. (421)"
ALL_FETCHED = f"All photos and videos{HAVE_BEEN_FETCHED}"


def log(level: str, message: str) -> str:
    """A shell command that logs a line as icloudpd does."""
    return f"printf '%s\\n' {shlex.quote(f'2026-11-24 10:49:03 {level:<8} {message}')}\n"


def announces(count: int) -> str:
    """A shell command that announces so many photos."""
    return log("INFO", f"Downloading {count} original photos and videos to icloud-import ...")


def prompt(words: str) -> str:
    """A shell command that asks for something, as Python's getpass and input do: without a line of its own."""
    return f"printf '%s' {shlex.quote(words)}\n"


_VALUE = '"v=1:t=of anna; expires=\\"2001-01-01 00:00:00Z\\""'


def cookies(place: Path, ends: Mapping[str, int | None]) -> None:
    """Keep Apple's cookies as icloudpd does; `ends` has the second at which each one expires, if at any."""
    jar = http.cookiejar.LWPCookieJar(str(place))
    fields: dict[str, Any] = {"version": 0, "value": _VALUE, "port": None, "port_specified": False}
    fields |= {"domain": ".icloud.com", "domain_specified": True, "domain_initial_dot": True}
    fields |= {"path": "/", "path_specified": True, "secure": True}
    fields |= {"comment": None, "comment_url": None, "rest": {"HttpOnly": ""}}
    for name, end in ends.items():
        jar.set_cookie(http.cookiejar.Cookie(name=name, expires=end, discard=end is None, **fields))
    jar.save(ignore_discard=True, ignore_expires=True)


# What a run comes to that finds one photo there and fetches another one.
BEGINS = log("INFO", "Processing user: anna@example.com") + log("DEBUG", SIGNING_IN)
FETCHES = (
    announces(2)
    + log("DEBUG", "icloud-import/2026/01/01/IMG_1.HEIC already exists")
    + log("DEBUG", "Downloading icloud-import/2026/01/02/IMG_2.HEIC...")
    + log("INFO", "Downloaded icloud-import/2026/01/02/IMG_2.HEIC")
)
ENDS = log("INFO", ALL_FETCHED)
SUCCEEDS = BEGINS + FETCHES + ENDS


@dataclass(frozen=True)
class Icloudpd:
    """The program, as a shell script at `place`; what it was given lies beside it."""

    place: Path

    @classmethod
    def at(cls, place: Path) -> Self:
        """Put the program there. It succeeds until told otherwise."""
        program = cls(place)
        program.behave(SUCCEEDS)
        return program

    def behave(self, commands: str) -> None:
        """Run these shell commands from now on, in the program's own process, after all of stdin has been read."""
        self.converse(f"cat >{shlex.quote(str(self._stdin))}\n{commands}")

    def converse(self, commands: str) -> None:
        """Run these shell commands from now on, in the program's own process; they read stdin."""
        lines = ["#!/bin/sh", f"printf '%s\\n' \"$@\" >{shlex.quote(str(self._arguments))}", commands]
        self.place.write_text("\n".join(lines))
        self.place.chmod(0o755)

    @property
    def ran(self) -> bool:
        """Whether it was started."""
        return self._arguments.exists()

    @property
    def arguments(self) -> list[str]:
        """Its last command line."""
        return self._arguments.read_text().splitlines()

    @property
    def stdin(self) -> str:
        """All that it read."""
        return self._stdin.read_text()

    @property
    def _arguments(self) -> Path:
        return self.place.with_name("arguments")

    @property
    def _stdin(self) -> Path:
        return self.place.with_name("stdin")
