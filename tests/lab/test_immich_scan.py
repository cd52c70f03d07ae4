"""What a scan of Immich's does in the rehearsal: to photos that are there, gone and back, and to a disk that is not.

Source: Immich's `library.service.ts` and `storage.repository.ts`; immich #17290 and #13731, of people who met it.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.immich.api import Api
from lab.immich.globs import matches
from lab.immich.world import API_KEY, found, upgrade
from lab.stand_in.transport import Transport

OWNER = found().owner["id"]
(SCANS,) = found().libraries
(WEDDING,) = found().assets
ROOT = "/external/icloud/icloud-import"


class Server:
    """Immich with one library of this stack on a directory of this machine."""

    def __init__(self, disk: Path) -> None:
        self.disk = disk
        self.photos = disk / "icloud-import"
        self.photos.mkdir()
        self.api = Api(found(mounts={"/external/icloud": disk}))
        transport, headers = Transport(self.api), {"x-api-key": API_KEY}
        self.client = httpx.Client(transport=transport, base_url="http://immich/api", headers=headers)
        made = self.client.post("/libraries", json={"ownerId": OWNER, "importPaths": [ROOT]})
        self.library = f"/libraries/{made.json()['id']}"

    def lay(self, *names: str, size: int = 1) -> None:
        for name in names:
            file = self.photos / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"." * size)

    def scan(self) -> None:
        assert self.client.post(f"{self.library}/scan").status_code == 204
        self.client.get("/server/ping")

    def refreshed(self) -> Any:
        """When a scan was done; None since the last time that this was asked."""
        (library,) = [one for one in self.api.world.libraries.values() if one["id"] != SCANS]
        told = self.client.get(self.library).json()["refreshedAt"]
        library["refreshedAt"] = None
        return told

    def statistics(self) -> Any:
        return self.client.get(f"{self.library}/statistics").json()

    def assets(self, *, trashed: bool) -> set[str]:
        every = [asset for asset in self.api.world.assets.values() if asset["id"] != WEDDING]
        assert all(asset["isTrashed"] == asset["isOffline"] for asset in every)
        return {asset["originalPath"].removeprefix(f"{ROOT}/") for asset in every if asset["isTrashed"] == trashed}


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_photos_and_videos_are_found_and_nothing_that_starts_with_a_dot(server: Server) -> None:
    server.lay("2024/01/a.HEIC", "2024/01/a.MOV", "b.jpg", size=5)
    server.lay(".immich-icloud", ".c.jpg", ".trash/d.jpg", "e.txt", "f.xmp", "2024/.sync/g.jpg")
    server.scan()
    assert server.assets(trashed=False) == {"2024/01/a.HEIC", "2024/01/a.MOV", "b.jpg"}
    assert server.statistics() == {"photos": 2, "videos": 1, "total": 3, "usage": 15}
    (asset,) = [one for one in server.api.world.assets.values() if one["originalPath"].endswith("b.jpg")]
    assert (asset["ownerId"], asset["type"]) == (OWNER, "IMAGE")


def test_a_scan_is_queued_and_seen_to_be_done_by_a_newer_time(server: Server) -> None:
    server.lay("a.jpg")
    server.client.post(f"{server.library}/scan")
    assert server.client.get(server.library).json()["refreshedAt"] is None
    first = server.client.get(server.library).json()["refreshedAt"]
    server.scan()
    assert server.client.get(server.library).json()["refreshedAt"] >= first
    assert server.statistics()["total"] == 1


def test_it_continues_without_a_poll(server: Server) -> None:
    server.lay("a.jpg")
    server.client.post(f"{server.library}/scan")
    server.api.work()
    assert server.assets(trashed=False) == {"a.jpg"}


def test_a_missing_photo_is_put_into_the_trash_and_comes_back_with_its_file(server: Server) -> None:
    server.lay("a.jpg", "b.jpg")
    server.scan()
    kept = set(server.api.world.assets)
    (server.photos / "a.jpg").unlink()
    server.scan()
    assert server.assets(trashed=True) == {"a.jpg"}
    server.lay("a.jpg")
    server.scan()
    assert server.assets(trashed=False) == {"a.jpg", "b.jpg"}
    assert set(server.api.world.assets) == kept


def test_an_empty_directory_puts_the_whole_library_into_the_trash(server: Server) -> None:
    """A disk that is not mounted looks like this: it is why nothing may scan an unmarked one."""
    server.lay("a.jpg", "2024/b.mov")
    server.scan()
    server.photos.rename(server.disk / "unmounted")
    server.photos.mkdir()
    assert server.refreshed()
    server.scan()
    assert server.assets(trashed=True) == {"a.jpg", "2024/b.mov"}
    assert server.refreshed()


def test_so_does_a_directory_that_is_gone_though_no_scan_is_seen(server: Server) -> None:
    server.lay("a.jpg")
    server.scan()
    assert server.refreshed()
    server.photos.rename(server.disk / "unmounted")
    server.scan()
    assert server.assets(trashed=True) == {"a.jpg"}
    assert server.refreshed() is None


@pytest.mark.parametrize(("version", "total"), [("2.4.1", 2), ("3.2.0", 1)])
def test_since_3_0_the_trash_does_not_count(server: Server, version: str, total: int) -> None:
    """Source: immich #28462."""
    upgrade(server.api.world, version)
    server.lay("a.jpg", "b.jpg")
    server.scan()
    (server.photos / "a.jpg").unlink()
    server.scan()
    assert server.statistics()["total"] == total


