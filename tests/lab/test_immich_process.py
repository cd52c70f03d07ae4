"""Immich's API as a process of a rehearsal: it is found again, its world outlives it, and tests change it beside."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab import processes
from lab.cloudflare import process as cloudflare
from lab.immich import process
from lab.immich.server import Server
from lab.immich.world import API_KEY, PERMISSIONS, found
from lab.stand_in.transport import Transport

OWNER = found().owner["id"]
(WEDDING,) = found().assets.values()
OTHER_KEY = API_KEY.replace("real", "other")


@pytest.fixture
def lab(home: Path) -> Iterator[httpx.Client]:
    url = process.start(home).replace("/api", "/lab/")
    with httpx.Client(base_url=url, trust_env=False) as lab:
        yield lab


def connected(home: Path, key: str = API_KEY) -> httpx.Client:
    return httpx.Client(base_url=process.url(home), headers={"x-api-key": key}, trust_env=False)


def library(client: httpx.Client) -> str:
    made = client.post("/libraries", json={"ownerId": OWNER, "importPaths": [process.MOUNT_PATH]})
    return f"/libraries/{made.json()['id']}"


def told(lab: httpx.Client, method: str, path: str, body: Any = None) -> Any:
    answer = lab.request(method, path, json=body)
    answer.raise_for_status()
    return answer.json()["result"]


def test_it_goes_on_where_it_was_after_a_restart(home: Path) -> None:
    url = process.start(home)
    with connected(home) as client:
        made = library(client)
    assert process.running(home)
    assert process.start(home) == url
    processes.end(home)
    assert not process.running(home)
    assert process.start(home) == url
    with connected(home) as client:
        assert client.get(made).status_code == 200


def test_a_change_is_kept_before_it_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "service_actions", lambda _: None)
    server = Server(tmp_path / "world.json", tmp_path / "url", {})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    with server, httpx.Client(base_url=(tmp_path / "url").read_text(), trust_env=False) as client:
        client.headers["x-api-key"] = API_KEY
        made = library(client).removeprefix("/libraries/")
        kept = (tmp_path / "world.json").exists() and json.loads((tmp_path / "world.json").read_text())
        server.shutdown()
    thread.join()
    assert kept
    assert made in kept["libraries"]


def test_a_scan_completes_without_a_poll(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    server = Server(tmp_path / "world.json", tmp_path / "url", {process.MOUNT_PATH: str(tmp_path / "photos")})
    with server, httpx.Client(transport=Transport(server.api), headers={"x-api-key": API_KEY}) as client:
        client.base_url = httpx.URL("http://immich/api")
        client.post(f"{library(client)}/scan").raise_for_status()
        server.service_actions()
    kept = json.loads((tmp_path / "world.json").read_text())
    assert kept["queue"] == []
    assert "/external/icloud/a.jpg" in {asset["originalPath"] for asset in kept["assets"].values()}


def test_it_stands_beside_cloudflare_s(home: Path) -> None:
    process.start(home)
    cloudflare.start(home)
    assert process.running(home)
    assert cloudflare.running(home)
    assert {marked.name for marked in processes.find(home)} == {"immich", "cloudflare"}


def test_it_scans_the_disk_of_the_rehearsal_s_node(home: Path, lab: httpx.Client) -> None:
    disk = home / process.DIRECTORY
    disk.mkdir(parents=True)
    (disk / "a.jpg").touch()
    with connected(home) as client:
        made = library(client)
        client.post(f"{made}/scan").raise_for_status()
        client.get("/server/ping")
        assert client.get(made).json()["refreshedAt"]
    assert [asset["originalPath"] for asset in told(lab, "GET", "assets")] == [
        WEDDING["originalPath"],
        "/external/icloud/a.jpg",
    ]


def test_its_key_is_in_no_log(home: Path) -> None:
    process.start(home)
    with connected(home) as client:
        client.get("/libraries").raise_for_status()
    assert API_KEY not in processes.log_file(home, "immich").read_text()


def test_a_lost_answer_is_a_closed_connection_after_the_write_was_done(home: Path, lab: httpx.Client) -> None:
    told(lab, "POST", "faults", {"kind": "timeOut", "method": "POST"})
    with connected(home) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            library(client)
        assert len(client.get("/libraries").json()) == 2
    assert told(lab, "GET", "faults") == []


def test_the_world_is_changed_beside_the_api(home: Path, lab: httpx.Client) -> None:
    told(lab, "PUT", "version", {"version": "3.2.0"})
    told(lab, "PUT", "configFile", {"inUse": True})
    told(lab, "POST", "users", {"email": "child@coultonf.com", "name": "Child"})
    told(lab, "POST", "keys", {"key": OTHER_KEY, "email": "child@coultonf.com", "permissions": PERMISSIONS})
    with connected(home, OTHER_KEY) as client:
        assert client.get("/server/version").json()["major"] == 3
        assert client.get("/server/features").json()["configFile"] is True
        assert client.get("/users/me").json()["email"] == "child@coultonf.com"
        assert client.get("/admin/config").json() == {"message": "Forbidden"}
    assert told(lab, "GET", "requests")[-1] == ["GET", "/admin/config"]


def test_another_administrator_writes_the_configuration(home: Path, lab: httpx.Client) -> None:
    theirs = told(lab, "GET", "configuration")
    theirs["trash"]["days"] = 7
    with connected(home) as client:
        document = client.get("/system-config").json()
        # Ours is refused, so that what stays is the other's.
        told(lab, "POST", "faults", {"kind": "otherWriter", "method": "PUT", "config": theirs})
        assert client.put("/system-config", json={}).status_code == 400
        assert client.get("/system-config").json() == theirs
        told(lab, "PUT", "configuration", {"config": document})
        assert client.get("/system-config").json() == document


def test_the_watcher_is_told_what_it_sees(home: Path, lab: httpx.Client) -> None:
    document = told(lab, "GET", "configuration")
    document["library"]["watch"]["enabled"] = True
    with connected(home) as client:
        client.put("/system-config", json=document).raise_for_status()
    assert told(lab, "POST", "unlinked", {"path": WEDDING["originalPath"]}) == 1
    assert told(lab, "GET", "assets") == []


def test_what_the_rehearsal_lacks_it_says(lab: httpx.Client) -> None:
    answer = lab.get("nothing")
    assert (answer.status_code, answer.json()["result"]) == (404, "GET /lab/nothing: the rehearsal has no 'nothing'")
