"""How long a whole answer may take: a server that sends a byte now and then never exceeds a socket's own timeout."""

import math
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_end: ContextVar[float] = ContextVar("_end", default=math.inf)
now = time.monotonic


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Have each read of the sockets of this module end so many seconds from now, in this thread."""
    before = _end.set(min(_end.get(), now() + seconds))
    try:
        yield
    finally:
        _end.reset(before)


class Socket(socket.socket):
    """A connection whose answers end in time."""

    def recv_into(self, *arguments: Any) -> int:
        """Read what is there, by the deadline."""
        with _shortened(self):
            return super().recv_into(*arguments)


class TlsSocket(ssl.SSLSocket):
    """A TLS connection whose answers end in time: the `sslsocket_class` of a context."""

    def read(self, *arguments: Any) -> Any:
        """Read what is there, by the deadline; all other reads of a TLS socket are made of it."""
        with _shortened(self):
            return super().read(*arguments)


@contextmanager
def _shortened(connection: socket.socket) -> Iterator[None]:
    """Shorten a connection's timeout to what is left.

    Raises:
        TimeoutError: when nothing is left.

    """
    left, patience = _end.get() - now(), connection.gettimeout()
    if left <= 0:
        raise TimeoutError("the answer takes too long")
    connection.settimeout(patience if math.isinf(left) else min(left, patience or math.inf))
    try:
        yield
    finally:
        connection.settimeout(patience)
