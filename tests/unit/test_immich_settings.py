"""Entries of this stack in a configuration of others: set, kept, restored; the rest is never touched."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clients import retry
from clients.immich import ImmichApi, ImmichError, UnansweredError
from clients.wanted_settings import WantedSettings
from lab.immich.world import API_KEY
from providers import immich_settings
from providers.immich_settings import ImmichSettingsProvider
from settings.model import Backend
from tests.fake_cluster import FakeCluster
from tests.immich_server import Immich, serving
from tests.objects import STACK
from tests.one_resource import OneResource

SERVER = Backend("immich", "immich-server", 3001)
MOVED = Backend("immich", "immich", 2283)
MONTHLY, DAILY = "0 4 1 * *", "0 0 * * *"


class Provider(ImmichSettingsProvider):
    """The real one, on a server of the test's."""

    def __init__(self, immich: Immich) -> None:
        self.immich, self.key, self.cluster = immich, API_KEY, FakeCluster()

    def _api(self) -> FakeCluster:
        return self.cluster

    def _immich(self, server: Backend) -> ImmichApi:
        assert server in {SERVER, MOVED}
        return self.immich.api(self.key)


@dataclass
class House:
    """Immich, and a stack with settings."""

    immich: Immich
    provider: Provider
    stack: OneResource

    def up(
        self,
        schedule: str | None = MONTHLY,
        *,
        watch: bool | None = True,
        server: Backend = SERVER,
        stack: str = STACK,
        former: tuple[str, ...] = (),
    ) -> str:
        wanted = WantedSettings(server, schedule, watch, stack, former)
        inputs = immich_settings._inputs(wanted)  # noqa: SLF001 (what the resource hands over)
        return self.stack.up({**inputs, "found": None})

    @property
    def document(self) -> Any:
        """A copy of the configuration as it is."""
        return copy.deepcopy(self.immich.world.configuration)

    @property
    def library(self) -> tuple[str | None, bool]:
        """When libraries are scanned (None: never), and whether they are watched."""
        scan, watch = self.document["library"]["scan"], self.document["library"]["watch"]
        return scan["cronExpression"] if scan["enabled"] else None, watch["enabled"]

    def edit(self, *keys: str, to: Any) -> None:
        """Change one entry as an administrator would."""
        document = self.document
        *above, last = keys
        at = document
        for key in above:
            at = at[key]
        at[last] = to
        self.immich.asked("PUT", "configuration", {"config": document})

    def puts(self) -> int:
        return sum(write.startswith("PUT") for write in self.immich.writes())


