"""The rehearsal's Immich in a test: served on loopback, with a disk behind its mount."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from clients.deadline import Socket
from clients.immich import ImmichApi, User
from lab.immich.server import Server
from lab.immich.world import API_KEY, World

MOUNT = "/external/icloud"
FOLDER = f"{MOUNT}/icloud-import"


def connected(port: int | None) -> Socket:
    """Open a connection to a port on loopback."""
    return Socket(fileno=socket.create_connection(("127.0.0.1", port)).detach())


class Immich:
    """One server; `disk` is what it sees at its mount."""

    def __init__(self, server: Server, disk: Path) -> None:
        self.server, self.disk = server, disk

    @property
    def world(self) -> World:
        return self.server.api.world

    def connect(self) -> Socket:
        return connected(self.server.server_port)

    def api(self, key: str = API_KEY) -> ImmichApi:
        return ImmichApi(self.connect, SecretStr(key))

    def folder(self, name: str = "icloud-import", *files: str) -> Path:
        """Make a folder of photos on the disk."""
        folder = self.disk / name
        folder.mkdir(exist_ok=True)
        for file in files:
            (folder / file).write_bytes(b"a photo")
        return folder

    def asked(self, method: str, path: str, body: Any = None) -> Any:
        """Do what the API does not allow, or not with this project's key."""
        with self.server.lock:
            return self.server.api.told(method, path.split("/"), body)

    def fault(self, kind: str, method: str, path: str, **more: Any) -> None:
        """Have the next request that fits go wrong."""
        self.asked("POST", "faults", {"kind": kind, "method": method, "path": path, **more})

    def key(self, *permissions: str, email: str = "owner@coultonf.com") -> str:
        """Make an API key that may do no more than this."""
        key = f"key-for-{'-'.join(permissions) or 'nothing'}-of-{email}"
        self.asked("POST", "keys", {"key": key, "email": email, "permissions": list(permissions)})
        return key

    def work(self) -> None:
        """Let it do what is queued, such as a scan."""
        with self.server.lock:
            self.server.api.work()

    def writes(self) -> list[str]:
        """Every request so far that was not a GET, as `METHOD path`."""
        return [f"{method} {path}" for method, path in self.server.api.log if method != "GET"]

    def libraries(self) -> dict[str, Mapping[str, Any]]:
        """The libraries by their id, as a person would copy them down."""
        copied: dict[str, Mapping[str, Any]] = json.loads(json.dumps(self.world.libraries))
        return copied

    def make_library(self, **stated: Any) -> str:
        """Make a library by hand, of the administrator's unless another user is named."""
        made = self.api().create_library(User(self.world.owner["id"], ""), "iCloud Photos")
        self.world.libraries[made.id] |= stated
        return made.id


@contextmanager
def serving(place: Path) -> Iterator[Immich]:
    """Serve one, on the world as found."""
    disk = place / "disk"
    disk.mkdir()
    server = Server(place / "world.json", place / "url", {MOUNT: str(disk)})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Immich(server, disk)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
