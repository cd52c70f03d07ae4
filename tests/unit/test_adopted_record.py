"""A DNS record that was made by hand: what an adoption writes of it, and what a removal restores."""

from typing import Any

import httpx
import pytest
from cloudflare import Cloudflare

from clients.cloudflare import CloudflareApi, MissingError
from clients.kubernetes import ClusterApi, Ref, UnreachableError
from lab.cloudflare.api import Api
from lab.cloudflare.world import TOKEN, found
from lab.stand_in.transport import Transport
from providers.adopted_record import AdoptedRecordProvider
from tests.fake_cluster import FakeCluster

ZONE = next(iter(found().zones))
BY_HAND: dict[str, Any] = {
    "name": "immich.coultonf.com", "type": "CNAME", "content": "home.coultonf.com", "proxied": False, "ttl": 300,
    "comment": "the house's own", "tags": ["team:home"],
}  # fmt: skip
TARGET = "7c0de5ad.cfargotunnel.com"


class World(AdoptedRecordProvider):
    """The provider on an account with one record made by hand."""

    def __init__(self, **record: Any) -> None:
        self.account = Api(found())
        self.account.world.zones[ZONE]["plan"]["legacy_id"] = "pro"
        client = httpx.Client(transport=Transport(self.account))
        self.api = CloudflareApi(TOKEN, client)
        self.cluster = FakeCluster()
        made = Cloudflare(api_token=TOKEN, http_client=client).dns.records.create(zone_id=ZONE, **(BY_HAND | record))
        assert made
        self.id = made.id
        self.before = self.stated()

    def _cloudflare(self) -> CloudflareApi:
        return self.api

    def _api(self) -> ClusterApi:
        return self.cluster

    def stated(self) -> dict[str, Any]:
        """The record, without what every write changes."""
        volatile = {"modified_on", "comment_modified_on", "settings"}
        return {k: v for k, v in self.account.world.records[ZONE][self.id].items() if k not in volatile}

    def wanted(self, **more: Any) -> dict[str, Any]:
        kind = {"name": BY_HAND["name"], "type": "CNAME", "content": TARGET, "proxied": True}
        return {"zone_id": ZONE, "record_id": self.id, **kind, **more}

    def by_hand(self, **change: Any) -> None:
        self.api.change_record(ZONE, self.id, change)

    def writes(self) -> int:
        return sum(method == "PATCH" for method, _ in self.account.log)


def from_state(outputs: dict[str, Any] | None) -> dict[str, Any]:
    """As the engine hands them back: whole numbers are floats, and what is null is dropped."""
    assert outputs
    return {k: float(v) if type(v) is int else v for k, v in outputs.items() if v is not None}


@pytest.mark.parametrize("proxied", [True, False])
@pytest.mark.parametrize("ttl", [1, 300])
def test_comment_and_tags_stay_and_a_removal_restores_the_rest(ttl: int, *, proxied: bool) -> None:
    world = World(ttl=ttl)
    outputs = world.create(world.wanted(proxied=proxied)).outs
    led = {"content": TARGET, "proxied": proxied, "ttl": 1 if proxied else ttl}
    assert world.stated() == world.before | led
    world.delete("", from_state(outputs))
    assert world.stated() == world.before


def test_what_leads_there_already_is_not_written() -> None:
    world = World(content=TARGET, proxied=True, ttl=1)
    world.create(world.wanted())
    assert world.writes() == 0
    assert world.stated() == world.before


def test_an_update_keeps_what_was_there_before_the_stack() -> None:
    world = World()
    outputs = from_state(world.create(world.wanted()).outs)
    changed = world.wanted(content="other.coultonf.com")
    assert world.diff("", outputs, changed).changes
    outputs = from_state(world.update("", outputs, changed).outs)
    assert world.stated()["content"] == "other.coultonf.com"
    world.delete("", outputs)
    assert world.stated() == world.before


@pytest.mark.parametrize("change", [{"content": "x.coultonf.com"}, {"proxied": False}, {"proxied": False, "ttl": 600}])
def test_what_was_changed_since_is_kept(change: dict[str, Any]) -> None:
    world = World()
    outputs = from_state(world.create(world.wanted()).outs)
    world.by_hand(**change)
    since = world.stated()
    world.delete("", outputs)
    assert world.stated() == since


def test_a_comment_that_was_changed_since_keeps_nothing_from_being_restored() -> None:
    world = World()
    outputs = from_state(world.create(world.wanted()).outs)
    world.by_hand(comment="another")
    world.delete("", outputs)
    assert world.stated() == world.before | {"comment": "another"}


def test_drift_shows_and_is_repaired() -> None:
    world = World()
    outputs = from_state(world.create(world.wanted()).outs)
    assert not world.diff("", from_state(world.read("id", outputs).outs), world.wanted()).changes
    world.by_hand(content="x.coultonf.com")
    seen = from_state(world.read("id", outputs).outs)
    assert world.diff("", seen, world.wanted()).changes
    world.update("", seen, world.wanted())
    assert world.stated()["content"] == TARGET


def test_a_record_that_is_gone_stays_gone() -> None:
    world = World()
    outputs = from_state(world.create(world.wanted()).outs)
    del world.account.world.records[ZONE][world.id]
    assert world.read("id", outputs).id == ""
    with pytest.raises(MissingError):
        world.create(world.wanted())
    with pytest.raises(MissingError):
        world.update("", outputs, world.wanted(content="x.coultonf.com"))
    world.delete("", outputs)
    assert world.id not in world.account.world.records[ZONE]


def test_what_was_there_before_a_run_that_was_killed_is_restored() -> None:
    """Killed when the record was written, before the state was."""
    world = World()
    world.create(world.wanted())
    outputs = from_state(world.create(world.wanted()).outs)
    world.delete("", outputs)
    assert world.stated() == world.before
    assert world.cluster.objects == {}


def test_what_was_made_by_hand_since_such_a_run_is_what_was_there() -> None:
    world = World()
    world.create(world.wanted())
    world.by_hand(content="x.coultonf.com", proxied=False, ttl=600)
    since = world.stated()
    world.delete("", from_state(world.create(world.wanted()).outs))
    assert world.stated() == since


def test_a_removal_does_not_need_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    outputs = from_state(world.create(world.wanted()).outs)

    def gone(_: Ref) -> None:
        raise UnreachableError("no answer")

    monkeypatch.setattr(world.cluster, "get", gone)
    world.delete("", outputs)
    assert world.stated() == world.before
