"""An external library: made, found, filled, scanned; never emptied, and never scanned without the disk."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from clients import jobs
from clients.immich import ImmichApi
from clients.immich_lease import lease_of
from clients.jobs import JobError
from clients.lease import Lease, LostError
from clients.service_connection import NotRunningError
from clients.wanted_library import WantedLibrary
from components.ownership import Ownership
from components.photo_disk import MARK
from observe import immich as observed
from providers import immich_library
from providers.immich_library import ImmichLibraryProvider
from settings.model import Backend
from tests.accounts import household
from tests.fake_cluster import FakeCluster
from tests.immich_server import FOLDER, Immich, serving
from tests.objects import STACK
from tests.one_resource import OneResource, PreviewError, as_the_engine_sends

SERVER = Backend("immich", "immich-server", 3001)
NO_DISK = "the photo disk is not there"
WANTED = WantedLibrary(SERVER, "", "iCloud Photos", (FOLDER,), (), {"kind": "Job"}, adopt=False, stack=STACK)
BENS = f"{FOLDER}-ben"


class Provider(ImmichLibraryProvider):
    """The real one, on a server of the test's; `behind` is what each Service leads to."""

    def __init__(self, immich: Immich) -> None:
        self.immich = immich
        self.behind = {SERVER: immich}
        self.cluster = FakeCluster()
        self.now = 0.0

    def _lease(self, server: Backend, stack: str, former: Collection[str]) -> Lease:
        return Lease(self.cluster, lease_of(server.namespace), stack, lambda: self.now, self._wait, former)

    def _wait(self, seconds: float) -> None:
        self.now += seconds

    def _api(self) -> FakeCluster:
        return self.cluster

    def _immich(self, server: Backend) -> ImmichApi:
        if server not in self.behind:
            raise NotRunningError(f"Service {server.namespace}/{server.service} does not exist")
        return self.behind[server].api()


