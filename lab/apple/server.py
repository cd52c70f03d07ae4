"""One proxy on loopback that answers for Apple's hosts itself: CONNECT, then TLS with a certificate of its own."""

import contextlib
import email.utils
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import trustme

from lab.apple import answers, content, photos, setup, sign_in
from lab.apple.api import Api
from lab.apple.world import World, found
from lab.stand_in import server
from lab.stand_in.answers import Answer

_HOSTS: Final = ("idmsa.apple.com", "setup.icloud.com", "www.icloud.com", setup.PHOTOS, "cvws.icloud-content.com")
_ROUTES: Final = (*sign_in.ROUTES, *setup.ROUTES, *photos.ROUTES, *content.ROUTES)
_CHINA: Final = ".cn"


class Server(server.Server[Api]):
    """Serves the world in `state`, or the one as found; `url` is the file that says where, once it listens."""

    def __init__(self, state: Path, url: Path) -> None:
        self.tls = _certified(state.parent)
        super().__init__(Api(server.kept(state, World, found), _ROUTES), state, url, _Handler)


def _certified(place: Path) -> ssl.SSLContext:
    """Have an authority of this rehearsal's own, whose certificate is `ca.pem` in a place."""
    if not (place / "server.pem").exists():
        authority = trustme.CA()
        certificate = authority.issue_cert(*_HOSTS, *(f"{host}{_CHINA}" for host in _HOSTS))
        authority.cert_pem.write_to_path(str(place / "ca.pem"))
        certificate.private_key_and_cert_chain_pem.write_to_path(str(place / "server.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "server.pem")
    return context


class _Handler(server.Handler):
    server: Server
    host = ""

    def do_CONNECT(self) -> None:  # noqa: N802 - the name that http.server looks for
        """Become the host that is asked for."""
        self.host = self.path.partition(":")[0].removesuffix(_CHINA)
        # Python's own client opens a tunnel with HTTP/1.0, and means to go on.
        self.close_connection = False
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            self.connection: Any = self.server.tls.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True
            return
        # What is written is buffered, so that head and body leave together.
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")

    def api_path(self, path: str) -> str | None:
        """The path begins with the host; what comes without a tunnel is a test's."""
        return f"/{self.host}{path}" if self.host else None

    def handle(self) -> None:
        """Serve a connection to its end, however it ends."""
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            super().handle()

    def finish(self) -> None:
        """Close the tunnel too."""
        with contextlib.suppress(OSError):
            super().finish()
        self.connection.close()

    def headers_of(self, given: Answer) -> Iterator[tuple[str, str]]:
        """Name an answer's headers, each cookie by itself."""
        yield from super().headers_of(given)
        for name, (value, seconds) in getattr(given, "cookies", {}).items():
            expires = f";Expires={email.utils.formatdate(time.time() + seconds, usegmt=True)}" if seconds else ""
            yield "Set-Cookie", f'{name}="{value}"{expires};Path=/;Domain=.icloud.com;Secure;HttpOnly'

    def write(self, given: Answer, content: bytes) -> None:
        """Send an answer, or as much of it as arrives."""
        if not isinstance(given, answers.File) or given.stops_after is None:
            super().write(given, content)
            return
        self.close_connection = True
        super().write(given, content[: given.stops_after])
        self.wfile.flush()
        if given.hangs:
            self.rfile.read(1)
            return
        if given.rudely:
            # No farewell, neither of TLS nor of TCP.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        self.connection.settimeout(0)  # not to wait for the client's own farewell
        with contextlib.suppress(OSError):
            self.connection.unwrap()
