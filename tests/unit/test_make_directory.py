"""The script that makes and marks the photo directory, run on a stand-in for the node under each shell at hand."""

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
from components.photo_disk import IMPORT_FOLDER, MARK
from lab.node.container import Image
from settings.storage import HostPath, Local, Nfs, Owner, Storage
from tests.node_stand_in import Node, shells
from tests.objects import STACK

PATH = "/var/mnt/icloud-photos"
US = Owner(uid=os.getuid(), gid=os.getgid())


def storage(path: str = PATH) -> Storage:
    return HostPath(kind="hostPath", node="talos-1ca-62z", path=path, owner=US)


def job(where: Storage, folders: Sequence[str] = (IMPORT_FOLDER,), *, adopt: bool = False) -> dict[str, Any]:
    return directory.job(where, folders, "photo-sync", Ownership(STACK, adopting=adopt), beside_one_made_by_hand=False)


def new_node(shell: tuple[str, ...] = ("/bin/sh",)) -> Node:
    """In a folder that other users may enter, unlike pytest's own."""
    base = Path(tempfile.mkdtemp(prefix="node-"))
    node = Node(base / "disk", base / "record", Image(shell))
    for place in (node.path("/var/mnt"), node.record):
        place.mkdir(parents=True)
    base.chmod(0o755)
    return node


@pytest.fixture(params=list(shells().values()), ids=list(shells()))
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    made = new_node(request.param)
    yield made
    shutil.rmtree(made.disk.parent)


def tree(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*")}


def remember(node: Node) -> None:
    (node.record / "made").write_text("true")


def whole(name: str) -> set[str]:
    return {name, f"{name}/{MARK}", f"{name}/{IMPORT_FOLDER}"}


def test_missing_is_made_whole(node: Node) -> None:
    ended = node.run(job(storage()))
    assert (ended.code, ended.result.code) == (0, Code.MADE)
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


@pytest.mark.parametrize(
    ("recorded", "adopt", "error"),
    [(False, False, Code.UNMARKED), (True, False, Code.MARK_GONE), (True, True, Code.MARK_GONE)],
)
def test_an_unmarked_directory_is_left_alone(node: Node, recorded: bool, adopt: bool, error: Code) -> None:  # noqa: FBT001
    node.path(PATH).mkdir()
    node.path(PATH).chmod(0o711)
    if recorded:
        remember(node)
    ended = node.run(job(storage(), adopt=adopt))
    assert (ended.code, ended.result.code) == (1, error)
    assert tree(node.path("/var/mnt")) == {"icloud-photos"}
    assert stat.S_IMODE(node.path(PATH).stat().st_mode) == 0o711


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


def test_killed_half_way_with_several_folders_is_completed(node: Node) -> None:
    (node.path(f"{PATH}.immich-icloud-unfinished") / FOLDERS[1]).mkdir(parents=True)
    assert node.run(job(storage(), FOLDERS)).code == 0
    assert tree(node.path("/var/mnt")) == {"icloud-photos", *(f"icloud-photos/{name}" for name in (MARK, *FOLDERS))}


def test_an_unmarked_directory_is_marked_on_request(node: Node) -> None:
    (node.path(PATH) / "2024").mkdir(parents=True)
    (node.path(PATH) / "2024" / "a.jpg").write_text("photo")
    assert node.run(job(storage(), adopt=True)).code == 0
    assert tree(node.path(PATH)) == {MARK, IMPORT_FOLDER, "2024", "2024/a.jpg"}
    assert (node.path(PATH) / "2024" / "a.jpg").read_text() == "photo"


@pytest.mark.parametrize("adopt", [False, True])
def test_one_that_was_made_before_and_is_gone_is_not_made_again(node: Node, adopt: bool) -> None:  # noqa: FBT001
    remember(node)
    ended = node.run(job(storage(), adopt=adopt))
    assert (ended.code, ended.result.code) == (1, Code.DIRECTORY_GONE)
    assert tree(node.path("/var/mnt")) == set()


@pytest.mark.parametrize(
    "left", [[], [IMPORT_FOLDER], [IMPORT_FOLDER, MARK], [MARK]], ids=lambda left: "+".join(left) or "bare"
)
def test_killed_half_way_is_completed(node: Node, left: list[str]) -> None:
    unfinished = node.path(f"{PATH}.immich-icloud-unfinished")
    unfinished.mkdir()
    for name in left:
        (unfinished / name).touch() if name == MARK else (unfinished / name).mkdir()
    assert node.run(job(storage())).code == 0
    assert tree(node.path("/var/mnt")) == whole("icloud-photos")


def test_an_unfinished_directory_with_something_else_in_it_is_not_removed(node: Node) -> None:
    unfinished = node.path(f"{PATH}.immich-icloud-unfinished")
    (unfinished / IMPORT_FOLDER).mkdir(parents=True)
    (unfinished / IMPORT_FOLDER / "a.jpg").write_text("photo")
    assert node.run(job(storage())).code != 0
    assert (unfinished / IMPORT_FOLDER / "a.jpg").read_text() == "photo"


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
    nfs = Nfs(kind="nfs", server="nas.lan", path="/export/photos", owner=Owner(uid=1000, gid=1000))
    export = node.path(nfs.claim)
    export.mkdir()
    export.chmod(0o770)
    assert node.run(job(nfs)).result.code == Code.UNMARKED
    assert node.run(job(nfs, adopt=True)).code == 0
    assert tree(export) == {MARK, IMPORT_FOLDER}
    assert stat.S_IMODE(export.stat().st_mode) == 0o770, "what the storage decides stays"
