"""The host as the internet sees it: its name, and what answers there over http, https and a web socket."""

import http.client
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from websocket import WebSocket, WebSocketBadStatusException, WebSocketException

from clients.deadline import Socket, TlsSocket, within

_TIMEOUT = 5.0  # seconds, of one connection or read
_LASTS = 15.0  # seconds, of a whole answer
_PATIENCE = 60.0  # seconds that an upload may stand still
_HTTP, _HTTPS = 80, 443
_PING, _ASSETS = "/api/server/ping", "/api/assets"
# Immich's own web socket (source: Immich's web/src/lib/stores/websocket.ts and its server's WebSocketGateway).
_SOCKET = "/api/socket.io/?EIO=4&transport=websocket"
_AUTHORITY = "CLOUDFLARE_BASE_URL"


@dataclass(frozen=True)
class Page:
    """An answer.

    Attributes:
        status: the HTTP status code; 0 when there was none.
        location: where it leads to.
        body: its beginning.
        fault: why there was none: no connection, or no valid certificate.
        untrusted: whether that is about the certificate.

    """

    status: int = 0
    location: str = ""
    body: str = ""
    fault: str = ""
    untrusted: bool = False

    @property
    def leads_to(self) -> str:
        """Return the host that it leads to; empty where that is none."""
        try:
            return urlsplit(self.location).hostname or ""
        except ValueError:
            return ""


@dataclass(frozen=True)
class Uploads:
    """The answers to an upload of so many megabytes, the limit, and of more, however a megabyte is counted."""

    limit: int
    at: Page
    above: Page


def _resolve(host: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except socket.gaierror as error:
        if error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}:
            return ()
        raise
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def trusting() -> ssl.SSLContext:
    """Trust what the system trusts, and have answers end in time."""
    trust = ssl.create_default_context()
    trust.sslsocket_class = TlsSocket
    return trust


def _connect(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), _TIMEOUT)


@dataclass(frozen=True)
class Internet:
    """The way to the host: how its name is resolved, how it is reached, and whose certificates count."""

    resolve: Callable[[str], tuple[str, ...]] = _resolve
    connect: Callable[[str, int], socket.socket] = _connect
    trust: ssl.SSLContext = field(default_factory=trusting)

    def page(self, host: str) -> Page:
        """Ask for Immich's ping over https."""
        return self._asked(host, _HTTPS)

    def plain(self, host: str) -> Page:
        """Ask for it over http."""
        return self._asked(host, _HTTP)

    def uploads(self, host: str, limit: int) -> Uploads:
        """Send two bodies to where photos are uploaded, without a key: Immich refuses them, and nothing is kept.

        Args:
            host: the host.
            limit: megabytes that should be taken.

        """
        sizes = (limit * 10**6, limit * 2**20 + 1)
        return Uploads(limit, *(self._asked(host, _HTTPS, size) for size in sizes))

    def web_socket(self, host: str) -> Page:
        """Ask for an upgrade to Immich's web socket."""
        asking = WebSocket()
        try:
            with within(_LASTS), self._connected(host, _HTTPS) as connection:
                url = f"wss://{host}{_SOCKET}"
                asking.connect(url, socket=connection, redirect_limit=0)  # type: ignore[no-untyped-call]
                asking.close()
        except WebSocketBadStatusException as refused:
            return Page(refused.status_code)
        except (WebSocketException, OSError) as error:
            if asking.handshake_response is None:
                return _unanswered(error)
        answer = asking.handshake_response  # a redirect, too, which is not followed
        return Page(answer.status or 0, str(answer.headers.get("location", ""))) if answer else Page(fault="no answer")

    def _asked(self, host: str, port: int, size: int = 0) -> Page:
        connection = http.client.HTTPConnection(host, port)
        try:
            with self._connected(host, port) as connected:
                connection.sock = connected
                if size:
                    connected.settimeout(_PATIENCE)
                    _send(connection, size)
                else:
                    connection.request("GET", _PING, headers={"Accept": "application/json"})
                with within(_PATIENCE if size else _LASTS):
                    answer = connection.getresponse()
                    body = answer.read(1000).decode(errors="replace")
                return Page(answer.status, answer.headers.get("location", ""), body)
        except (http.client.HTTPException, OSError, ValueError) as error:  # the last of a length below nothing
            return _unanswered(error)

    def _connected(self, host: str, port: int) -> socket.socket:
        connection = Socket(fileno=self.connect(host, port).detach())
        connection.settimeout(_TIMEOUT)
        return self.trust.wrap_socket(connection, server_hostname=host) if port == _HTTPS else connection


def _send(connection: http.client.HTTPConnection, size: int) -> None:
    connection.putrequest("POST", _ASSETS)
    connection.putheader("Content-Type", "application/octet-stream")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    part = bytes(1 << 16)
    # Who refuses does not wait for the end, and says why.
    with suppress(OSError):
        for sent in range(0, size, len(part)):
            connection.send(part[: size - sent])


def _unanswered(error: Exception) -> Page:
    return Page(fault=str(error) or type(error).__name__, untrusted=isinstance(error, ssl.SSLCertVerificationError))


def reachable() -> Internet | None:
    """Return the internet; None where another API stands for Cloudflare's own: then no public name leads here."""
    return None if os.environ.get(_AUTHORITY) else Internet()
