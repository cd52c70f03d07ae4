"""The scripts by which a person inspects a directory and marks it, on a stand-in for the node, under each shell."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clients.result import Code, Result
from components import directory, pod_security
from components.ownership import Ownership
from components.photo_disk import MARK
from components.storage import written_claim
from settings.photo_sync import IMPORT_FOLDER
from settings.storage import Csi, HostPath, Local, Nfs, Owner, Storage
from tests.node_stand_in import Ended, Node, shells
from tests.objects import STACK
from tests.unit.test_make_directory import AS_ROOT, ID, OF_0_2, PATH, given, new_node, remember, tree
from tests.unit.test_make_directory import job as make

US = Owner(uid=os.getuid(), gid=os.getgid())
HOST = HostPath(kind="hostPath", node="talos-1ca-62z", path=PATH, owner=US)
LOCAL = Local(kind="local", node="talos-1ca-62z", path=PATH, owner=US)
NFS = Nfs(kind="nfs", server="nas.lan", path="/export/photos", owner=US)
CSI = Csi(kind="csi", driver="smb.csi.k8s.io", volumeHandle="nas/photos#sync", immichVolumeHandle="nas/photos#immich")
EVERY_KIND = pytest.mark.parametrize("storage", [HOST, LOCAL, NFS, CSI], ids=lambda storage: storage.kind)
NAMESPACE = "photo-sync"
NEW_ID = "2-00000000000000bb"


@pytest.fixture(params=list(shells().values()), ids=list(shells()))
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    made = new_node(request.param)
    yield made
    shutil.rmtree(made.disk.parent)


def place(node: Node, storage: Storage) -> Path:
    return node.path(storage.path if isinstance(storage, HostPath | Local) else written_claim(storage))


def with_photos(node: Node, storage: Storage = HOST) -> Path:
    found = place(node, storage)
    (found / IMPORT_FOLDER / "2024").mkdir(parents=True)
    (found / IMPORT_FOLDER / "2024" / "a.jpg").write_text("x" * 3 * 2**20)
    (found / "our photos").mkdir()
    (found / "our photos" / "b.jpg").write_text("photo")
    return found


def look(node: Node, storage: Storage = HOST) -> Ended:
    return node.run(directory.look(storage, NAMESPACE))


SIGHT = Result(code=Code.UNMARKED, message="", id="none", filesystem="1-1", fingerprint="1-1")


def seen(node: Node, storage: Storage = HOST) -> Result:
    ended = look(node, storage)
    assert ended.code == 0, ended
    return ended.result


def mark(node: Node, sight: Result, storage: Storage = HOST) -> Ended:
    return node.run(directory.mark(storage, [IMPORT_FOLDER], NAMESPACE, Ownership(STACK), sight, NEW_ID))


@EVERY_KIND
def test_a_look_says_what_is_there_and_changes_nothing(node: Node, storage: Storage) -> None:
    found = with_photos(node, storage)
    before = tree(node.disk)
    facts = look(node, storage).out.splitlines()
    assert any(fact.startswith("Files: 2, 3 MiB") for fact in facts)
    assert any(fact.startswith("Free: ") for fact in facts)
    assert f"Folders: 2, beginning with: {IMPORT_FOLDER} our photos" in facts
    assert "The cluster has no record that it was created or marked before" in facts
    assert tree(node.disk) == before
    assert found.is_dir()


@EVERY_KIND
def test_it_is_marked_and_nothing_else_is_done(node: Node, storage: Storage) -> None:
    found = with_photos(node, storage)
    found.chmod(0o711)
    before = tree(found)
    assert mark(node, seen(node, storage), storage).code == 0
    assert tree(found) == before | {MARK}
    assert found.stat().st_mode & 0o777 == 0o711
    assert seen(node, storage).id == NEW_ID


def test_the_mark_is_the_one_that_the_first_run_would_make(node: Node) -> None:
    with_photos(node)
    mark(node, seen(node))
    by_hand = (node.path(PATH) / MARK).read_text()
    shutil.rmtree(node.path(PATH))
    node.run(make(HOST))
    assert (node.path(PATH) / MARK).read_text() == by_hand.replace(NEW_ID, ID)


@pytest.mark.parametrize(
    ("marker", "id_"),
    [(None, "none"), (OF_0_2, "old"), ("", "old"), (f"{OF_0_2}id: {ID}\n", ID), (f"id: {ID} x", "old")],
)
def test_a_look_reads_the_id(node: Node, marker: str | None, id_: str) -> None:
    found = with_photos(node)
    if marker is not None:
        (found / MARK).write_text(marker)
    assert seen(node).id == id_


def test_a_marker_file_that_is_a_link_is_none(node: Node) -> None:
    found = with_photos(node)
    (found / "elsewhere").write_text(f"id: {ID}\n")
    (found / MARK).symlink_to("elsewhere")
    assert seen(node).id == "none"
    assert mark(node, seen(node)).code == 0
    assert not (found / MARK).is_symlink()
    assert (found / "elsewhere").read_text() == f"id: {ID}\n"


def test_a_second_command_is_not_overtaken_by_the_first(node: Node) -> None:
    with_photos(node)
    first = seen(node)
    assert mark(node, seen(node)).code == 0
    assert mark(node, first).code == 1


OF_SOMEBODY = HostPath(kind="hostPath", node="talos-1ca-62z", path=PATH, owner=Owner(uid=1000, gid=1001))


@AS_ROOT
def test_marking_gives_it_to_its_owner(node: Node) -> None:
    found = with_photos(node)
    facts = look(node, OF_SOMEBODY).out
    assert "It belongs to 0:0, and storage.owner is 1000:1001: marking it gives it" in facts
    assert mark(node, seen(node, OF_SOMEBODY), OF_SOMEBODY).code == 0
    assert given(found) == given(found / IMPORT_FOLDER) == given(found / MARK) == (1000, 1001)
    assert given(found / "our photos") == given(found / IMPORT_FOLDER / "2024" / "a.jpg") == (0, 0)
    assert "It belongs to" not in look(node, OF_SOMEBODY).out


def test_an_empty_disk_gets_its_import_folders(node: Node) -> None:
    node.path(PATH).mkdir()
    assert mark(node, seen(node)).code == 0
    assert tree(node.path(PATH)) == {MARK, IMPORT_FOLDER}


@AS_ROOT
def test_marking_gives_nothing_away_that_a_link_leads_to(node: Node) -> None:
    found = node.path(PATH)
    found.mkdir()
    mealie = node.path("/var/mnt/mealie-data")
    mealie.mkdir()
    (found / IMPORT_FOLDER).symlink_to("../mealie-data")
    ended = mark(node, seen(node, OF_SOMEBODY), OF_SOMEBODY)
    assert (ended.code, ended.result.code) == (1, Code.NOT_A_DIRECTORY)
    assert given(mealie) == (0, 0)
    assert tree(mealie) == set()


@AS_ROOT
def test_nothing_is_given_away_where_the_disk_is_another_one_by_now(node: Node) -> None:
    found = with_photos(node)
    sight = seen(mounted(node, "/dev/sdb1"), OF_SOMEBODY)
    assert mark(mounted(node, "/dev/sdc1"), sight, OF_SOMEBODY).code == 1
    assert given(found) == (0, 0)


def test_one_that_was_made_before_can_be_marked(node: Node) -> None:
    with_photos(node)
    remember(node)
    assert "without a marker file, the disk may not be mounted" in look(node).out
    assert mark(node, seen(node)).code == 0
    (node.record / "id").write_text(NEW_ID)
    remember(node, "marked")
    assert node.run(make(HOST)).code == 0, "the next `make up` takes it"


def test_an_empty_disk_is_reported(node: Node) -> None:
    node.path(PATH).mkdir()
    assert "Folders: 0\n" in look(node).out
    assert "Files: 0, 0 MiB\n" in look(node).out


def test_folders_are_not_listed_without_end(node: Node) -> None:
    for number in range(30):
        (node.path(PATH) / f"{number:02}").mkdir(parents=True)
    assert "Folders: 30, beginning with: 00 01" in look(node).out
    assert " 20" not in look(node).out.partition("beginning with:")[2].partition("\n")[0]


def test_a_directory_that_is_no_mount(node: Node) -> None:
    with_photos(node)
    assert "on the same filesystem as its parent directory: no disk is mounted there" in look(node).out


def mounted(node: Node, device: str) -> Node:
    """A node on which the photo directory is where `device` is mounted, as `df` says."""
    programs = node.disk.parent / "bin"
    programs.mkdir(exist_ok=True)
    stand_in = programs / "df"
    stand_in.write_text(
        "#!/bin/sh\necho 'Filesystem 1024-blocks Used Available Capacity Mounted on'\n"
        f'case $2 in */icloud-photos) echo "{device} 9 $$ 8 12% $2" ;; *) echo "/dev/sda1 9 $$ 8 12% /" ;; esac\n'
    )
    stand_in.chmod(0o755)
    return replace(node, image=replace(node.image, path_first=programs))


def test_a_mount_of_its_own(node: Node) -> None:
    with_photos(node)
    assert "It is a mount of its own\n" in look(mounted(node, "/dev/sdb1")).out


def test_another_disk_with_the_same_folders_is_not_marked(node: Node) -> None:
    with_photos(node)
    sight = seen(mounted(node, "/dev/sdb1"))
    assert mark(mounted(node, "/dev/sdc1"), sight).code == 1
    assert mark(mounted(node, "/dev/sdb1"), sight).code == 0, "what is used and free does not matter"


@pytest.mark.parametrize("change", ["unmounted", "another disk", "a new folder"])
def test_what_changed_since_the_look_is_not_marked(node: Node, change: str) -> None:
    found = with_photos(node)
    sight = seen(node)
    if change == "a new folder":
        (found / "new").mkdir()
    else:
        shutil.rmtree(found)
        (found / "other" if change == "another disk" else found).mkdir(parents=True)
    ended = mark(node, sight)
    assert ended.code == 1
    assert ended.result.code == Code.CHANGED
    assert not (found / MARK).exists()


def test_photos_that_are_written_meanwhile_do_not_matter(node: Node) -> None:
    found = with_photos(node)
    sight = seen(node)
    (found / IMPORT_FOLDER / "2024" / "c.jpg").write_text("photo")
    assert mark(node, sight).code == 0


@pytest.mark.parametrize("run", [look, lambda node: mark(node, SIGHT)], ids=["look", "mark"])
def test_a_missing_directory_is_never_made(node: Node, run: Any) -> None:
    ended = run(node)
    assert (ended.code, ended.result.code) == (1, Code.NO_DIRECTORY)
    assert tree(node.path("/var/mnt")) == set()


@pytest.mark.parametrize("run", [look, lambda node: mark(node, SIGHT)], ids=["look", "mark"])
def test_what_is_no_directory(node: Node, run: Any) -> None:
    node.path(PATH).write_text("a file")
    ended = run(node)
    assert (ended.code, ended.result.code) == (1, Code.NOT_A_DIRECTORY)
    assert node.path(PATH).read_text() == "a file"


@pytest.mark.parametrize("name", ["our photos", "a'b", "$HOME", "*", "-rf", 'a"b', "[x]"])
def test_odd_names(node: Node, name: str) -> None:
    storage = HostPath(kind="hostPath", node="n", path=f"/var/mnt/{name}", owner=US)
    with_photos(node, storage)
    (node.path("/var/mnt") / "other").mkdir()
    assert mark(node, seen(node, storage), storage).code == 0
    assert (node.path("/var/mnt") / name / MARK).is_file()
    assert tree(node.path("/var/mnt/other")) == set()


@EVERY_KIND
def test_their_pods_are_like_the_one_that_makes_it(storage: Storage) -> None:
    made = make(storage)["spec"]["template"]["spec"]
    for job in (
        directory.look(storage, NAMESPACE),
        directory.mark(storage, [], NAMESPACE, Ownership(STACK), SIGHT, NEW_ID),
    ):
        pod = job["spec"]["template"]["spec"]
        assert pod_security.needed(pod) == pod_security.needed(made)
        for key in pod.keys() - {"containers", "initContainers"}:
            assert pod[key] == made[key], key
        assert pod["containers"][0]["securityContext"] == made["containers"][0]["securityContext"]


def test_only_a_look_is_read_only() -> None:
    def photos(job: dict[str, Any]) -> dict[str, Any]:
        (container,) = job["spec"]["template"]["spec"]["containers"]
        found: dict[str, Any] = container["volumeMounts"][0]
        return found

    assert photos(directory.look(HOST, NAMESPACE))["readOnly"] is True
    assert "readOnly" not in photos(directory.mark(HOST, [], NAMESPACE, Ownership(STACK), SIGHT, NEW_ID))
