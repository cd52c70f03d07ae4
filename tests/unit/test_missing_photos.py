"""The disk is compared with Immich: what is listed, what counts, and what is reported of what is missing."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients import jobs
from clients.immich import ImmichApi, Library, Statistics
from clients.jobs import JobError
from clients.result import Code
from components import list_photos
from components.ownership import Ownership
from components.photo_disk import MARK
from lab.immich.world import PERMISSIONS
from lab.node.container import Image
from ops.command import CommandError, Stack
from ops.compare import compare, look
from ops.facts.part import Unread
from ops.missing_photos import by_name, by_number, importable
from settings import Settings
from tests.accounts import DISK_ID, household
from tests.fake_jobs import Jobs
from tests.immich_server import FOLDER, Immich, serving
from tests.node_stand_in import Ended, Node, shells
from tests.objects import STACK
from tests.unit.test_library_scan import showing

PARTNER = "0a1b2c3d-0001-4000-8000-000000000002"
KINDS = {".jpg": "image", ".heic": "image", ".mov": "video"}
LIBRARY = Library("id", "owner", "iCloud Photos", (FOLDER,), ("**/@eaDir/**", "**/*.tmp.jpg"), "")


@pytest.fixture(params=list(shells().values()), ids=list(shells()))
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Node:
    made = Node(tmp_path / "disk", tmp_path / "record", Image(request.param))
    (made.path("icloud-photos") / "icloud-import").mkdir(parents=True)
    (made.path("icloud-photos") / MARK).write_text(f"id: {DISK_ID}\n")
    return made


def run(node: Node, job: Any, user: int | None = None) -> Ended:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    for pair in container["env"]:
        if pair.pop("valueFrom", None):
            pair["value"] = DISK_ID
    return node.run(job, user=user)


def listed(node: Node, user: int | None = None) -> Ended:
    return run(node, list_photos.job(household(), Ownership(STACK), ["icloud-import"]), user)


NAMES = ["2026/写真.jpg", "2026/a b'\".HEIC", "2026/two\nlines.mov", "x.xmp"]


def test_each_file_is_listed_whatever_its_name(node: Node) -> None:
    for name in [*NAMES, ".immich-icloud-layout", ".aside/2026/cut.jpg"]:
        place = node.path("icloud-photos") / "icloud-import" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    ended = listed(node)
    assert (ended.code, ended.result.code) == (0, Code.LISTED)
    assert sorted(list_photos.files(ended.log)) == sorted(f"icloud-import/{name}" for name in NAMES)


def test_a_list_that_lost_a_line_is_none(node: Node) -> None:
    for number in range(500):
        (node.path("icloud-photos") / "icloud-import" / f"{number}.jpg").touch()
    lines = listed(node).log
    with pytest.raises(list_photos.IncompleteListError):
        list_photos.files([*lines[:3], *lines[4:]])
    with pytest.raises(list_photos.IncompleteListError):
        list_photos.files(lines[:-1])


def test_nothing_is_listed_of_another_disk(node: Node) -> None:
    (node.path("icloud-photos") / MARK).write_text("id: another\n")
    ended = listed(node)
    assert (ended.code, ended.result.code) == (1, Code.NO_MARK)


@pytest.mark.skipif(os.getuid() != 0, reason="root reads everything, and only root can be somebody else")
def test_a_folder_that_can_not_be_read_fails(node: Node) -> None:
    secret = node.path("icloud-photos") / "icloud-import" / "2026"
    secret.mkdir(mode=0o700)
    for place in (node.disk, *node.disk.parents):
        if place.is_relative_to(tempfile.gettempdir()) and place != Path(tempfile.gettempdir()):
            place.chmod(0o755)
    ended = listed(node, user=65534)
    assert ended.code == 1
    assert f'"code":"{Code.NOT_READABLE}"' in ended.out


def test_the_job_mounts_the_disk_read_only_and_has_no_network() -> None:
    job = list_photos.job(household(), Ownership(STACK), ["icloud-import"])
    template = job["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert [mount.get("readOnly", False) for mount in container["volumeMounts"] if mount["name"] == "photos"] == [True]
    assert template["metadata"]["labels"] == {"app.kubernetes.io/name": "photo-disk"}
    assert template["spec"]["automountServiceAccountToken"] is False


def on_disk(*names: str) -> dict[str, str]:
    return importable([f"{FOLDER}/{name}" for name in names], LIBRARY, KINDS)


def test_only_what_immich_imports_counts() -> None:
    assert on_disk("a.JPG", "b.xmp", "@eaDir/c.jpg", "d.tmp.jpg", "e.MOV", "none") == {
        f"{FOLDER}/a.JPG": "image",
        f"{FOLDER}/e.MOV": "video",
    }
    assert importable([f"{FOLDER}-ben/a.jpg"], LIBRARY, KINDS) == {}


@pytest.mark.parametrize(
    ("photos", "videos", "lacks"),
    [
        (2, 1, (0, 0)),
        (1, 1, (1, 0)),
        (2, 0, (0, 1)),
        (5, 5, (0, 0)),
    ],
)
def test_by_number_a_live_photo_is_one(photos: int, videos: int, lacks: tuple[int, int]) -> None:
    there = on_disk("1/IMG_1.HEIC", "1/IMG_1_HEVC.MOV", "1/IMG_2-adjusted.JPG", "2/IMG_3.MOV")
    found = by_number(LIBRARY, there, Statistics(photos, videos, 0), "")
    assert (found.lacks_photos, found.lacks_videos, bool(found)) == (*lacks, any(lacks))


def test_names_are_bounded() -> None:
    there = on_disk(*(f"{number:03}.jpg" for number in range(30)))
    found = by_name(LIBRARY, there, {f"{FOLDER}/000.jpg"})
    assert found.names == tuple(f"{FOLDER}/{number:03}.jpg" for number in range(1, 30))
    assert str(found).endswith(f"{FOLDER}/010.jpg, and 19 more")


# With Immich.


@pytest.fixture
def immich(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Immich]:
    node = Node(tmp_path / "node", tmp_path / "record", Image(("/bin/sh",)))
    with serving(tmp_path) as served:
        node.path("icloud-photos").parent.mkdir(parents=True)
        node.path("icloud-photos").symlink_to(served.disk)
        (served.disk / MARK).write_text(f"id: {DISK_ID}\n")
        for folder in ("icloud-import", "icloud-import-ben"):
            served.folder(folder)

        def followed(_: Any, job: Any, __: Any, log: Any) -> None:
            ended = run(node, job)
            for line in ended.log:
                log(line)
            if ended.code:
                raise JobError(ended.result.message)

        monkeypatch.setattr(jobs, "run", followed)
        monkeypatch.setattr(ImmichApi, "behind", lambda _, __, key: served.api(key.get_secret_value()))
        yield served


def compared(settings: Settings, number: int = 0) -> list[str]:
    said: list[str] = []
    compare(Stack("test", settings, Jobs()), settings.photo_sync.accounts[number], said.append)
    return said


def scanned(immich: Immich, **stated: Any) -> str:
    """A library that has been scanned, but for what comes to the disk after this."""
    library = immich.make_library(importPaths=[FOLDER], **stated)
    immich.folder("icloud-import", "1.jpg", "2.HEIC", "2_HEVC.MOV", "3.mov", "4.xmp")
    immich.api().scan(library)
    immich.work()
    return library


def test_all_is_there(immich: Immich) -> None:
    scanned(immich)
    assert compared(showing()) == ['The library "iCloud Photos" has the 2 photos and 2 videos on the disk, by number.']


def test_what_immich_lacks_is_named(immich: Immich) -> None:
    scanned(immich)
    immich.folder("icloud-import", "5.jpg", "写真.JPG", "6.mov")
    with pytest.raises(CommandError) as lacking:
        compared(showing())
    assert "lacks 2 photos and 1 videos" in str(lacking.value)
    assert f"{FOLDER}/5.jpg, {FOLDER}/6.mov, {FOLDER}/写真.JPG" in str(lacking.value)


def test_what_a_person_has_put_into_the_trash_is_not_missing(immich: Immich) -> None:
    scanned(immich)
    immich.asked("PUT", "version", {"version": "3.2.0"})
    for asset in immich.world.assets.values():
        asset["isTrashed"] = asset["originalPath"].endswith("1.jpg")
    assert len(compared(showing())) == 1


def test_a_narrow_key_counts_and_says_what_is_not_checked(immich: Immich) -> None:
    scanned(immich)
    key = immich.key(*(one for one in PERMISSIONS if one != "asset.read"))
    narrow = Settings.model_validate({**showing().model_dump(by_alias=True, exclude_unset=True), "immichApiKey": key})
    assert len(compared(narrow)) == 1
    immich.folder("icloud-import", "5.jpg")
    with pytest.raises(CommandError, match=r"Which ones is not checked: the API key lacks asset\.read"):
        compared(narrow)


def test_another_users_library_is_compared_by_number(immich: Immich) -> None:
    library = immich.make_library(importPaths=[f"{FOLDER}-ben"], ownerId=PARTNER)
    immich.folder("icloud-import-ben", "1.jpg")
    household = showing({"name": "anna"}, {"name": "ben", "immichUser": "partner@coultonf.com"})
    with pytest.raises(CommandError, match="another user's"):
        compared(household, 1)
    immich.api().scan(library)
    immich.work()
    assert len(compared(household, 1)) == 1


def test_a_disk_that_is_away_is_not_checked(immich: Immich) -> None:
    library = scanned(immich)
    shutil.rmtree(immich.disk)
    (said,) = compared(showing())
    assert said.startswith("Whether Immich has all photos of the disk is not checked: the photo disk's marker file")
    assert isinstance(look(Stack("test", showing(), Jobs()), [library]), Unread)


def test_thousands_come_in_pages(immich: Immich) -> None:
    library = immich.make_library(importPaths=[FOLDER])
    immich.folder("icloud-import", *(f"{number}.jpg" for number in range(2001)))
    immich.api().scan(library)
    immich.work()
    assert len(immich.api().paths(library)) == 2001
