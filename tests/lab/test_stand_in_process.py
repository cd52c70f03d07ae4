"""The stand-ins' APIs as processes of a rehearsal: each is found again, and its world outlives it."""

import json
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from lab import processes
from lab.cloudflare import process as cloudflare
from lab.cloudflare import world as cloudflares
from lab.errors import LabError
from lab.immich import process as immich
from lab.immich import world as immichs
from lab.immich.server import Server
from lab.stand_in.transport import Transport

(ZONE,) = cloudflares.found().zones
LIBRARY = {"ownerId": immichs.found().owner["id"], "importPaths": [immich.MOUNT_PATH]}


@dataclass(frozen=True)
class StandIn:
    """An API, the secret that opens it, and where something can be made in it."""

    name: str
    process: ModuleType
    secret: str
    headers: dict[str, str]
    place: str
    new: dict[str, Any]

    def connected(self, home: Path) -> httpx.Client:
        return httpx.Client(base_url=self.process.url(home), headers=self.headers, trust_env=False)

    def make(self, home: Path) -> None:
        with self.connected(home) as client:
            client.post(self.place, json=self.new).raise_for_status()

    def count(self, home: Path) -> int:
        with self.connected(home) as client:
            listed = client.get(self.place).json()
        return len(listed["result"] if isinstance(listed, dict) else listed)


RECORD = {"name": "immich.coultonf.com", "type": "A", "content": "203.0.113.7", "ttl": 1, "proxied": True}
BEARER = {"Authorization": f"Bearer {cloudflares.TOKEN}"}
CLOUDFLARE = StandIn("cloudflare", cloudflare, cloudflares.TOKEN, BEARER, f"/zones/{ZONE}/dns_records", RECORD)
KEY = {"x-api-key": immichs.API_KEY}
IMMICH = StandIn("immich", immich, immichs.API_KEY, KEY, "/libraries", LIBRARY)


@pytest.mark.parametrize("one", [CLOUDFLARE, IMMICH], ids=lambda one: one.name)
def test_it_continues_where_it_was_after_a_restart(home: Path, one: StandIn) -> None:
    url = one.process.start(home)
    one.make(home)
    assert one.process.running(home)
    assert one.process.start(home) == url
    assert [marked.name for marked in processes.find(home)] == [one.name]
    processes.end(home)
    assert not one.process.running(home)
    assert one.process.start(home) == url
    assert one.count(home) == 2
    assert stat.S_IMODE((home / one.name / "world.json").stat().st_mode) == 0o600
    assert one.secret not in processes.log_file(home, one.name).read_text()


def test_it_takes_another_port_where_another_rehearsal_has_its_own(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = cloudflare.start(home)
    CLOUDFLARE.make(home)
    processes.end(home)
    other = tmp_path_factory.mktemp("other")
    (other / "cloudflare").mkdir()
    (other / "cloudflare" / "url").write_text(url)
    try:
        assert cloudflare.start(other) == url
        assert cloudflare.start(home) != url
        assert (CLOUDFLARE.count(other), CLOUDFLARE.count(home)) == (1, 2)
    finally:
        processes.end(other)


def test_a_world_that_cannot_be_read_is_reported_with_the_end_of_the_log(home: Path) -> None:
    (home / "cloudflare").mkdir()
    (home / "cloudflare" / "world.json").write_text("{")
    with pytest.raises(LabError, match=r"(?s)cloudflare ended at its start \(exit code 1\).*JSONDecodeError.*\.log\)"):
        cloudflare.start(home)


def test_both_run_side_by_side_and_immich_scans_the_disk_of_the_rehearsals_node(home: Path) -> None:
    disk = home / immich.DIRECTORY
    disk.mkdir(parents=True)
    (disk / "a.jpg").touch()
    cloudflare.start(home)
    immich.start(home)
    with IMMICH.connected(home) as client:
        library = f"/libraries/{client.post('/libraries', json=LIBRARY).json()['id']}"
        client.post(f"{library}/scan").raise_for_status()
        client.get("/server/ping")
        assert client.get(library).json()["refreshedAt"]
        told = httpx.get(immich.url(home).replace("/api", "/lab/assets"), trust_env=False).json()["result"]
    assert "/external/icloud/a.jpg" in [asset["originalPath"] for asset in told]
    assert {marked.name for marked in processes.find(home)} == {"immich", "cloudflare"}


# Without a process of its own.


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Immich's API on loopback, which does nothing by itself."""
    (tmp_path / "photos").mkdir()
    server = Server(tmp_path / "world.json", tmp_path / "url", {immich.MOUNT_PATH: str(tmp_path / "photos")})
    with pytest.MonkeyPatch.context() as patch, server:
        patch.setattr(Server, "service_actions", lambda _: None)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}/api", headers=KEY, trust_env=False) as client:
        yield client


def test_a_change_is_kept_before_it_is_answered(server: Server, client: httpx.Client) -> None:
    made = client.post("/libraries", json=LIBRARY).json()["id"]
    assert made in json.loads(server.state.read_text())["libraries"]


def test_a_lost_answer_is_a_closed_connection_after_the_write_was_done(server: Server, client: httpx.Client) -> None:
    lab = f"http://127.0.0.1:{server.server_port}/lab/"
    client.post(f"{lab}faults", json={"kind": "timeOut", "method": "POST", "path": "/libraries"}).raise_for_status()
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/libraries", json=LIBRARY)
    assert len(client.get("/libraries").json()) == 2
    assert client.get(f"{lab}faults").json() == {"result": []}
    lacking = client.get(f"{lab}nothing")
    assert (lacking.status_code, lacking.json()["result"]) == (404, "GET /lab/nothing: the rehearsal has no 'nothing'")


def test_headers_of_a_refusal_arrive(client: httpx.Client) -> None:
    refused = client.get(f"/libraries/{immichs.found().owner['id']}")
    assert refused.status_code == 400
    assert refused.headers["x-immich-cid"]


def test_a_scan_completes_without_a_poll(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    server = Server(tmp_path / "world.json", tmp_path / "url", {immich.MOUNT_PATH: str(tmp_path / "photos")})
    with server, httpx.Client(transport=Transport(server.api), headers=KEY, base_url="http://immich/api") as client:
        made = client.post("/libraries", json=LIBRARY).json()["id"]
        client.post(f"/libraries/{made}/scan").raise_for_status()
        server.service_actions()
    kept = json.loads((tmp_path / "world.json").read_text())
    assert kept["queue"] == []
    assert "/external/icloud/a.jpg" in {asset["originalPath"] for asset in kept["assets"].values()}
