"""How Apple's hosts answer: JSON with cookies, a page, or a file of which only a part may arrive."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from lab.stand_in.answers import JsonAnswer, RefusedError

# Not the only cookie that Apple sets: the one that is a session of iCloud's.
WEB: Final = "X-APPLE-WEBAUTH-TOKEN"
MONTH: Final = 30 * 24 * 3600  # seconds: what Apple's cookies usually last


@dataclass(frozen=True)
class Answer(JsonAnswer):
    """A JSON value; `cookies` have the seconds that each one lasts, 0 for those that go with the browser."""

    value: Any = None
    cookies: Mapping[str, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """HTML."""

    text: str
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=UTF-8"})

    def content(self) -> bytes:
        """The body, as sent."""
        return self.text.encode()


@dataclass(frozen=True)
class File:
    """A file, or the end of one. The connection closes after `stops_after` bytes; `rudely`: without a farewell.

    Where it `hangs`, it stays open until the client ends it.
    """

    body: bytes
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/octet-stream"})
    stops_after: int | None = None
    rudely: bool = False
    hangs: bool = False

    def content(self) -> bytes:
        """The body, as sent."""
        return self.body


def no(status: int, value: Any = None) -> RefusedError:
    """Build a refusal; without a value it is a page, as Apple's front doors answer."""
    said = Page(f"<html><body>{status}</body></html>", status) if value is None else Answer(value, status)
    return RefusedError(str(status), said)


def cloudkit_error(status: int, code: str, reason: str) -> RefusedError:
    """Build CloudKit's own kind of refusal."""
    return no(status, {"uuid": "0a1b2c3d-0001-4000-8000-000000000001", "serverErrorCode": code, "reason": reason})
