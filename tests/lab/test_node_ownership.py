"""What a pod's `fsGroup` does to the files of its volumes."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from lab.node.ownership import hand_over


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A volume with a private photo in a folder, and a link."""
    folder = tmp_path / "volume" / "2026"
    folder.mkdir(parents=True)
    (folder / "photo").touch(mode=0o600)
    (folder / "link").symlink_to("/nonexistent")
    for one in (folder, folder.parent):
        one.chmod(0o755)
    return folder.parent


def modes(place: Path) -> list[int]:
    return [stat.S_IMODE((place / name).stat().st_mode) for name in (".", "2026", "2026/photo")]


@pytest.mark.parametrize(
    ("context", "become"),
    [
        ({}, [0o755, 0o755, 0o600]),
        ({"fsGroup": 1234}, [0o2775, 0o2775, 0o660]),
        ({"fsGroup": 1234, "fsGroupChangePolicy": "OnRootMismatch"}, [0o2775, 0o2775, 0o660]),
    ],
    ids=["none", "all", "root differs"],
)
def test_modes_of_all_files_change(place: Path, context: dict[str, Any], become: list[int]) -> None:
    hand_over(place, context)
    assert modes(place) == become


def test_of_a_read_only_volume_files_are_to_be_read(place: Path) -> None:
    hand_over(place, {"fsGroup": 1234}, read_only=True)
    assert modes(place) == [0o2755, 0o2755, 0o640]


def test_a_volume_whose_root_is_right_is_not_walked(place: Path) -> None:
    context = {"fsGroup": os.getgid(), "fsGroupChangePolicy": "OnRootMismatch"}
    os.chown(place, -1, os.getgid())
    place.chmod(0o2775)
    hand_over(place, context)
    assert modes(place) == [0o2775, 0o755, 0o600]
