"""What follows a sync: Immich is told, and says what it has; never without the disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.immich import ImmichApi, ImmichError
from clients.jobs import JobError
from lab.immich.world import API_KEY
from ops.command import CommandError, Stack
from ops.library_scan import scan_library
from settings import Settings
from tests.accounts import household
from tests.fake_jobs import COMPLETE, FAILED, Jobs, ended, step
from tests.immich_server import FOLDER, Immich, serving

THERE = step(ended(0), COMPLETE)
NOT_THERE = step(ended(1, "the photo disk is not there"), FAILED)


def showing(*accounts: dict[str, Any]) -> Settings:
    stated = household(*accounts).model_dump(by_alias=True, exclude_unset=True)
    return Settings.model_validate({**stated, "immichApiKey": API_KEY})


@pytest.fixture
def immich(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Immich]:
    with serving(tmp_path) as served:
        monkeypatch.setattr(ImmichApi, "behind", lambda *_: served.api())
        yield served


def scanned(immich: Immich, settings: Settings, number: int = 0, api: Jobs | None = None) -> list[str]:
    """Scan the library of an account; Immich works while it is waited for."""
    said: list[str] = []
    stack = Stack("test", settings, api or Jobs(THERE))
    scan_library(stack, settings.photo_sync.accounts[number], said.append, lambda _: immich.work())
    return said


def test_it_says_what_immich_has(immich: Immich) -> None:
    immich.make_library(importPaths=[FOLDER])
    immich.folder("icloud-import", "one.jpg", "two.jpg", "three.mov")
    said = scanned(immich, showing())
    assert said[0] == 'Immich scans the library "iCloud Photos".'
    assert said[-1] == 'The library "iCloud Photos" has 2 photos and 1 videos (0 MiB).'


def test_it_is_the_library_of_the_accounts_user(immich: Immich) -> None:
    partner = "0a1b2c3d-0001-4000-8000-000000000002"
    immich.make_library(importPaths=[FOLDER])
    theirs = immich.make_library(ownerId=partner, importPaths=[f"{FOLDER}-ben"])
    immich.folder("icloud-import-ben", "one.jpg")
    scanned(immich, showing({"name": "anna"}, {"name": "ben", "immichUser": "partner@coultonf.com"}), 1)
    assert [write for write in immich.writes() if write.endswith("/scan")] == [f"POST /libraries/{theirs}/scan"]


def test_without_the_disk_nothing_is_scanned(immich: Immich) -> None:
    immich.make_library(importPaths=[FOLDER])
    before = immich.writes()
    with pytest.raises(JobError, match="the photo disk is not there"):
        scanned(immich, showing(), api=Jobs(NOT_THERE))
    assert immich.writes() == before


def test_what_immich_does_not_see_is_not_scanned(immich: Immich) -> None:
    """Its pod has lost the mount, or runs without it: the scan would trash every photo."""
    immich.make_library(importPaths=[FOLDER])
    with pytest.raises(ImmichError) as refused:
        scanned(immich, showing())
    assert str(refused.value).startswith(
        f"Immich can't read a folder of the library iCloud Photos ({FOLDER}): Invalid import path: Path does not exist"
    )
    assert not any(write.endswith("/scan") for write in immich.writes())


def test_a_scan_changes_nothing_of_the_library(immich: Immich) -> None:
    made = immich.make_library(importPaths=[FOLDER, f"{FOLDER}-old"], exclusionPatterns=["**/mine/**"])
    immich.folder("icloud-import", "one.jpg")
    immich.folder("icloud-import-old")
    before = immich.libraries()[made]
    scanned(immich, showing())
    after = immich.libraries()[made]
    assert {**after, "updatedAt": 0, "refreshedAt": 0} == {**before, "updatedAt": 0, "refreshedAt": 0}


def test_an_immich_that_takes_its_time(immich: Immich, monkeypatch: pytest.MonkeyPatch) -> None:
    immich.make_library(importPaths=[FOLDER])
    immich.folder()
    monkeypatch.setattr(Immich, "work", lambda _: None)
    monkeypatch.setattr(type(immich.server), "service_actions", lambda _: None)
    monkeypatch.setattr(immich.server.api.world, "queue", Deaf())
    assert scanned(immich, showing())[-1].endswith("so far: Immich is not done with its scan.")


class Deaf(list[str]):
    """A queue that nothing enters."""

    def append(self, _: str) -> None:
        pass


@pytest.mark.parametrize("paths", [None, ["/external/old"]], ids=["no library", "one that is not filled"])
def test_a_stack_that_was_not_deployed_yet(immich: Immich, paths: list[str] | None) -> None:
    if paths:
        immich.make_library(importPaths=paths)
    with pytest.raises(CommandError) as refused:
        scanned(immich, showing())
    assert str(refused.value) == f'Immich has no library "iCloud Photos" that imports {FOLDER}: `make up STACK=test`'


def test_without_an_api_key_immich_is_not_told(immich: Immich) -> None:
    assert scanned(immich, household()) == [
        "Immich is not told, as immichApiKey is not stored: a library made by hand shows them with its next scan."
    ]
    assert immich.server.api.log == []