@pytest.fixture(params=["2.4.1", "3.2.0"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with serving(tmp_path) as immich:
        immich.asked("PUT", "version", {"version": request.param})
        provider = Provider(immich)
        yield House(immich, provider, OneResource(provider))


def test_they_are_set_and_nothing_else_is(house: House) -> None:
    before = house.document
    assert house.up() == "create"
    assert house.library == (MONTHLY, True)
    after = house.document
    for document in (before, after):
        del document["library"]
    assert after == before


def test_then_nothing_changes(house: House) -> None:
    house.up()
    assert house.up() == "same"
    assert house.puts() == 1


def test_nothing_is_written_where_nothing_changes(house: House) -> None:
    house.edit("library", "scan", "cronExpression", to=MONTHLY)
    house.up(watch=False)
    assert house.puts() == 0


def test_behind_another_service_settings_are_the_same_and_restored(house: House) -> None:
    before = house.document
    house.up()
    assert house.up(server=MOVED) == "update"
    assert house.library == (MONTHLY, True)
    house.stack.destroy()
    assert house.document == before


def test_with_a_lost_state_what_they_were_is_restored_from_the_lease(house: House) -> None:
    were = house.document
    house.up()
    house.stack = OneResource(house.provider)
    assert house.up() == "create"
    house.stack.destroy()
    assert house.document == were
    assert house.provider.cluster.objects == {}


@pytest.mark.parametrize("lost", [False, True], ids=["renamed", "state lost"])
def test_under_another_name_of_the_stack_what_they_were_is_not_forgotten(house: House, *, lost: bool) -> None:
    were, old = house.document, "immich-icloud/old"
    house.up(stack=old)
    written = house.puts()
    if lost:
        house.stack = OneResource(house.provider)
    assert house.up(former=(old,)) == ("create" if lost else "update")
    assert house.up() == "same"
    assert house.puts() == written
    house.stack.destroy()
    assert house.document == were
    assert house.provider.cluster.objects == {}


def test_a_kill_right_after_the_write_forgets_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    were = house.document
    write = ImmichApi.replace_configuration

    def killed(self: ImmichApi, document: Any) -> None:
        write(self, document)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ImmichApi, "replace_configuration", killed)
        with pytest.raises(KeyboardInterrupt):
            house.up()
    assert house.document != were
    house.up()
    house.stack.destroy()
    assert house.document == were


def test_a_second_clone_restores_what_was_before_the_first(house: House) -> None:
    were = house.document
    house.up()
    first, house.stack = house.stack, OneResource(house.provider)
    house.up()
    house.stack.destroy()
    assert house.document == were
    first.destroy()
    assert house.document == were


def test_a_scan_that_was_off_is_off_again(house: House) -> None:
    house.edit("library", "scan", "enabled", to=False)
    house.up()
    assert house.library[0] == MONTHLY
    house.stack.destroy()
    assert house.library[0] is None


def test_what_was_changed_since_stays(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    house.up()
    house.edit("library", "scan", "cronExpression", to="0 6 * * *")
    house.edit("ffmpeg", "crf", to=30)
    house.stack.refresh()  # as the engine does before it removes anything
    house.stack.destroy()
    assert house.library == ("0 6 * * *", False)
    assert house.document["ffmpeg"]["crf"] == 30
    assert (
        "library.scan in Immich's configuration was changed by another client since, and is left unchanged"
        in capfd.readouterr().err
    )


def test_it_is_not_restored_when_no_longer_stated(house: House) -> None:
    house.up()
    house.edit("library", "scan", "cronExpression", to="0 6 * * *")
    house.up(None)
    assert house.library == ("0 6 * * *", True)


def test_drift_is_seen_and_repaired(house: House) -> None:
    house.up()
    house.edit("library", "scan", "cronExpression", to="0 6 * * *")
    house.edit("library", "watch", "enabled", to=False)
    house.stack.refresh()
    assert house.stack.state
    assert (house.stack.state.inputs["scan_schedule"], house.stack.state.inputs["watch"]) == ("0 6 * * *", False)
    assert house.up() == "update"
    assert house.library == (MONTHLY, True)
    house.stack.destroy()
    assert house.library == (DAILY, False), "what was before us, not the drift"


def test_a_disabled_scan_is_drift(house: House) -> None:
    house.up(watch=None)
    house.edit("library", "scan", "enabled", to=False)
    house.stack.refresh()
    assert house.stack.state
    assert house.stack.state.inputs["scan_schedule"] == "off"
    assert house.up(watch=None) == "update"
    assert house.library == (MONTHLY, False)


def test_what_is_no_longer_stated_is_restored(house: House) -> None:
    house.up()
    assert house.up(watch=None) == "update"
    assert house.library == (MONTHLY, False)
    assert house.up(None, watch=None) == "update"
    assert house.library == (DAILY, False)


def test_what_is_asked_for_later_is_remembered_too(house: House) -> None:
    house.up(None, watch=True)
    house.up(MONTHLY, watch=True)
    house.stack.destroy()
    assert house.library == (DAILY, False)


def test_a_lost_answer_is_looked_after(house: House) -> None:
    house.immich.fault("timeOut", "PUT", "*config")
    assert house.up() == "create"
    assert (house.library, house.puts()) == ((MONTHLY, True), 1)


def test_a_repeated_write_keeps_what_was_saved_in_between(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.immich.fault("unavailable", "PUT", "*config")
    monkeypatch.setattr(retry, "wait", lambda _: house.edit("ffmpeg", "crf", to=30))
    house.up()
    assert house.document["ffmpeg"]["crf"] == 30
    assert house.library == (MONTHLY, True)


def test_a_write_that_is_never_done_fails(house: House) -> None:
    for _ in range(4):
        house.immich.fault("unavailable", "PUT", "*config")
    with pytest.raises(UnansweredError):
        house.up()
    assert house.stack.state is None
    assert house.library == (DAILY, False)


def test_a_configuration_file_refuses(house: House) -> None:
    house.immich.asked("PUT", "configFile", {"inUse": True})
    with pytest.raises(ImmichError, match="IMMICH_CONFIG_FILE"):
        house.up()


def test_removing_the_stack_does_not_hang_on_immich(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    house.up()
    house.provider.key = "a-key-of-yesterday"
    known = house.stack.state
    house.stack.refresh()
    assert house.stack.state == known
    assert known
    assert not house.stack.provider.diff(known.id, known.outputs, known.inputs).changes
    house.stack.destroy()
    told = capfd.readouterr().err
    assert "before this stack it was {" in told
    assert DAILY in told
    assert "a-key-of-yesterday" not in told
    assert house.library == (MONTHLY, True)
