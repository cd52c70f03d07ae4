"""Real receivers on loopback: what is sent to them arrives over SMTP or http, and is kept."""

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """What has arrived: a title and a text each; and the paths of what only was requested."""

    messages: list[tuple[str, str]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Receivers:
    """Who is told: a mail server, an ntfy, a webhook."""

    mail: Received
    ntfy: Received
    hook: Received
    urls: tuple[str, ...]
    heartbeat: str

    def each(self) -> tuple[list[tuple[str, str]], ...]:
        """What each of them got."""
        return self.mail.messages, self.ntfy.messages, self.hook.messages


def _mail(received: Received) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 loopback\r\n")
            while line := self.rfile.readline():
                match line.split()[0].upper():
                    case b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        received.messages.append(self._message())
                        self.wfile.write(b"250 taken\r\n")
                    case b"QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    case _:
                        self.wfile.write(b"250 loopback\r\n")

        def _message(self) -> tuple[str, str]:
            lines = iter(self.rfile.readline, b".\r\n")
            message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            body = message.get_body(("plain", "html"))
            return str(message["Subject"]), str(body.get_content()) if body else ""

    return Handler


def _web(received: Received) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.requests.append(self.path)
            self._answer()

        def do_POST(self) -> None:
            content: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.messages.append((content["title"], content["message"]))
            self._answer()

        def _answer(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler


@contextmanager
def receivers() -> Iterator[Receivers]:
    """Run them for as long as a `with` block lasts."""
    mail, ntfy, hook = Received(), Received(), Received()
    servers = (
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), _mail(mail)),
        ThreadingHTTPServer(("127.0.0.1", 0), _web(ntfy)),
        ThreadingHTTPServer(("127.0.0.1", 0), _web(hook)),
    )
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    at = [f"127.0.0.1:{server.server_address[1]}" for server in servers]
    try:
        yield Receivers(
            mail,
            ntfy,
            hook,
            (
                f"mailto://{at[0]}?from=homelab@example.com&to=anna@example.com&format=text",
                f"ntfy://anna:hush5@{at[1]}/photos",
                f"json://{at[2]}/hush5",
            ),
            f"http://{at[2]}/ping/hush5",
        )
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
