"""Stands for Immich's pods, and for the cluster's network: the HTTP proxy by which Traefik reaches their addresses.

The simulated node's pods have addresses, and nothing listens there. So no request leaves loopback.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


class _Pod(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer after a while, or switch protocols and send back what comes."""
        if self.headers.get("Upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            while said := self.rfile.read1():
                self.wfile.write(said)
            self.close_connection = True
            return
        time.sleep(float(parse_qs(urlsplit(self.path).query).get("after", ["0"])[0]))
        self._answer(self.headers["Host"])

    def do_POST(self) -> None:
        """Answer how many bytes came."""
        size = rest = int(self.headers["Content-Length"])
        while rest and (part := self.rfile.read1(min(rest, 1 << 20))):
            rest -= len(part)
        self._answer(str(size - rest))

    def _answer(self, body: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """Serve until the block ends; yields the proxy's URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pod)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
