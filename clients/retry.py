"""Asking again where an error may pass: what all clients do about a server that is busy, restarting or out of reach."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

from clients import clock
from text.visible import VisibleError

T = TypeVar("T")

_PAUSES = (0.5, 1.0, 2.0)  # seconds before each repetition, unless the server asks for more
_PATIENCE = 30.0  # seconds after which nothing is repeated
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}

wait = time.sleep


class TransientError(VisibleError):
    """No answer, or none that tells whether a write was done: the same request may succeed in a moment.

    Attributes:
        retry_after: seconds that the server asks to wait; 0 when it does not say.
        repeated: whether the request has been repeated in vain.

    """

    repeated = False

    def __init__(self, message: str, retry_after: float = 0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


def is_passing(status: int) -> bool:
    """Whether an HTTP status code is about the moment, and not about the request."""
    return status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def retry_after(headers: clock.Headers) -> float:
    """Read Retry-After in seconds: so many, or as a proxy may say, until a date of its clock; 0 for anything else."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until, now = clock.moment(text), clock.moment(headers.get("Date")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds()) if until else 0


def again(step: Callable[[], T]) -> T:
    """Do what may be done more than once, until it succeeds: a read, a server-side apply, or a read before its write.

    Raises:
        TransientError: the last one, when the patience has ended.

    """
    return once(step, lambda: None)


def once(write: Callable[[], T], made: Callable[[], T | None]) -> T:
    """Do what may be done only once; where its answer is lost, repeat it only if what it makes is absent.

    Args:
        write: asks the server once.
        made: reads what the write should have made; None when it is absent.

    Raises:
        TransientError: the last one, when the patience has ended: it is unknown whether it is done.

    """
    began = time.monotonic()
    for pause in (*_PAUSES, None):
        try:
            return write()
        except TransientError as error:
            longer = max(pause or 0, error.retry_after)
            last = pause is None or error.repeated or time.monotonic() - began + longer > _PATIENCE
            if not last:
                wait(longer)
            if (found := made()) is not None:
                return found
            if last:
                error.repeated = True
                raise
    raise AssertionError("the last repetition returns or raises")
