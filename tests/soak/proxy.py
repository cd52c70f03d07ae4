"""A stand-in for a bad network, and for a busy API server: some of the requests to the real one go wrong on the way."""

import base64
import json
import random
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import yaml

KINDS: Final = ("slow", "429", "500", "503", "cut", "lost")
_ONE_IN: Final = 6
_SLOW: Final = 0.5  # seconds
_BLOCK: Final = 65536
_END: Final = b"\r\n\r\n"


class Proxy:
    """Serves in plain HTTP what an API server serves over TLS; `struck` counts what went wrong.

    `slow` waits before it passes a request on, a number is an answer in the API server's place, `cut` ends the
    connection before the request arrives, and `lost` after it has, without its answer.
    """

    def __init__(self, upstream: tuple[str, int], trust: ssl.SSLContext, decide: Callable[[int], str]) -> None:
        self._upstream, self._trust, self._decide = upstream, trust, decide
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.struck: Counter[str] = Counter()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more requests."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head, body = _request(client)
            if not head:
                return
            kind = self._decide(self.struck.total())
            self.struck[kind or "passed"] += 1
            if kind.isdigit():
                client.sendall(_answer(int(kind)))
            elif kind != "cut":
                time.sleep(_SLOW if kind == "slow" else 0)
                with self._trust.wrap_socket(
                    socket.create_connection(self._upstream), server_hostname="127.0.0.1"
                ) as server:
                    server.sendall(_alone(head) + body)
                    if kind == "lost":
                        server.recv(1)
                    else:
                        _relay(client, server)


def _request(client: socket.socket) -> tuple[bytes, bytes]:
    """The head of a request, and its body."""
    read = b""
    while _END not in read:
        block = client.recv(_BLOCK)
        if not block:
            return b"", b""
        read += block
    head, _, body = read.partition(_END)
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    while length and len(body) < int(length[1]):
        body += client.recv(_BLOCK)
    return head + _END, body


def _alone(head: bytes) -> bytes:
    """Have the connection end with its answer, so that each request is one to decide about; but for an upgrade."""
    if re.search(rb"(?i)\r\nupgrade:", head):
        return head
    first, _, rest = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head).partition(b"\r\n")
    return first + b"\r\nConnection: close\r\n" + rest


def _relay(client: socket.socket, server: socket.socket) -> None:
    threading.Thread(target=_pass_on, args=(client, server), daemon=True).start()
    _pass_on(server, client)


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while block := source.recv(_BLOCK):
            sink.sendall(block)


def _answer(status: int) -> bytes:
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "busy", "code": status}
    body = json.dumps(said).encode()
    lines = [f"HTTP/1.1 {status} Busy", "Content-Type: application/json", "Connection: close"]
    lines += [f"Content-Length: {len(body)}", *(["Retry-After: 1"] if status == HTTPStatus.TOO_MANY_REQUESTS else [])]
    return "\r\n".join(lines).encode() + _END + body


def sometimes(of: random.Random) -> Callable[[int], str]:
    """Have something go wrong with some of the requests."""
    return lambda _: of.choice(KINDS) if of.randrange(_ONE_IN) == 0 else ""


def from_one_on(number: int, kind: str) -> Callable[[int], str]:
    """Have the same go wrong with each request after so many."""
    return lambda before: kind if before >= number else ""


@contextmanager
def before(kubeconfig: Path, decide: Callable[[int], str]) -> Iterator[Proxy]:
    """Have a kubeconfig lead through a proxy for as long as a `with` block lasts.

    Args:
        kubeconfig: the file.
        decide: what goes wrong with a request, by the number of those before it; nothing where that is empty.

    """
    text = kubeconfig.read_text()
    content: Any = yaml.safe_load(text)
    cluster = content["clusters"][0]["cluster"]
    host, _, port = cluster["server"].removeprefix("https://").rpartition(":")
    authority = base64.b64decode(cluster.pop("certificate-authority-data")).decode()
    proxy = Proxy((host, int(port)), ssl.create_default_context(cadata=authority), decide)
    cluster["server"] = f"http://127.0.0.1:{proxy.port}"
    kubeconfig.write_text(yaml.safe_dump(content))
    try:
        yield proxy
    finally:
        kubeconfig.write_text(text)
        proxy.close()
