"""The scripts that make and mark the photo directory, run on a stand-in for the node under each shell at hand."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from clients.result import Code
from components import directory
from components.ownership import Ownership
from components.photo_disk import MARK
from lab.node.container import Image
from settings.photo_sync import IMPORT_FOLDER
from settings.storage import HostPath, Local, Nfs, Owner, Storage
from tests.node_stand_in import Node, shells
from tests.objects import STACK

PATH = "/var/mnt/icloud-photos"
US = Owner(uid=os.getuid(), gid=os.getgid())
ID = "1-00000000000000aa"
WHERE = f"{PATH} on talos-1ca-62z"
NO_MARK, MARK_GONE, GONE = Code.UNMARKED, Code.MARK_GONE, Code.DIRECTORY_GONE
OLD_MARK, OTHER_MARK = Code.OLD_MARK, Code.OTHER_DISK
OF_0_2 = (
    "immich-icloud: this is the disk with the photos. Without this file nothing is written and Immich does not start.\n"
)


def storage(path: str = PATH) -> Storage:
    return HostPath(kind="hostPath", node="talos-1ca-62z", path=path, owner=US)


def job(where: Storage, folders: Sequence[str] = (IMPORT_FOLDER,), *, adopt: bool = False) -> dict[str, Any]:
    return directory.job(where, folders, "photo-sync", Ownership(STACK, adopting=adopt), beside_one_made_by_hand=False)


def new_node(shell: tuple[str, ...] = ("/bin/sh",)) -> Node:
    """In a folder that other users may enter, unlike pytest's own."""
    base = Path(tempfile.mkdtemp(prefix="node-"))
    node = Node(base / "disk", base / "record", Image(shell), as_users=True)
    for place in (node.path("/var/mnt"), node.record):
        place.mkdir(parents=True)
    (node.record / "id").write_text(ID)
    base.chmod(0o755)
    return node


@pytest.fixture(params=list(shells().values()), ids=list(shells()))
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    made = new_node(request.param)
    yield made
    shutil.rmtree(made.disk.parent)


