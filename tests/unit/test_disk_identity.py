"""The photo disk's id, whatever becomes of state, ConfigMaps and the program that draws it."""

from copy import deepcopy
from typing import Any

import pytest

from clients.kubernetes import ClusterRefusedError, Manifest, Ref
from components import directory
from components.ownership import Ownership
from providers.disk_identity import DiskIdentity, DiskIdentityProvider
from tests.fake_cluster import FakeCluster
from tests.objects import STACK
from tests.one_resource import OneResource, PreviewError

PLACES = directory.identity("photo-sync", "immich", Ownership(STACK))
MIRROR, RECORD = (Ref.of(place) for place in PLACES)


class Provider(DiskIdentityProvider):
    """The real one, on a fake cluster."""

    def __init__(self, api: FakeCluster) -> None:
        self.api = api

    def _api(self) -> FakeCluster:
        return self.api


class Stack:
    """The two resources, and between them the Job that writes the id to the disk."""

    def __init__(self, api: FakeCluster) -> None:
        self.api = api
        self.forget()

    def forget(self) -> None:
        """Lose the state."""
        self.drawn, self.on_disk = (OneResource(Provider(self.api)) for _ in range(2))

    def up(self) -> list[str | None]:
        return [one.up(inputs(marked=marked)) for one, marked in ((self.drawn, False), (self.on_disk, True))]

    def down(self) -> None:
        provider = Provider(self.api)
        provider.delete("", inputs(marked=True))
        self.api.objects.pop(RECORD, None)  # a resource of its own
        provider.delete("", inputs(marked=False))
        self.forget()

    @property
    def data(self) -> list[Manifest | None]:
        return [self.api.objects[ref]["data"] if ref in self.api.objects else None for ref in (MIRROR, RECORD)]

    @property
    def id(self) -> str:
        (id_,) = {data["id"] for data in self.data if data}
        return str(id_)


def inputs(*, marked: bool, places: Any = PLACES) -> dict[str, Any]:
    """What the resource hands to its provider."""
    return DiskIdentity.properties(places, marked=marked)


@pytest.fixture
def stack() -> Stack:
    return Stack(FakeCluster())


@pytest.fixture
def deployed(stack: Stack) -> Stack:
    stack.up()
    return stack


def test_both_config_maps_get_one_id(stack: Stack) -> None:
    assert stack.drawn.up(inputs(marked=False)) == "create"
    assert stack.data == [{"id": stack.id}, {"id": stack.id}]
    assert stack.on_disk.up(inputs(marked=True)) == "create"
    assert stack.data == [{"id": stack.id, "marked": stack.id}] * 2


def test_preview_writes_nothing_and_the_state_has_no_id(stack: Stack) -> None:
    assert Provider(stack.api).check({}, inputs(marked=False)).failures == []
    assert stack.api.writes == []
    stack.up()
    assert stack.id not in repr((stack.drawn.state, stack.on_disk.state))


def test_second_up_writes_nothing(deployed: Stack) -> None:
    deployed.api.writes.clear()
    assert deployed.up() == ["same", "same"]
    assert deployed.api.writes == []


def lose_state(stack: Stack) -> None:
    stack.forget()


def remove(stack: Stack) -> None:
    stack.down()
    assert [data is not None for data in stack.data] == [True, False], "the mirror stays"


def lose_record(stack: Stack) -> None:
    del stack.api.objects[RECORD]


def lose_mirror(stack: Stack) -> None:
    del stack.api.objects[MIRROR]


@pytest.mark.parametrize("loss", [lose_state, remove, lose_record, lose_mirror])
def test_the_id_survives(deployed: Stack, loss: Any) -> None:
    before = deployed.id
    loss(deployed)
    deployed.up()
    assert deployed.data == [{"id": before, "marked": before}] * 2
    assert deployed.up() == ["same", "same"]


def test_an_id_that_is_on_no_disk_goes_with_the_stack(stack: Stack) -> None:
    stack.drawn.up(inputs(marked=False))
    Provider(stack.api).delete("", inputs(marked=False))
    assert stack.api.objects == {}


@pytest.mark.parametrize("step", ["before create", "after create"])
@pytest.mark.parametrize("killed", [1, 2])
def test_a_kill_between_the_two_leaves_one_id(stack: Stack, step: str, killed: int) -> None:
    seen: list[str] = []

    def kill(at: str) -> None:
        seen.append(at)
        if seen.count(step) == killed and at == step:
            raise KeyboardInterrupt

    stack.api.step = kill
    with pytest.raises(KeyboardInterrupt):
        stack.up()
    stack.api.step = lambda _: None
    left = [data["id"] for data in stack.data if data]
    stack.up()
    assert stack.id in (left or [stack.id])


def test_the_later_id_holds(deployed: Stack) -> None:
    """`make mark-disk` was killed between its two writes."""
    deployed.api.patch(MIRROR, {"data": {"id": "2-bb", "marked": "2-bb"}}, "immich-icloud")
    assert deployed.up() == ["update", "same"]
    assert deployed.data == [{"id": "2-bb", "marked": "2-bb"}] * 2


