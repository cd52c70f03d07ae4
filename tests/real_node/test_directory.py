"""The Job that makes the photo directory, in each situation that it can meet on a node."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from clients.kubernetes import Manifest
from clients.result import Code
from components import directory
from components.ownership import Ownership
from components.photo_disk import MARK
from settings.photo_sync import IMPORT_FOLDER
from settings.storage import HostPath, Owner
from tests.accounts import DISK_ID
from tests.lab.conftest import until
from tests.objects import STACK
from tests.real_node.cluster import NODE, Cluster

OWNER = (1000, 1001)
PHOTO = f"{IMPORT_FOLDER}/a.jpg"
RIGHT, OTHER = f"id: {DISK_ID}\n", "id: 2-00000000000000bb\n"


def job(path: str) -> Manifest:
    """The pod of the Job."""
    storage = HostPath(kind="hostPath", node=NODE, path=path, owner=Owner(uid=OWNER[0], gid=OWNER[1]))
    made = directory.job(storage, (IMPORT_FOLDER,), "unused", Ownership(STACK), beside_one_made_by_hand=False)
    spec: Manifest = made["spec"]["template"]["spec"]
    return spec


def fill(place: Path, names: Sequence[str], marker: str) -> None:
    """Make a directory; photos in it belong to another user, who alone can read them."""
    (place / IMPORT_FOLDER).mkdir(parents=True)
    for name in names:
        (place / name).write_text("photo")
        (place / name).chmod(0o600)
        os.chown(place / name, 1234, 1235)
    if marker:
        (place / MARK).write_text(marker)
    for folder in (place, place / IMPORT_FOLDER):
        os.chown(folder, *OWNER)


def seen(place: Path) -> dict[str, tuple[int, int, int, int]]:
    """All that is there: mode, owner, group, time of the last change."""
    paths = [place, *place.rglob("*")] if place.exists() else []
    found = [(str(path.relative_to(place)), path.lstat()) for path in paths]
    return {name: (one.st_mode, one.st_uid, one.st_gid, one.st_mtime_ns) for name, one in found}


def test_a_missing_directory_is_made_marked_and_given_to_its_owner(cluster: Cluster) -> None:
    cluster.start("made", job("/var/mnt/made"))
    assert cluster.came_to("made") == (0, Code.MARKED)
    place = cluster.place("/var/mnt/made")
    assert (place / MARK).read_text().endswith(RIGHT)
    for folder in (place, place / IMPORT_FOLDER):
        found = folder.stat()
        assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o755, *OWNER)


@pytest.mark.parametrize(
    ("name", "there", "marker", "known", "owner", "code"),
    [
        ("right-disk", (PHOTO,), RIGHT, "marked", OWNER, Code.FOUND),
        ("unmarked", (PHOTO,), "", "", OWNER, Code.UNMARKED),
        ("unmounted", None, "", "made", OWNER, Code.DIRECTORY_GONE),
        ("mark-gone", (), "", "made", OWNER, Code.MARK_GONE),
        ("other-disk", (PHOTO,), OTHER, "made", OWNER, Code.OTHER_DISK),
        ("not-owned", (PHOTO,), RIGHT, "made", (0, 0), Code.NOT_OWNED),
    ],
)  # fmt: skip
def test_what_is_there_stays_as_it_is(  # noqa: PLR0913, PLR0917 (the table's columns)
    cluster: Cluster,
    name: str,
    there: Sequence[str] | None,
    marker: str,
    known: str,
    owner: tuple[int, int],
    code: Code,
) -> None:
    place = cluster.place(f"/var/mnt/{name}")
    if there is not None:
        fill(place, there, marker)
        place.chmod(0o755)
        os.chown(place, *owner)
    before = seen(place)
    cluster.start(name, job(f"/var/mnt/{name}"), **({known: "true"} if known else {}))
    assert cluster.came_to(name) == (int(code != Code.FOUND), code)
    assert seen(place) == before


def test_a_missing_parent_is_waited_for_and_not_made(cluster: Cluster) -> None:
    cluster.start("no-parent", job("/var/mnt/away/photos"))
    until(lambda: cluster.core.list_namespaced_event("no-parent", field_selector="reason=FailedMount").items, 60)
    assert cluster.pod("no-parent").status.phase == "Pending"
    assert not cluster.place("/var/mnt/away").exists()
    cluster.place("/var/mnt/away").mkdir()
    assert cluster.ended("no-parent").exit_code == 0