@dataclass
class House:
    """Immich, the disk that it sees, and a stack with one library."""

    immich: Immich
    provider: Provider
    stack: OneResource

    def up(self, wanted: WantedLibrary = WANTED, **changed: Any) -> str:
        inputs = immich_library._properties(replace(wanted, **changed))  # noqa: SLF001 (what the resource hands over)
        done = self.stack.up({**inputs, "library_id": None})
        self.immich.work()
        return done

    @property
    def library(self) -> Any:
        """The one library of this stack."""
        (library,) = [one for one in self.immich.libraries().values() if one["name"] != "Scans"]
        return library

    def photos(self) -> dict[str, bool]:
        """Photos in Immich by their file's name, and whether they are in the trash."""
        ours = [asset for asset in self.immich.world.assets.values() if asset["libraryId"] == self.library["id"]]
        return {Path(asset["originalPath"]).name: asset["isTrashed"] for asset in ours}

    def scans(self) -> int:
        return sum(write.endswith("/scan") for write in self.immich.writes())


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The disk is marked, and has a photo."""
    with serving(tmp_path) as immich:

        def look(_cluster: object, job: object, _report: object) -> None:
            assert job == WANTED.disk_check
            if not (immich.disk / MARK).is_file():
                raise JobError(NO_DISK)

        monkeypatch.setattr(jobs, "run", look)
        immich.folder("icloud-import", "one.jpg")
        (immich.disk / MARK).touch()
        provider = Provider(immich)
        yield House(immich, provider, OneResource(provider))


def test_it_is_made_and_scanned(house: House) -> None:
    assert house.up() == "create"
    assert (house.library["importPaths"], house.library["ownerId"]) == ([FOLDER], house.immich.world.owner["id"])
    assert house.photos() == {"one.jpg": False}
    assert house.stack.state
    assert house.stack.state.outputs["library_id"] == house.stack.state.id == house.library["id"]


def test_then_nothing_changes(house: House) -> None:
    house.up()
    before = house.immich.writes()
    assert house.up() == "same"
    assert house.immich.writes() == before
    house.immich.make_library()  # of that name, too
    assert house.up() == "same"


def test_it_has_immichs_own_exclusion_patterns_and_ours(house: House) -> None:
    house.up(exclusion_patterns=("**/a/**",))
    assert house.library["exclusionPatterns"][-1] == "**/a/**"
    assert "**/@eaDir/**" in house.library["exclusionPatterns"]


def test_it_belongs_to_whom_the_settings_name(house: House) -> None:
    house.up(owner="partner@coultonf.com")
    assert house.immich.world.users[house.library["ownerId"]]["email"] == "partner@coultonf.com"


def test_an_address_is_the_same_in_other_letters(house: House) -> None:
    house.up(owner="Partner@coultonf.com")
    assert house.immich.world.users[house.library["ownerId"]]["email"] == "partner@coultonf.com"
    assert house.up(owner="partner@coultonf.com") == "same"
    settings = household().model_copy(update={"immich_api_key": SecretStr("key")})
    library = settings.immich.library.model_copy(update={"owner": "PARTNER@coultonf.com"})
    settings = settings.model_copy(update={"immich": settings.immich.model_copy(update={"library": library})})
    ((_, seen),) = observed.look(house.immich.api(), house.provider.cluster, settings, Ownership(STACK)).libraries
    assert (seen.live and seen.live.id, seen.changes, seen.adopted) == (house.library["id"], False, False)


def refusal(house: House, **changed: Any) -> str:
    before = house.immich.libraries()
    with pytest.raises(PreviewError) as refused:
        house.up(**changed)
    assert house.immich.libraries() == before
    return str(refused.value)


def test_an_unknown_address(house: House) -> None:
    assert refusal(house, owner="nobody@coultonf.com") == (
        "Immich has no user nobody@coultonf.com. It has: owner@coultonf.com, partner@coultonf.com"
    )


OLD = "immich-icloud/old"


def test_of_a_stack_that_is_renamed_the_library_stays_and_is_not_scanned(house: House) -> None:
    house.up(stack=OLD)
    before, scans = house.library, house.scans()
    assert house.up(former=(OLD,)) == "update"
    assert (house.library["id"], house.library["importPaths"]) == (before["id"], before["importPaths"])
    assert house.scans() == scans
    assert list(house.provider._lease(SERVER, "any", ()).notes()) == [STACK]  # noqa: SLF001 (what others see)
    assert house.up() == "same"


def test_with_the_state_lost_the_library_of_the_stack_that_is_named_is_adopted(house: House) -> None:
    house.up(stack=OLD)
    made = house.library["id"]
    house.stack = OneResource(house.provider)
    assert f"belongs to the stack {OLD}" in refusal(house)
    assert house.up(former=(OLD,)) == "create"
    assert house.library["id"] == made


def test_an_unmanaged_library_of_that_name_is_unchanged(house: House) -> None:
    house.immich.make_library(importPaths=["/external/old"])
    assert 'owner@coultonf.com has a library "iCloud Photos" in Immich that is not managed by this stack' in refusal(
        house
    )


def test_it_is_adopted_on_request_and_keeps_what_it_has(house: House) -> None:
    made = house.immich.make_library(importPaths=["/external/icloud/old"], exclusionPatterns=["**/mine/**"])
    house.immich.folder("old", "two.jpg")
    assert house.up(adopt=True, exclusion_patterns=("**/ours/**",)) == "create"
    assert house.library["id"] == made
    assert house.library["importPaths"] == ["/external/icloud/old", FOLDER]
    assert house.library["exclusionPatterns"] == ["**/mine/**", "**/ours/**"]
    assert house.photos() == {"one.jpg": False, "two.jpg": False}


@pytest.mark.parametrize("paths", [[], [FOLDER]], ids=["empty", "with our folder"])
def test_one_of_our_name_is_not_ours(house: House, paths: list[str]) -> None:
    made = house.immich.make_library(importPaths=paths)
    assert "not managed by this stack" in refusal(house)
    house.up(adopt=True)
    assert (house.library["id"], house.library["importPaths"]) == (made, [FOLDER])


@pytest.mark.parametrize("paths", [[], [FOLDER]], ids=["empty", "with our folder"])
def test_one_of_our_name_is_not_ours_when_the_state_knows_another(house: House, paths: list[str]) -> None:
    house.up()
    del house.immich.world.libraries[house.library["id"]]
    house.immich.make_library(importPaths=paths)
    assert "not managed by this stack" in refusal(house)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("kill_at", range(20))
def test_a_kill_at_any_step_leaves_one_managed_library(
    house: House, kill_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def step(name: str) -> None:
        steps.append(name)
        if len(steps) > kill_at:  # who has ended does not tidy up either
            raise Killed

    send = ImmichApi._send  # noqa: SLF001 (every request)

    def sending(self: ImmichApi, method: str, path: str, body: object) -> tuple[int, bytes]:
        if method == "GET":
            return send(self, method, path, body)
        step("before")
        answer = send(self, method, path, body)
        step("after")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(ImmichApi, "_send", sending)
        house.provider.cluster.step = step
        with suppress(Killed):
            house.up()
    house.provider.cluster.step = lambda _: None
    house.stack = OneResource(house.provider)
    house.up()
    assert (house.library["name"], house.library["importPaths"]) == ("iCloud Photos", [FOLDER])
    assert house.photos() == {"one.jpg": False}


@pytest.mark.parametrize("moment", range(6))
def test_two_clones_at_once_make_one_library(house: House, moment: int) -> None:
    """The other clone comes in between two steps of the first, and may have to wait for it."""
    clone = OneResource(house.provider)
    inputs = {**immich_library._properties(WANTED), "library_id": None}  # noqa: SLF001 (what the resource hands over)
    steps: list[str] = []

    def other(name: str) -> None:
        steps.append(name)
        if len(steps) == moment + 1:
            house.provider.cluster.step = lambda _: None
            clone.up(inputs)

    house.provider.cluster.step = other
    with suppress(LostError):  # held for too long: the other clone did not wait any more
        house.up()
    house.up()
    assert clone.state
    assert house.stack.state
    assert clone.state.id == house.stack.state.id == house.library["id"]
    assert house.photos() == {"one.jpg": False}


def test_what_another_stack_made_is_never_adopted(house: House) -> None:
    house.up()
    other = House(house.immich, house.provider, OneResource(house.provider))
    for adopt in (False, True):
        assert f"belongs to the stack {STACK}" in refusal(other, stack="immich-icloud/other", adopt=adopt)


def test_two_on_one_folder_are_told_how_to_merge(house: House) -> None:
    house.up()
    ours = house.library["id"]
    older, younger = (house.immich.make_library(name=name, importPaths=[FOLDER]) for name in "ab")
    house.immich.world.libraries[older]["createdAt"] = "2020-01-01T00:00:00.000Z"
    told = house.provider.check({}, as_the_engine_sends(immich_library._properties(WANTED))).failures  # noqa: SLF001
    reasons = [failure.reason for failure in told]
    assert all(f"Keep {ours}." in reason for reason in reasons), "the noted one, whichever clone asks"
    for reason, other in zip(reasons, (older, younger), strict=True):
        assert reason.endswith(f'curl -X DELETE -H "x-api-key: $KEY" http://localhost:2283/api/libraries/{other}')
        del house.immich.world.libraries[other]
    assert house.up() == "same"


def test_one_that_imports_more_is_not_to_be_deleted(house: House) -> None:
    house.up()
    other = house.immich.make_library(name="All", importPaths=[FOLDER, "/external/theirs"])
    told = house.provider.check({}, as_the_engine_sends(immich_library._properties(WANTED))).failures  # noqa: SLF001
    (reason,) = [failure.reason for failure in told]
    assert f"Remove from {other} the import paths that overlap {FOLDER}" in reason
    assert "DELETE" not in reason


def test_another_users_library_of_that_name_is_another_one(house: House) -> None:
    partner = "0a1b2c3d-0001-4000-8000-000000000002"
    house.immich.make_library(ownerId=partner, importPaths=["/external/partner"])
    house.up()
    assert len(house.immich.libraries()) == 3


def test_two_of_that_name(house: House) -> None:
    ids = [house.immich.make_library() for _ in range(2)]
    told = refusal(house)
    assert told == (
        f'owner@coultonf.com has 2 libraries "iCloud Photos" in Immich ({ids[0]}, {ids[1]}). Rename all but one of them'
    )


@pytest.mark.parametrize(
    "theirs", [FOLDER, "/external/icloud", f"{FOLDER}/2026"], ids=["the same", "one above", "one below"]
)
def test_no_photo_is_imported_twice(house: House, theirs: str) -> None:
    house.immich.make_library(name="All", importPaths=[theirs])
    told = refusal(house)
    assert (
        f'the library "All" of owner@coultonf.com in Immich imports {theirs}: the photos in {FOLDER} would be' in told
    )


def test_nor_twice_in_one_library(house: House) -> None:
    house.immich.make_library(importPaths=["/external/icloud"])
    assert "imports /external/icloud: the photos in" in refusal(house, adopt=True)


def test_a_mount_that_moves_would_make_new_photos_of_all(house: House) -> None:
    house.up()
    with pytest.raises(RuntimeError, match="would import each as a new photo, in no album"):
        house.up(import_paths=("/external/photos/icloud-import",))
    assert (house.library["importPaths"], house.scans()) == ([FOLDER], 1)


def test_an_unrelated_folder_is_ignored(house: House) -> None:
    house.immich.make_library(name="All", importPaths=[f"{FOLDER}s", "/external/icloud/old"])
    house.up()


def test_without_the_disk_nothing_is_made(house: House) -> None:
    (house.immich.disk / MARK).unlink()
    with pytest.raises(RuntimeError, match=f"the library iCloud Photos is not touched: {NO_DISK}"):
        house.up()
    assert house.immich.writes() == []
    assert house.stack.state is None


def test_a_folder_that_immich_does_not_see(house: House) -> None:
    for photo in house.immich.disk.glob("icloud-import/*"):
        photo.unlink()
    (house.immich.disk / "icloud-import").rmdir()
    with pytest.raises(RuntimeError) as refused:
        house.up()
    assert str(refused.value) == (
        f"Immich can't read a folder of the library iCloud Photos ({FOLDER}): Invalid import path: Path does not exist "
        f"(ENOENT). Does its container see it? `kubectl exec -n immich service/immich-server -- ls -la {FOLDER}`"
    )
    assert house.scans() == 0
    house.immich.folder("icloud-import", "one.jpg")
    assert house.up() == "create"
    assert house.photos() == {"one.jpg": False}


def test_another_account_adds_its_folder_and_is_scanned(house: House) -> None:
    house.up()
    house.immich.folder("icloud-import-ben", "two.jpg")
    assert house.up(import_paths=(FOLDER, BENS)) == "update"
    assert house.library["importPaths"] == [FOLDER, BENS]
    assert house.photos() == {"one.jpg": False, "two.jpg": False}
    assert house.scans() == 2


def test_another_account_adds_nothing_without_the_disk(house: House) -> None:
    house.up()
    house.immich.folder("icloud-import-ben", "two.jpg")
    (house.immich.disk / MARK).unlink()
    with pytest.raises(RuntimeError, match=NO_DISK):
        house.up(import_paths=(FOLDER, BENS))
    assert (house.library["importPaths"], house.scans()) == ([FOLDER], 1)


def test_an_account_that_goes_leaves_its_photos(house: House) -> None:
    house.immich.folder("icloud-import-ben", "two.jpg")
    house.up(import_paths=(FOLDER, BENS))
    assert house.up() == "same"
    assert house.library["importPaths"] == [FOLDER, BENS]


def test_only_managed_patterns_are_removed(house: House) -> None:
    house.immich.make_library(importPaths=[FOLDER], exclusionPatterns=["**/mine/**"])
    house.up(adopt=True, exclusion_patterns=("**/ours/**",))
    assert house.up() == "update"
    assert house.library["exclusionPatterns"] == ["**/mine/**"]
    assert house.scans() == 1, "no new folder, no scan"


def edit(house: House, **changed: Any) -> None:
    house.immich.world.libraries[house.library["id"]] |= changed


def test_a_removed_folder_is_recreated(house: House) -> None:
    house.up()
    edit(house, importPaths=["/external/theirs"])
    house.stack.refresh()
    assert house.stack.state
    assert house.stack.state.inputs["import_paths"] == []
    (house.immich.disk / "theirs").mkdir()
    edit(house, importPaths=["/external/icloud/theirs"])
    assert house.up() == "update"
    assert house.library["importPaths"] == ["/external/icloud/theirs", FOLDER]
    assert house.scans() == 2


def test_it_is_renamed_in_place(house: House) -> None:
    house.up()
    was = house.library["id"]
    assert house.up(name="From iCloud") == "update"
    assert (house.library["id"], house.library["name"]) == (was, "From iCloud")
    assert house.up(name="From iCloud") == "same"


@pytest.mark.parametrize(
    "server",
    [replace(SERVER, port=2283), replace(SERVER, service="immich"), replace(SERVER, namespace="photos")],
    ids=str,
)
def test_it_is_the_same_library_at_another_port_service_or_namespace(house: House, server: Backend) -> None:
    house.up()
    before = house.immich.libraries().keys()
    house.provider.behind = {server: house.immich}
    assert house.up(server=server) == "update"
    assert (house.immich.libraries().keys(), house.scans()) == (before, 1)
    writes = house.immich.writes()
    assert house.up(server=server) == "same"
    assert house.immich.writes() == writes
    edit(house, importPaths=[])
    assert house.up(server=server) == "update", "it is read where it now is"
    assert house.library["importPaths"] == [FOLDER]


def test_a_service_of_another_immich_has_another_library(house: House, tmp_path: Path) -> None:
    house.up()
    before, server = house.immich.libraries(), replace(SERVER, service="immich-2")
    (tmp_path / "second").mkdir()
    with serving(tmp_path / "second") as second:
        second.folder()
        house.provider.behind[server] = second
        assert house.up(server=server) == "replace"
        assert house.stack.state
        assert house.stack.state.id in second.libraries().keys() - before.keys()
    assert house.immich.libraries() == before


def test_another_owner_is_another_library(house: House) -> None:
    house.up()
    edit(house, importPaths=[])  # no photo is imported twice
    before = house.immich.libraries().keys()
    assert house.up(owner="partner@coultonf.com") == "replace"
    assert house.immich.libraries().keys() >= before


def test_a_deleted_library_is_recreated(house: House) -> None:
    house.up()
    del house.immich.world.libraries[house.library["id"]]
    assert house.up() == "create"


def test_removing_the_stack_leaves_it(house: House) -> None:
    house.up()
    before, writes = house.immich.libraries(), house.immich.writes()
    house.stack.destroy()
    assert (house.immich.libraries(), house.immich.writes()) == (before, writes)
    assert house.up() == "create"
    assert house.immich.libraries().keys() == before.keys()


def test_removing_the_stack_does_not_hang_on_immich(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.up()
    known = house.stack.state

    def gone(*_: object) -> ImmichApi:
        raise NotRunningError("Service immich/immich-server does not exist")

    monkeypatch.setattr(Provider, "_immich", gone)
    house.stack.refresh()
    assert house.stack.state == known
    assert known
    assert not house.stack.provider.diff(known.id, known.outputs, known.inputs).changes
    house.stack.destroy()


def test_an_immich_that_does_not_run_yet_is_asked_when_it_does(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def comes_up(self: Provider, _: object) -> ImmichApi:
        asked.append(1)
        if len(asked) == 1:
            raise NotRunningError("Service immich/immich-server has no pod that is ready")
        return self.immich.api()

    monkeypatch.setattr(Provider, "_immich", comes_up)
    assert house.up() == "create"
    assert house.photos() == {"one.jpg": False}


def test_what_immich_refuses_is_told_at_preview(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Provider, "_immich", lambda self, _: self.immich.api("a-key-of-yesterday"))
    assert "Immich does not know the API key" in refusal(house)


def test_an_unmanaged_library_is_never_written(house: House) -> None:
    (scans,) = house.immich.libraries().items()
    house.up()
    house.up(name="From iCloud", exclusion_patterns=("**/a/**",))
    assert house.immich.libraries()[scans[0]] == scans[1]