def tree(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*")}


def remember(node: Node, key: str = "made") -> None:
    (node.record / key).write_text("true")


def marked_with(node: Node) -> str:
    return (node.path(PATH) / MARK).read_text().removeprefix(OF_0_2)


def whole(name: str) -> set[str]:
    return {name, f"{name}/{MARK}", f"{name}/{IMPORT_FOLDER}"}


def test_missing_is_made_whole(node: Node) -> None:
    ended = node.run(job(storage()))
    assert ended.code == 0, ended
    assert tree(node.path("/var/mnt")) == whole("icloud-photos")
    for place in (node.path(PATH), node.path(PATH) / IMPORT_FOLDER):
        found = place.stat()
        assert stat.S_IMODE(found.st_mode) == 0o755
        assert (found.st_uid, found.st_gid) == (US.uid, US.gid)


def test_a_local_volume_is_made_alike(node: Node) -> None:
    local = Local(kind="local", node="talos-1ca-62z", path=PATH, owner=US)
    assert node.run(job(local)).code == 0
    assert tree(node.path("/var/mnt")) == whole("icloud-photos")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_the_owner_gets_it(node: Node) -> None:
    of_somebody = HostPath(kind="hostPath", node="n", path=PATH, owner=Owner(uid=1000, gid=1001))
    assert node.run(job(of_somebody)).code == 0
    for place in (node.path(PATH), node.path(PATH) / IMPORT_FOLDER):
        assert (place.stat().st_uid, place.stat().st_gid) == (1000, 1001)


def test_the_second_run_changes_nothing_and_touches_no_photo(node: Node) -> None:
    node.run(job(storage()))
    (node.path(PATH) / IMPORT_FOLDER / "a.jpg").write_text("photo")
    mark = (node.path(PATH) / MARK).stat()
    ended = node.run(job(storage()))
    assert ended.code == 0
    assert tree(node.path(PATH)) == {MARK, IMPORT_FOLDER, f"{IMPORT_FOLDER}/a.jpg"}
    assert (node.path(PATH) / MARK).stat().st_mtime_ns == mark.st_mtime_ns


def test_modes_are_set_right_where_the_mark_is(node: Node) -> None:
    node.run(job(storage()))
    node.path(PATH).chmod(0o700)
    (node.path(PATH) / IMPORT_FOLDER).rmdir()
    assert node.run(job(storage())).code == 0
    assert stat.S_IMODE(node.path(PATH).stat().st_mode) == 0o755
    assert tree(node.path("/var/mnt")) == whole("icloud-photos")


# What stands in the photo directory's place.
EMPTY, PHOTOS = (), (IMPORT_FOLDER, f"{IMPORT_FOLDER}/a.jpg")
SYNCED_NOTHING = (IMPORT_FOLDER, f"{IMPORT_FOLDER}/{MARK}-layout")
RIGHT, OTHER = f"{OF_0_2}id: {ID}\n", f"{OF_0_2}id: 2-00000000000000bb\n"


@pytest.mark.parametrize("adopt", [False, True], ids=["", "adopting"])
@pytest.mark.parametrize(
    ("there", "marker", "known", "error", "adopted"),
    [
        (EMPTY, None, "", NO_MARK, ""),
        (PHOTOS, None, "", NO_MARK, ""),
        (EMPTY, None, "made", MARK_GONE, MARK_GONE),
        (PHOTOS, None, "marked", MARK_GONE, MARK_GONE),
        (EMPTY, OF_0_2, "", OLD_MARK, ""),
        (EMPTY, OF_0_2, "made", OLD_MARK, OLD_MARK),
        (SYNCED_NOTHING, OF_0_2, "made", OLD_MARK, OLD_MARK),
        (PHOTOS, OF_0_2, "made", "", ""),
        (PHOTOS, OF_0_2, "marked", OLD_MARK, OLD_MARK),
        (PHOTOS, "", "marked", OLD_MARK, OLD_MARK),
        (EMPTY, RIGHT, "", "", ""),
        (PHOTOS, RIGHT, "marked", "", ""),
        (EMPTY, OTHER, "", OTHER_MARK, OTHER_MARK),
        (PHOTOS, OTHER, "made", OTHER_MARK, OTHER_MARK),
        (PHOTOS, RIGHT.replace(ID, f"{ID}0"), "made", OTHER_MARK, OTHER_MARK),
    ],
)  # fmt: skip
def test_only_the_right_disk_is_accepted(  # noqa: PLR0913, PLR0917 (the table's columns)
    node: Node, there: Sequence[str], marker: str | None, known: str, error: str, adopted: str, *, adopt: bool
) -> None:
    node.path(PATH).mkdir()
    for name in there:
        (node.path(PATH) / name).write_text("x") if "/" in name else (node.path(PATH) / name).mkdir()
    if marker is not None:
        (node.path(PATH) / MARK).write_text(marker)
    if known:
        remember(node, known)
    node.path(PATH).chmod(0o711)
    before = {path: path.read_bytes() for path in node.path(PATH).rglob("*") if path.is_file()}
    ended = node.run(job(storage(), adopt=adopt))
    if expected := adopted if adopt else error:
        assert (ended.code, ended.result.code) == (1, expected)
        assert {path: path.read_bytes() for path in node.path(PATH).rglob("*") if path.is_file()} == before
        assert tree(node.path(PATH)) == {*there, *((MARK,) if marker is not None else ())}
        assert stat.S_IMODE(node.path(PATH).stat().st_mode) == 0o711
    else:
        assert ended.code == 0, ended
        assert marked_with(node) == f"id: {ID}\n"
        assert tree(node.path(PATH)) == {*there, MARK, IMPORT_FOLDER}


FOLDERS = [IMPORT_FOLDER, f"{IMPORT_FOLDER}-ben"]


def test_each_account_gets_its_folder(node: Node) -> None:
    assert node.run(job(storage(), FOLDERS)).code == 0
    assert tree(node.path(PATH)) == {MARK, *FOLDERS}


def test_an_account_that_comes_later_gets_its_folder(node: Node) -> None:
    node.run(job(storage()))
    (node.path(PATH) / IMPORT_FOLDER / "a.jpg").write_text("photo")
    remember(node)
    assert node.run(job(storage(), FOLDERS)).code == 0
    assert tree(node.path(PATH)) == {MARK, *FOLDERS, f"{IMPORT_FOLDER}/a.jpg"}
    assert stat.S_IMODE((node.path(PATH) / FOLDERS[1]).stat().st_mode) == 0o755


def test_an_unmarked_directory_is_marked_on_request(node: Node) -> None:
    (node.path(PATH) / "2024").mkdir(parents=True)
    (node.path(PATH) / "2024" / "a.jpg").write_text("photo")
    assert node.run(job(storage(), adopt=True)).code == 0
    assert tree(node.path(PATH)) == {MARK, IMPORT_FOLDER, "2024", "2024/a.jpg"}
    assert (node.path(PATH) / "2024" / "a.jpg").read_text() == "photo"


@pytest.mark.parametrize("adopt", [False, True])
def test_one_that_was_made_before_and_is_gone_is_not_made_again(node: Node, *, adopt: bool) -> None:
    remember(node)
    ended = node.run(job(storage(), adopt=adopt))
    assert (ended.code, ended.result.code) == (1, GONE)
    assert tree(node.path("/var/mnt")) == set()


@pytest.mark.parametrize(
    "left", [[], [IMPORT_FOLDER], [FOLDERS[1]], [f"{MARK}.new"], [*FOLDERS, f"{MARK}.new"], [*FOLDERS, MARK]]
)
def test_killed_half_way_is_completed(node: Node, left: list[str]) -> None:
    node.path(PATH).mkdir(mode=0o700)
    for name in left:
        (node.path(PATH) / name).write_text(f"id: {ID}\n") if MARK in name else (node.path(PATH) / name).mkdir()
    node.path(PATH).chmod(0o1700)
    assert node.run(job(storage(), FOLDERS)).code == 0
    assert tree(node.path(PATH)) == {MARK, *FOLDERS}
    assert stat.S_IMODE(node.path(PATH).stat().st_mode) == 0o755


def test_an_unfinished_directory_with_something_else_in_it_is_not_marked(node: Node) -> None:
    (node.path(PATH) / IMPORT_FOLDER).mkdir(parents=True)
    (node.path(PATH) / IMPORT_FOLDER / "a.jpg").write_text("photo")
    node.path(PATH).chmod(0o1700)
    assert node.run(job(storage())).result.code == NO_MARK


def test_a_mount_point_that_all_may_write_to_is_not_taken_for_a_directory_just_made(node: Node) -> None:
    node.path(PATH).mkdir()
    node.path(PATH).chmod(0o1777)
    assert node.run(job(storage())).result.code == NO_MARK
    assert tree(node.path(PATH)) == set()


OWNER = Owner(uid=1000, gid=1001)
OF_SOMEBODY = HostPath(kind="hostPath", node="talos-1ca-62z", path=PATH, owner=OWNER)
AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")


def given(place: Path) -> tuple[int, int]:
    status = place.lstat()
    return status.st_uid, status.st_gid


@AS_ROOT
def test_a_used_directory_of_another_owner_is_refused(node: Node) -> None:
    (node.path(PATH) / IMPORT_FOLDER).mkdir(parents=True)
    (node.path(PATH) / MARK).write_text(RIGHT)
    remember(node)
    for adopt in (False, True):
        ended = node.run(job(OF_SOMEBODY, adopt=adopt))
        assert (ended.code, ended.result.code) == (1, Code.NOT_OWNED)
        assert ended.result.message.startswith(f"{WHERE} belongs to 0:0 and storage.owner is 1000:1001.")
    assert given(node.path(PATH)) == given(node.path(PATH) / IMPORT_FOLDER) == (0, 0)


@AS_ROOT
@pytest.mark.parametrize("target", ["../mealie-data", "nowhere", "../nowhere"])
@pytest.mark.parametrize("name", [f"{IMPORT_FOLDER}-ben", MARK, f"{MARK}.new"])
def test_links_of_the_owner_lead_root_nowhere(node: Node, name: str, target: str) -> None:
    """Who writes photos puts a link where the next run makes something."""
    assert node.run(job(OF_SOMEBODY)).code == 0
    mealie = node.path("/var/mnt/mealie-data")
    mealie.mkdir()
    (node.path(PATH) / name).unlink(missing_ok=True)
    (node.path(PATH) / name).symlink_to(target)
    os.lchown(node.path(PATH) / name, 1000, 1001)
    before = tree(node.path("/var/mnt"))
    ended = node.run(job(OF_SOMEBODY, FOLDERS))
    assert given(mealie) == (0, 0)
    assert tree(mealie) == set()
    beside = {path for path in tree(node.path("/var/mnt")) if not path.startswith("icloud-photos/")}
    assert beside == {path for path in before if not path.startswith("icloud-photos/")}
    if name == FOLDERS[1]:
        assert (ended.code, ended.result.code) == (1, Code.NOT_A_DIRECTORY)


@pytest.mark.parametrize("target", ["mealie-data", "nowhere"])
def test_a_link_in_the_directorys_place_is_refused(node: Node, target: str) -> None:
    (node.path("/var/mnt") / "mealie-data").mkdir()
    node.path(PATH).symlink_to(target)
    ended = node.run(job(storage(), adopt=True))
    assert (ended.code, ended.result.code) == (1, Code.NOT_A_DIRECTORY)
    assert tree(node.path("/var/mnt")) == {"icloud-photos", "mealie-data"}


def test_root_has_only_the_container_that_makes_the_directory() -> None:
    pod = job(OF_SOMEBODY)["spec"]["template"]["spec"]
    ((makes,), (furnishes,)) = pod["initContainers"], pod["containers"]
    assert makes["securityContext"]["runAsUser"] == 0
    assert furnishes["securityContext"].items() >= {"runAsUser": 1000, "runAsGroup": 1001, "runAsNonRoot": True}.items()
    assert furnishes["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", ["our photos", "a'b", "$HOME", "*", "-rf", 'a"b', "[x]"])
def test_odd_names(node: Node, name: str) -> None:
    (node.path("/var/mnt") / "other").mkdir()
    assert node.run(job(storage(f"/var/mnt/{name}"))).code == 0
    assert tree(node.path("/var/mnt")) == {"other", *whole(name)}


def test_a_parent_that_can_not_be_written_to(node: Node) -> None:
    node.path("/var/mnt").chmod(0o555)
    ended = node.run(job(storage()), user=65534 if os.getuid() == 0 else None)
    node.path("/var/mnt").chmod(0o755)
    assert ended.code != 0
    assert "ermission denied" in ended.out
    assert tree(node.path("/var/mnt")) == set()


def test_a_file_in_the_directorys_place_stays(node: Node) -> None:
    node.path(PATH).write_text("a file")
    ended = node.run(job(storage()))
    assert ended.code != 0
    assert node.path(PATH).read_text() == "a file"


def test_on_a_network_volume_only_the_folder_and_the_mark_are_made(node: Node) -> None:
    nfs = Nfs(kind="nfs", server="nas.lan", path="/export/photos", owner=US)
    export = node.path(nfs.claim)
    export.mkdir()
    export.chmod(0o770)
    assert node.run(job(nfs)).result.code == NO_MARK
    assert node.run(job(nfs, adopt=True)).code == 0
    assert tree(export) == {MARK, IMPORT_FOLDER}
    assert stat.S_IMODE(export.stat().st_mode) == 0o770, "what the storage decides stays"