def of_0_2(api: FakeCluster) -> None:
    api.create({**PLACES[1], "data": {"made": "true"}}, "immich-icloud")


def test_what_0_2_remembered_stays(stack: Stack) -> None:
    of_0_2(stack.api)
    stack.drawn.up(inputs(marked=False))
    assert stack.data == [{"id": stack.id}, {"made": "true", "id": stack.id}]


def test_two_at_once_draw_one_id(stack: Stack) -> None:
    of_0_2(stack.api)
    other = Stack(stack.api)
    stack.api.step = overtaking(stack.api, other.up)
    stack.up()
    assert stack.data == [{"id": stack.id, "marked": stack.id}, {"made": "true", "id": stack.id, "marked": stack.id}]


def overtaking(api: FakeCluster, other: Any) -> Any:
    def step(_: str) -> None:
        api.step = lambda _: None
        other()

    return step


@pytest.mark.parametrize("annotations", [{}, {"immich-icloud/stack": "immich-icloud/another"}])
def test_another_ones_config_map_is_refused_at_preview(stack: Stack, annotations: dict[str, str]) -> None:
    foreign = deepcopy(PLACES[0])
    foreign["metadata"]["annotations"] = annotations
    stack.api.create({**foreign, "data": {"id": "7-cc"}}, "immich-icloud")
    (failure,) = Provider(stack.api).check({}, inputs(marked=False)).failures
    assert failure.property == ""
    assert failure.reason.startswith("ConfigMap immich/icloud-directory exists and is not managed by this stack")
    with pytest.raises(Exception, match="not managed by this stack"):
        stack.drawn.up(inputs(marked=False))
    assert stack.data == [{"id": "7-cc"}, None]


OLD = "immich-icloud/old"
OF_OLD = directory.identity("photo-sync", "immich", Ownership(OLD))
RENAMED = DiskIdentity.properties(PLACES, [OLD], marked=True)


@pytest.fixture
def as_old(stack: Stack) -> Stack:
    """A stack under its old name."""
    for one, marked in ((stack.drawn, False), (stack.on_disk, True)):
        one.up(inputs(marked=marked, places=OF_OLD))
    return stack


def owners(stack: Stack) -> set[str]:
    return {stack.api.objects[ref]["metadata"]["annotations"]["immich-icloud/stack"] for ref in (MIRROR, RECORD)}


def test_a_stack_that_is_renamed_keeps_its_id(as_old: Stack) -> None:
    before = as_old.data
    for one, marked in ((as_old.drawn, False), (as_old.on_disk, True)):
        assert one.up(RENAMED | {"marked": marked}) == "update"
    assert (as_old.data, owners(as_old)) == (before, {STACK})
    assert as_old.up() == ["same", "same"]


def test_a_refresh_between_the_two_compares_what_the_state_has(as_old: Stack) -> None:
    as_old.drawn.up(RENAMED | {"marked": False})
    of_old = inputs(marked=True, places=OF_OLD)
    provider = Provider(as_old.api)
    assert provider.read("id", of_old).id == "id"
    assert provider.diff("id", of_old, of_old).changes


@pytest.mark.parametrize("killed", ["before patch", "after patch"])
def test_a_renaming_that_is_interrupted_goes_on(as_old: Stack, killed: str) -> None:
    def kill(at: str) -> None:
        if at == killed:
            raise KeyboardInterrupt

    before, as_old.api.step = as_old.data, kill
    with pytest.raises(KeyboardInterrupt):
        as_old.drawn.up(RENAMED | {"marked": False})
    as_old.api.step = lambda _: None
    for one, marked in ((as_old.drawn, False), (as_old.on_disk, True)):
        one.up(RENAMED | {"marked": marked})
    assert (as_old.data, owners(as_old)) == (before, {STACK})
    assert as_old.up() == ["same", "same"]


def test_with_the_state_lost_the_id_of_the_stack_that_is_named_is_adopted(as_old: Stack) -> None:
    before = as_old.data
    as_old.forget()
    with pytest.raises(PreviewError):
        as_old.up()
    as_old.drawn.up(RENAMED | {"marked": False})
    assert (as_old.data, owners(as_old)) == (before, {STACK})


def test_other_namespaces_get_the_same_id(deployed: Stack) -> None:
    elsewhere = directory.identity("photos", "pictures", Ownership(STACK))
    before = deployed.id
    assert deployed.drawn.up(inputs(marked=False, places=elsewhere)) == "update"
    assert {deployed.api.objects[Ref.of(place)]["data"]["id"] for place in elsewhere} == {before}


def test_a_refusal_of_the_api_server_is_not_retried_forever(stack: Stack) -> None:
    of_0_2(stack.api)

    def refuse(at: str) -> None:
        if at.startswith("before"):
            raise ClusterRefusedError(409, "the object has been modified")

    stack.api.step = refuse
    with pytest.raises(ClusterRefusedError):
        stack.up()