def test_what_is_excluded_is_not_taken_in_and_is_trashed_where_it_was(server: Server) -> None:
    server.lay("Raw/a.jpg", "b.jpg")
    server.scan()
    server.client.put(server.library, json={"exclusionPatterns": ["**/raw/**"]})
    server.lay("Raw/c.jpg")
    server.scan()
    assert (server.assets(trashed=True), server.assets(trashed=False)) == ({"Raw/a.jpg"}, {"b.jpg"})


def test_what_is_no_longer_on_an_import_path_is_trashed(server: Server) -> None:
    server.lay("a.jpg", "kept/b.jpg")
    server.scan()
    server.client.put(server.library, json={"importPaths": [f"{ROOT}/kept"]})
    server.scan()
    assert (server.assets(trashed=True), server.assets(trashed=False)) == ({"a.jpg"}, {"kept/b.jpg"})


def test_a_scan_reads_only_its_own_library(server: Server) -> None:
    server.scan()
    world = found()
    assert server.api.world.libraries[SCANS] == world.libraries[SCANS]
    assert server.api.world.assets[WEDDING] == world.assets[WEDDING]


def test_a_watcher_deletes_at_once_where_it_watches(server: Server) -> None:
    server.lay("a.jpg")
    server.scan()
    assert server.api.told("POST", ["unlinked"], {"path": f"{ROOT}/a.jpg"}) == 0
    server.api.world.configuration["library"]["watch"]["enabled"] = True
    assert server.api.told("POST", ["unlinked"], {"path": f"{ROOT}/a.jpg"}) == 1
    assert server.assets(trashed=False) == server.assets(trashed=True) == set()


@settings(max_examples=30)
@given(st.lists(st.sets(st.sampled_from(["a.jpg", "b/a.jpg", "b/c.mov", "d.heic"])), max_size=5))
def test_whatever_comes_and_goes_what_is_there_is_shown_and_what_was_is_in_the_trash(states: list[set[str]]) -> None:
    seen: set[str] = set()
    with TemporaryDirectory() as disk:
        server = Server(Path(disk))
        for state in states:
            for file in list(server.photos.rglob("*.*")):
                file.unlink()
            server.lay(*state)
            server.scan()
            seen |= state
            assert server.assets(trashed=False) == state
            assert server.assets(trashed=True) == seen - state


@pytest.mark.parametrize(
    ("pattern", "path", "matched"),
    [
        ("**/@eaDir/**", "/photos/@eaDir/a.jpg", True),
        ("**/@eaDir/**", "/photos/eaDir/a.jpg", False),
        ("**/._*", "/photos/2024/._a.jpg", True),
        ("**/*.{tif,TIFF}", "/photos/a.tiff", True),
        ("**/IMG_?.jpg", "/photos/img_1.JPG", True),
        ("**/IMG_?.jpg", "/photos/img_12.jpg", False),
        ("/photos/*.jpg", "/photos/2024/a.jpg", False),
        ("/photos/**/*.jpg", "/photos/a.jpg", True),
        ("**/[!a-c]*.jpg", "/photos/d.jpg", True),
        ("**/[!a-c]*.jpg", "/photos/b.jpg", False),
    ],
)
def test_exclusion_patterns(pattern: str, path: str, *, matched: bool) -> None:
    assert matches(pattern, path) is matched
