"""An API on loopback, with what tests do to it beside: `/lab`.

Its world is in a file, written after each change, so that a rehearsal goes on where it was after a restart. By
http.server, not werkzeug: an answer that is lost, cut off or slow is a matter of the connection, which WSGI hides.
"""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlsplit

from lab.stand_in.answers import Answer, JsonAnswer, LostAnswerError, RefusedError, Request
from lab.stand_in.api import Api

_HOST = "127.0.0.1"

W = TypeVar("W")
A = TypeVar("A", bound=Api[Any, Any])


def kept(state: Path, world: Callable[..., W], found: Callable[[], W]) -> W:
    """Read the world that a file keeps, or take the one as found where nothing was kept yet."""
    return world(**json.loads(state.read_text())) if state.exists() else found()


class Server(http.server.ThreadingHTTPServer, Generic[A]):
    """Serves `api` and keeps its world in `state`; `url` is the file that says where, once it listens."""

    daemon_threads = True

    def __init__(self, api: A, state: Path, url: Path, handler: "type[Handler] | None" = None) -> None:
        """Listen: on the port of the last time where that is free, since what was deployed may hold it."""
        self.api = api
        self.state = state
        self.lock = threading.Lock()
        self._kept = ""
        last = urlsplit(url.read_text()).port if url.exists() else None
        try:
            super().__init__((_HOST, last or 0), handler or Handler)
        except OSError:
            super().__init__((_HOST, 0), handler or Handler)
        _write(url, f"http://{_HOST}:{self.server_port}{api.root}")

    def service_actions(self) -> None:
        """Let the API do its own work, a few times a second."""
        with self.lock:
            self.api.work()
            self.save()

    def save(self) -> None:
        """Keep the world as it is now."""
        world = json.dumps(vars(self.api.world))
        if world != self._kept:
            _write(self.state, world)
            self._kept = world


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    server: Server[Any]
    protocol_version = "HTTP/1.1"
    # Head and body are two writes, and the second would wait for the first one's acknowledgement.
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(content) if content else None
        try:
            with self.server.lock:
                try:
                    given = self._given(url.path, dict(parse_qsl(url.query, keep_blank_values=True)), body)
                finally:
                    self.server.save()
        except LostAnswerError:
            self.close_connection = True
            return
        self._send(given)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

    def api_path(self, path: str) -> str | None:
        """Return a path below the API's root; None where the request is no client's."""
        root = self.server.api.root
        return path.removeprefix(root) if path.startswith(f"{root}/") else None

    def headers_of(self, given: Answer) -> Iterator[tuple[str, str]]:
        """Name an answer's headers."""
        yield from {"Content-Type": "application/json", **given.headers}.items()

    def write(self, given: Answer, content: bytes) -> None:  # noqa: ARG002 - `given` is for who knows more of it
        """Send the body of an answer."""
        self.wfile.write(content)

    def _given(self, path: str, query: dict[str, str], body: Any) -> Answer:
        api: Api[Any, Any] = self.server.api
        if (below := self.api_path(path)) is not None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            return api.handle(Request(self.command, below, query, headers, body))
        place = path.removeprefix("/lab/").split("/")
        try:
            told = str(self.server.state) if path == "/lab" else api.told(self.command, place, body)
        except RefusedError as refused:
            return refused.answer
        except KeyError as error:
            told = f"{self.command} {path}: the rehearsal has no {error}"
            return JsonAnswer({"result": told}, HTTPStatus.NOT_FOUND)
        return JsonAnswer({"result": told})

    def _send(self, given: Answer) -> None:
        content = given.content()
        self.send_response(given.status)
        for name, value in self.headers_of(given):
            self.send_header(name, value)
        if given.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.write(given, content)
