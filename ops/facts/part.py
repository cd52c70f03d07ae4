"""A part of the facts: read in a thread of its own, within a time limit, or not read, and then why."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from clients.cloudflare import CloudflareError
from clients.immich import ImmichError
from clients.kubernetes import ClusterError
from text.visible import VisibleError

T = TypeVar("T")

LIMIT = 12.0  # seconds that a part may take


@dataclass(frozen=True)
class Unread:
    """What could not be read; `why` is a sentence without its full stop."""

    why: str


@dataclass(frozen=True)
class Absent(Unread):
    """What is not there to be read, so that nothing is missing."""


class UnreadError(VisibleError):
    """A part that a check needs was not read. `str()` says why."""


class AbsentError(UnreadError):
    """A part that a check is about is not there. `str()` says why."""


def there(part: T | Unread) -> T:
    """Return a part that was read.

    Raises:
        UnreadError: when it was not; AbsentError when it is not there.

    """
    if isinstance(part, Absent):
        raise AbsentError(part.why)
    if isinstance(part, Unread):
        raise UnreadError(part.why)
    return part


def begin(read: Callable[[], T], limit: float = LIMIT) -> Callable[[], T | Unread]:
    """Begin to read a part at once; the function that is returned waits for its end, or for the limit."""
    future: Future[T] = Future()
    deadline = time.monotonic() + limit

    def run() -> None:
        try:
            future.set_result(read())
        except BaseException as error:  # noqa: BLE001 (raised where it is waited for)
            future.set_exception(error)

    # A daemon: one that hangs must not keep the program from ending.
    threading.Thread(target=run, daemon=True).start()

    def end() -> T | Unread:
        try:
            return future.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            return Unread(f"there was no answer within {limit:.0f} s")
        except (ClusterError, CloudflareError, ImmichError, OSError) as error:
            return Unread(str(error))

    return end
