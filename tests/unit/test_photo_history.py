"""Whatever happens to disks, pods, Jobs and stack: no photo is lost.

Not played, as nothing guards it: a container of Immich's that restarts inside its pod. And where someone has marked
the wrong disk, a scan may trash what is on the right one, until that one is marked.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clients import jobs
from clients.immich import ImmichApi, ImmichError
from clients.jobs import JobError
from clients.kubernetes import ClusterError
from components import photo_sync
from components.photo_disk import MARK
from lab.immich.faults import Fault
from ops import library_scan, sync_now
from ops.command import CommandError, Say
from ops.mark_disk import mark_disk
from settings.photo_sync import IMPORT_FOLDER, Account
from tests.immich_server import MOUNT
from tests.one_resource import PreviewError
from tests.photo_house import ACCOUNTS, PATH, House, InProcess, Photo, RolloutError

# Each history runs hundreds of scripts: a few in a gate, many in `make soak`.
EXAMPLES = max(4, settings().max_examples // 200)
REFUSALS = (JobError, RolloutError, CommandError, ImmichError, ClusterError, PreviewError, RuntimeError)

KEY = st.sampled_from([True, True, False])
ADOPT = st.sampled_from([False, False, True])
HOUSEHOLDS = st.sampled_from([ACCOUNTS, ACCOUNTS[:1], ACCOUNTS[1:]])
OF_0_2 = "immich-icloud: this is the disk with the photos.\n"
OF_ANOTHER_CLUSTER = f"{OF_0_2}id: 7-00000000000000cc\n"
PLACES = st.sampled_from(
    [
        *["right"] * 6,
        *["nothing", "empty", "another", "earlier", "earlier"],
        *["right, without its mark", "right, with a mark of 0.2", "another, of 0.2", "another, of another cluster"],
    ]
)
MEANWHILE = st.one_of(st.none(), PLACES)
FAULTS = st.one_of(
    st.just(()),
    st.builds(
        Fault,
        st.sampled_from(["unavailable", "timeOut"]),
        st.sampled_from(["*", "PUT", "POST"]),
        st.sampled_from(["*", "/libraries", "/libraries/*", "*/scan"]),
    ).map(lambda fault: (fault,)),
)


@pytest.fixture(autouse=True, scope="module")
def _in_the_house() -> Iterator[None]:
    def scan(stack: Any, account: Account, say: Say) -> None:
        stack.api.meanwhile()
        library_scan.scan_library(stack, account, say, wait=lambda _: None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "run", lambda house, job, _, log=None: house.complete(job, log))
        patch.setattr(ImmichApi, "behind", lambda house, *_: InProcess(house))
        patch.setattr(sync_now, "scan_library", scan)
        patch.setattr(photo_sync, "_EVERY", 0.05)
        yield


class Photos(RuleBasedStateMachine):
    """One disk that is the right one, what stands in its place meanwhile, and everybody who writes to it or reads it.

    `right` is the disk that its owner takes for the right one, None until there is one; `earlier` was it before.
    `marked` are the disks that may have a mark, `allowed` those that may have the cluster's id: each got it by
    a person's explicit act, and loses it by the next one. `photos` are all that there ever were, `imported` all import
    paths that a library ever had.

    It begins with what is `there`, and with a stack that is `deployed` or not.
    """

    there: str
    deployed: bool

    def __init__(self) -> None:
        super().__init__()
        self.house = House()
        self.disks = self.house.disks
        self.right: int | None = None
        self.earlier: int | None = None
        self.marked: set[int] = set()
        self.allowed: set[int] = set()
        self.photos: set[Photo] = set()
        self.imported: dict[str, set[str]] = {}
        self.accounts: Sequence[str] = ACCOUNTS
        self.adopted = False

    @property
    def careful(self) -> bool:
        """Whether no wrong disk was marked since the right one was marked."""
        return self.allowed <= {self.right}

    @property
    def is_right(self) -> bool:
        """Whether the disk that is there has the cluster's id."""
        return self.house.is_right(self.disks.there)

    # the disks

    @initialize()
    def begin(self) -> None:
        if self.there.startswith("right"):
            self.right = self.disks.another(IMPORT_FOLDER)
            self.disks.show(self.right)
        if self.deployed:
            self.up(ACCOUNTS, adopt=self.right is not None, key=True)
            self.sync(ACCOUNTS[0], goes=False)
        if self.there in {"empty", "right, away"}:
            self.disks.show(self.disks.another())

    @rule(place=PLACES, vanishes=st.booleans())
    def another_disk(self, place: str, *, vanishes: bool) -> None:
        if vanishes:
            self.house.lose(self.disks.there)
        self.show(place)

    def show(self, place: str) -> None:
        match place:
            case "empty":
                self.disks.show(self.disks.another())
            case "another":
                self.disks.show(self.disks.another(IMPORT_FOLDER))
            case "another, of 0.2" | "another, of another cluster":
                self.disks.show(self.disks.another(IMPORT_FOLDER))
                (self.disks.place / MARK).write_text(OF_0_2 if "0.2" in place else OF_ANOTHER_CLUSTER)
                self.marked |= {disk for disk in (self.disks.there,) if disk}
            case "earlier":
                self.disks.show(self.earlier)
            case "nothing":
                self.disks.show(None)
            case _:
                self.disks.show(self.right)
                if "without" in place and self.right:
                    (self.disks.place / MARK).unlink(missing_ok=True)
                elif "0.2" in place and self.right in self.marked:
                    (self.disks.place / MARK).write_text(OF_0_2)

    @precondition(lambda self: self.disks.there)
    @rule(meanwhile=MEANWHILE, mistaken=st.sampled_from([False, False, False, True]))
    def mark(self, meanwhile: str | None, *, mistaken: bool) -> None:
        """A person recognizes the right disk, and says so; what they saw may be gone then."""
        looked = self.disks.there
        says_yes = mistaken or looked == self.right is not None

        def ask(_: str) -> str:
            if meanwhile:
                self.show(meanwhile)
            return PATH if says_yes else ""

        was_right = self.is_right
        try:
            mark_disk(self.house.stack(self.accounts, key=False), None, ask, lambda _: None)
        except (JobError, CommandError):
            assert not says_yes or meanwhile
        else:
            assert says_yes or was_right
            if says_yes and looked:
                assert self.house.is_right(looked)
                self.allowed = {looked}
                self.marked.add(looked)
                self.right = self.right or looked

    @precondition(lambda self: self.right and not self.disks.photos())
    @rule()
    def moves_on(self) -> None:
        """The first disk was a mistake, or is too small: its owner has another one before there is any photo."""
        self.earlier, self.right = self.right, self.disks.another()
        self.disks.show(self.right)
        self.mark(None, mistaken=False)

    # the stack

    @rule(accounts=HOUSEHOLDS, adopt=ADOPT, key=KEY, faults=FAULTS, meanwhile=MEANWHILE)
    def up(
        self,
        accounts: Sequence[str],
        faults: tuple[Fault, ...] = (),
        meanwhile: str | None = None,
        *,
        adopt: bool,
        key: bool,
    ) -> None:
        house, found, before = self.house, self.disks.there, self.disks.all()
        first = not house.made_before
        ready = self.careful and self.is_right and (house.mount is None or house.sees(found))
        if found and ((first and adopt) or self.upgradable):
            self.allowed.add(found)
            self.marked.add(found)
        self.accounts, self.adopted = accounts, adopt
        refusal = None
        try:
            with self.trouble(faults, meanwhile):
                house.up(accounts, key=key, adopt=adopt)
        except REFUSALS as error:
            refusal = error
        if first and not found:
            made = self.disks.marks().keys() - before.keys()
            self.allowed |= made
            self.marked |= made
        self.right = self.right or next((disk for disk in self.disks.all() if house.is_right(disk)), None)
        # Of a library that was made with other accounts, by a run that did not end or a stack that was removed.
        asks_to_adopt = isinstance(refusal, PreviewError) and not adopt
        assert not (ready and refusal) or faults or meanwhile or asks_to_adopt, refusal

    @property
    def upgradable(self) -> bool:
        """Whether the disk that is there has a mark of 0.2 and photos, and no disk has an id yet."""
        found = self.disks.there
        photos = {name for disk, name in self.disks.photos() if disk == found and name.startswith(IMPORT_FOLDER)}
        id_is_on_a_disk = any("marked" in self.house.data(namespace) for namespace in ("immich", "photo-sync"))
        return self.disks.mark(found) == OF_0_2 and bool(photos) and not id_is_on_a_disk

    @rule(faults=FAULTS, meanwhile=MEANWHILE)
    def up_again(self, faults: tuple[Fault, ...], meanwhile: str | None) -> None:
        """Deploy as the last time, but with an API key."""
        self.up(self.accounts, faults, meanwhile, adopt=self.adopted, key=True)

    @contextmanager
    def trouble(self, faults: tuple[Fault, ...], meanwhile: str | None) -> Iterator[None]:
        """Immich answers badly, and another disk is mounted before it is asked."""
        self.house.immich.faults = [*faults]
        self.house.meanwhile = partial(self.show, meanwhile) if meanwhile else lambda: None
        try:
            yield
        finally:
            self.house.immich.faults = []

    @rule(resources=st.integers(1, 7))
    def down(self, resources: int) -> None:
        self.house.down(resources)

    # syncs

    @precondition(lambda self: self.house.cron_job(ACCOUNTS[0]))
    @rule(account=st.sampled_from(ACCOUNTS), goes=st.sampled_from([False, False, True]))
    def sync(self, account: str, *, goes: bool) -> None:
        """The CronJob's time has come; the disk may go while it runs."""
        cron_job, marked = self.house.cron_job(account), self.is_right
        if not cron_job:
            return
        goes = goes and marked
        self.house.next_photo(self.disk_goes if goes else "")
        code = self.house.run(cron_job["spec"]["jobTemplate"]).code
        assert not any(name.endswith("late.jpg") for _, name in self.disks.photos())
        if self.careful:
            assert (code == 0) == (marked and not goes)

    @property
    def disk_goes(self) -> str:
        place, away = self.disks.place, self.disks.away
        takes = f"mv '{away / str(self.disks.another(IMPORT_FOLDER))}' '{place}'"
        return f"mv '{place}' '{away / str(self.disks.there)}'\n{takes}\nsleep 5 >/dev/null 2>&1\n"

    @precondition(lambda self: self.house.cron_job(ACCOUNTS[0]))
    @rule(key=KEY, faults=FAULTS, meanwhile=MEANWHILE)
    def sync_now(self, faults: tuple[Fault, ...], meanwhile: str | None, *, key: bool) -> None:
        self.house.next_photo()
        with suppress(*REFUSALS), self.trouble(faults, meanwhile):
            sync_now.sync_now(self.house.stack(self.accounts, key=key), self.accounts[0], lambda _: None)

    @rule(what=st.sampled_from(["the Job is deleted", "Immich scans", "Immich restarts"]))
    def happens(self, what: str) -> None:
        match what:
            case "the Job is deleted":
                self.house.job = None
            case "Immich scans":
                self.house.immich_scans_by_itself()
            case "Immich restarts":
                self.house.start_pod()

    # what holds at any time

    @invariant()
    def only_explicit_acts_mark_a_disk(self) -> None:
        assert self.disks.marks().keys() <= self.marked
        accepted = {disk for disk in self.disks.all() if self.house.is_right(disk)}
        assert accepted <= self.allowed
        assert len(accepted) <= 1

    @invariant()
    def nothing_is_scanned_without_the_disk(self) -> None:
        for scan in self.house.scans:
            assert scan.marked
            assert not (self.careful and scan.trashed)
        self.house.scans.clear()

    @invariant()
    def no_import_path_is_taken_away(self) -> None:
        libraries = self.house.immich.world.libraries
        now = {id_: set(library["importPaths"]) for id_, library in libraries.items()}
        for id_, paths in self.imported.items():
            assert paths <= now[id_]
        self.imported = now

    @invariant()
    def no_photo_vanishes(self) -> None:
        now = self.disks.photos()
        assert self.photos <= now
        self.photos = now

    def teardown(self) -> None:
        """The end: someone mounts the right disk, marks it where it has no mark, and deploys. All photos are shown."""
        try:
            self.ends_well()
        finally:
            self.house.remove()

    def ends_well(self) -> None:
        if self.right is None:
            return
        self.disks.show(self.right)
        if not self.is_right:
            self.mark(None, mistaken=False)
        self.house.start_pod()
        self.up(ACCOUNTS, adopt=True, key=True)
        self.house.immich_scans_by_itself()
        there = {name for disk, name in self.disks.photos() if disk == self.right}
        assert {f"{MOUNT}/{name}" for name in there if name.startswith(IMPORT_FOLDER)} <= self.house.shown()
        self.no_photo_vanishes()
        self.no_import_path_is_taken_away()


@pytest.mark.parametrize("deployed", [True, False], ids=["deployed", "not deployed"])
@pytest.mark.parametrize("there", ["nothing", "empty", "right", "right, away"])
def test_no_photo_is_lost(there: str, *, deployed: bool) -> None:
    run_state_machine_as_test(
        type("Photos", (Photos,), {"there": there, "deployed": deployed}),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            phases=[Phase.generate],  # to shrink a history takes minutes
        ),
    )
