"""The API on loopback, with what tests do to it beside: faults, tokens, connectors, another writer.

Its world is in a file, written after each change, so that a rehearsal goes on where it was after a restart.
"""

import http.server
import json
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lab.cloudflare import tunnels
from lab.cloudflare.answers import Answer, RefusedError, Request, TimedOutError
from lab.cloudflare.api import ROOT, Api
from lab.cloudflare.faults import Fault
from lab.cloudflare.world import World, found, give_token

_HOST = "127.0.0.1"


class Server(http.server.ThreadingHTTPServer):
    """Serves the world in `state`, or the one as found; `url` is the file that says where, once it listens."""

    daemon_threads = True

    def __init__(self, state: Path, url: Path) -> None:
        """Listen: on the port of the last time where that is free, since what was deployed may hold it."""
        self.state = state
        self.api = Api(World(**json.loads(state.read_text())) if state.exists() else found())
        self.lock = threading.Lock()
        last = urlsplit(url.read_text()).port if url.exists() else None
        try:
            super().__init__((_HOST, last or 0), _Handler)
        except OSError:
            super().__init__((_HOST, 0), _Handler)
        _write(url, f"http://{_HOST}:{self.server_port}{ROOT}")

    def save(self) -> None:
        """Keep the world as it is now."""
        _write(self.state, json.dumps(vars(self.api.world)))


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        url = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(content) if content else None
        try:
            with self.server.lock:
                try:
                    given = self._given(url.path, dict(parse_qsl(url.query, keep_blank_values=True)), body)
                finally:
                    if self.command != "GET":
                        self.server.save()
        except TimedOutError:
            self.close_connection = True
            return
        self._send(given)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

    def _given(self, path: str, query: dict[str, str], body: Any) -> Answer:
        api = self.server.api
        if path.startswith(f"{ROOT}/"):
            headers = {name.lower(): value for name, value in self.headers.items()}
            return api.handle(Request(self.command, path.removeprefix(ROOT), query, headers, body))
        try:
            told = str(self.server.state) if path == "/lab" else _lab(api, self.command, path, body)
            return Answer(told)
        except RefusedError as refused:
            return refused.answer
        except KeyError as error:
            return Answer(f"{self.command} {path}: the rehearsal has no {error}", HTTPStatus.NOT_FOUND)

    def _send(self, given: Answer) -> None:
        content = given.content()
        self.send_response(given.status)
        for name, value in {"Content-Type": "application/json", **given.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _lab(api: Api, method: str, path: str, body: Any) -> Any:
    """What is not Cloudflare's; raises KeyError for what is not the rehearsal's either."""
    told: Any = None
    match method, *path.strip("/").split("/"):
        case "GET", "lab", "requests":
            told = api.log
        case "GET", "lab", "faults":
            told = [fault.kind for fault in api.faults]
        case "POST", "lab", "faults":
            other = body.pop("config", ...)
            api.faults.append(Fault(**body, edit=lambda config: config if other is ... else other))
        case "POST", "lab", "tokens":
            give_token(api.world, **body)
        case "GET", "lab", "tunnels", tunnel_id, "connections":
            told = api.world.connectors.get(tunnel_id, [])
        case "PUT", "lab", "tunnels", tunnel_id, "connections":
            told = tunnels.connect(api.world, tunnel_id, body)
        case "GET", "lab", "tunnels", tunnel_id, "configurations":
            told = tunnels.configuration(api.world, tunnel_id)
        case "PUT", "lab", "tunnels", tunnel_id, "configurations":
            told = tunnels.configure(api.world, tunnel_id, body["config"])
        case _:
            raise KeyError(path)
    return told
