"""A stand-in for any HTTP server: it answers request after request as a test tells, and keeps what it was asked."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Said:
    """An answer; `cut` says that the connection ends before its last byte, `lost` that nothing of it is sent."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    lost: bool = False


_CHUNKED = (("Transfer-Encoding", "chunked"),)
# Heads and bodies that the libraries stumble over in ways of their own.
MALFORMED = {
    "no URL": Said(301, headers=(("Location", "http://[::1"),)),
    "a length that no number holds": Said(headers=_CHUNKED, body=b"f" * 20 + b"\r\n{}", cut=True),
    "a length that no memory holds": Said(headers=_CHUNKED, body=b"f" * 14 + b"\r\n{}", cut=True),
    "a length below nothing": Said(headers=_CHUNKED, body=b"-5\r\n{}", cut=True),
}

Answering = Callable[[str, str, bytes], Said]


@dataclass
class Scripted:
    """The server, and what it was asked: method and path, without the query."""

    answer: Answering
    address: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def writes(self) -> list[str]:
        """The methods of the requests that write."""
        return [method for method, _ in self.asked if method != "GET"]


@contextmanager
def serving(answer: Answering, tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Serve for as long as a `with` block lasts, by https if there is a certificate."""
    scripted = Scripted(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two writes, and the second would wait for the first one's acknowledgement.
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            scripted.asked.append((self.command, self.path.partition("?")[0]))
            said = scripted.answer(self.command, self.path, content)
            if said.lost:
                self.close_connection = True
                return
            self.send_response(said.status)
            for name, value in said.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body) + said.cut))
            self.close_connection = said.cut
            with suppress(OSError):  # of a client that has had enough
                self.end_headers()
                self.wfile.write(said.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 (the handler's names)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scripted.address = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield scripted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
