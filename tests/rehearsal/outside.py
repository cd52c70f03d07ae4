"""The host as the internet would see it, on loopback: Immich's answers over https, and a redirect."""

import base64
import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme

from ops.facts.internet import Internet

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # (RFC 6455, section 1.3)


@dataclass
class Manners:
    """How the host answers; a test changes them."""

    pong: bool = True
    redirects: bool = True
    upgrades: bool = True
    signs_in: bool = False
    takes: int = 100 * 10**6
    addresses: tuple[str, ...] = ("104.21.84.32", "172.67.185.206")


@dataclass
class Outside:
    """The way to the host, and how it answers."""

    internet: Internet
    manners: Manners = field(default_factory=Manners)

    def trusting_nobody(self) -> Internet:
        """The way of a machine that knows no authority."""
        return replace(self.internet, trust=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    manners: Manners
    encrypted: bool

    def do_GET(self) -> None:
        manners = self.manners
        if not self.encrypted and manners.redirects:
            self._answer(301, b"", {"Location": f"https://{self.headers['Host']}{self.path}"})
        elif manners.signs_in:
            self._answer(302, b"", {"Location": "https://coultonf.cloudflareaccess.com/cdn-cgi/access/login"})
        elif "websocket" in self.headers.get("Upgrade", "") and manners.upgrades:
            key = hashlib.sha1(f"{self.headers['Sec-WebSocket-Key']}{_GUID}".encode(), usedforsecurity=False).digest()
            accept = base64.b64encode(key).decode()
            headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
            self._answer(101, b"", headers)
            self.close_connection = True
        elif self.path == "/api/server/ping" and manners.pong:
            self._answer(200, b'{"res":"pong"}', {})
        else:
            self._answer(404, b"welcome to nginx", {})

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self.close_connection = True
        refused = size > self.manners.takes
        if refused:
            self._answer(413, b"", {"Connection": "close"})
        # What is refused is read, too, as nginx does it (lingering_close): a reset would take the answer with it.
        while size > 0:
            size -= len(self.rfile.read(min(size, 1 << 20)))
        if not refused:
            self._answer(401, b'{"message":"Authentication required"}', {"Connection": "close"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 101:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(host: str) -> Iterator[Outside]:
    """Serve a host until the block ends."""
    authority, manners = trustme.CA(), Manners()
    identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(identity)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trust)
    servers = {}
    for port in (80, 443):
        handler = type("Handler", (_Handler,), {"manners": manners, "encrypted": port == 443})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if port == 443:
            server.socket = identity.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers[port] = server

    def connect(_: str, port: int) -> socket.socket:
        return socket.create_connection(("127.0.0.1", servers[port].server_port), 5)

    try:
        yield Outside(Internet(lambda _: manners.addresses, connect, trust), manners)
    finally:
        for server in servers.values():
            server.shutdown()
            server.server_close()
