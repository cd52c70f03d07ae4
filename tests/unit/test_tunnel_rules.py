"""Our rules in a shared tunnel, through the official SDK: what is written, kept, refused and told."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from clients import tunnel_lease
from clients.cloudflare import CloudflareRefusedError, UnansweredError
from clients.kubernetes import ClusterError
from clients.lease import LostError
from clients.rule_set import RuleSet, compare
from clients.tunnel_configuration import OverwrittenError
from clients.tunnel_lease import Share, lease_for, lease_of
from lab.cloudflare.faults import Fault
from lab.cloudflare.world import give_token
from providers import tunnel_rules
from tests.one_resource import PreviewError
from tests.shared_tunnel import HOMELAB, Json, Killed, SharedTunnel, Stack, inputs

HOST = "photos.coultonf.com"
OURS: Json = {"hostname": HOST, "service": "http://immich-server.immich.svc.cluster.local:3001"}
ELSEWHERE: Json = {**OURS, "hostname": "album.coultonf.com"}
BY_HAND: Json = {
    "hostname": HOST,
    "service": "http://192.168.1.20:2283",
    "originRequest": {"connectTimeout": 30, "keepAlive": None, "proxyPort": 9007199254740993, "x": []},
}
WRITE = Fault("timeOut", "PUT")


@pytest.fixture
def world() -> SharedTunnel:
    return SharedTunnel()


@pytest.fixture
def stack(world: SharedTunnel) -> Stack:
    return Stack(world)


def text(value: Any) -> str:
    """JSON to compare byte by byte: the order of keys, nulls and numbers as they are."""
    return json.dumps(value)


def shares(world: SharedTunnel) -> Any:
    return tunnel_lease.shares(lease_for(world.cluster, HOMELAB, "anybody"))


# create, read, update, delete


def test_up_and_destroy_leave_the_document_byte_for_byte_as_found(world: SharedTunnel, stack: Stack) -> None:
    found = deepcopy(world.document)
    assert stack.settle(OURS) == "create"
    expected = deepcopy(found)
    expected["ingress"].insert(2, OURS)  # before the wildcard
    assert text(world.document) == text(expected)
    stack.destroy()
    assert text(world.document) == text(found)
    assert world.cluster.objects == {}
    assert world.puts == 2


def test_up_again_writes_nothing(world: SharedTunnel, stack: Stack) -> None:
    stack.settle(OURS)
    written = len(world.steps)
    assert stack.settle(OURS) == "same"
    assert stack.settle(OURS, adopt=True) == "same"
    assert len(world.steps) == written


def test_any_number_of_changes_is_one_write(world: SharedTunnel, stack: Stack) -> None:
    stack.settle(OURS, ELSEWHERE)
    assert world.puts == 1
    assert stack.settle({**OURS, "service": "http://other"}, {**OURS, "hostname": "third.coultonf.com"}) == "update"
    assert world.puts == 2
    ours = [(rule["hostname"], rule["service"]) for rule in world.ingress[2:4]]
    assert ours == [(HOST, "http://other"), ("third.coultonf.com", OURS["service"])]
    assert len(world.ingress) == 6


OLD = "immich-icloud/old"


def test_of_a_stack_that_is_renamed_nothing_is_written_but_its_name(world: SharedTunnel) -> None:
    old = Stack(world, OLD)
    old.settle(OURS)
    stack = Stack(world, state=old.state)
    renamed = inputs(OURS) | {"former": [OLD]}
    assert stack.up(renamed) == "update"
    assert shares(world) == {stack.name: Share(frozenset({(HOST, "")}))}
    assert stack.settle(OURS) == "same"
    assert world.puts == 1
    stack.destroy()
    assert world.cluster.objects == {}


def test_with_the_state_lost_the_rules_of_the_stack_that_is_named_are_adopted(world: SharedTunnel) -> None:
    Stack(world, OLD).settle(OURS)
    stack = Stack(world)
    assert f"the stack {OLD} leads {HOST} through the same tunnel" in refused(stack)
    assert stack.up(inputs(OURS) | {"former": [OLD]}) == "create"
    assert (list(shares(world)), world.puts) == ([stack.name], 1)


def test_another_host_takes_the_old_one_away(world: SharedTunnel, stack: Stack) -> None:
    found = deepcopy(world.ingress)
    stack.settle(OURS)
    assert stack.settle(ELSEWHERE) == "update"
    assert world.ingress == [*found[:2], ELSEWHERE, *found[2:]]
    assert shares(world) == {stack.name: Share(frozenset({("album.coultonf.com", "")}))}


def test_an_identical_rule_made_by_hand_is_adopted_only_when_asked_and_comes_back(
    world: SharedTunnel, stack: Stack
) -> None:
    world.edit(lambda rules: rules.insert(0, {**OURS, "originRequest": {}}))
    found = deepcopy(world.document)
    assert "not managed by this stack" in refused(stack)
    with pytest.raises(tunnel_rules.ImpossibleError):
        stack.provider.create(inputs(OURS))
    assert stack.settle(OURS, adopt=True) == "create"
    assert stack.settle(OURS) == "same"
    assert world.puts == 0
    stack.settle({**OURS, "service": "http://other"})
    stack.destroy()
    assert text(world.document) == text(found)


def test_an_identical_rule_that_was_adopted_is_kept_when_the_stack_is_removed_at_once(
    world: SharedTunnel, stack: Stack
) -> None:
    world.edit(lambda rules: rules.insert(0, OURS))
    found = deepcopy(world.document)
    stack.settle(OURS, adopt=True)
    stack.destroy()
    assert (text(world.document), world.puts, world.cluster.objects) == (text(found), 0, {})


def test_another_tunnel_is_a_replacement(world: SharedTunnel, stack: Stack) -> None:
    stack.settle(OURS)
    found = [rule for rule in world.ingress if rule != OURS]
    other = "7c0de5ad-0b0e-4b1e-9a5e-0d15ea5e0009"
    world.cloudflare.world.tunnels[other] = {**world.cloudflare.world.tunnels[HOMELAB], "id": other, "name": "other"}
    world.cloudflare.world.configurations[other] = {"version": 1, "config": {"ingress": found}, "created_at": ""}
    assert stack.settle(OURS, tunnel=other) == "replace"
    assert world.ingress == found
    assert OURS in world.cloudflare.world.configurations[other]["config"]["ingress"]


# what people made by hand


def test_what_was_adopted_is_restored_byte_for_byte(world: SharedTunnel, stack: Stack) -> None:
    world.edit(lambda rules: rules.insert(0, BY_HAND))
    found = deepcopy(world.document)
    stack.settle(OURS, adopt=True)
    assert world.ingress[0] == OURS
    assert stack.settle(OURS) == "same"
    stack.destroy()
    assert text(world.document) == text(found)


def test_what_was_adopted_is_restored_when_the_host_changes(world: SharedTunnel, stack: Stack) -> None:
    world.edit(lambda rules: rules.insert(0, BY_HAND))
    stack.settle(OURS, adopt=True)
    stack.settle(ELSEWHERE)
    assert text(world.ingress[0]) == text(BY_HAND)
    assert world.ingress[3] == ELSEWHERE
    stack.destroy()
    assert world.ingress.count(BY_HAND) == 1
    assert ELSEWHERE not in world.ingress


def test_what_was_adopted_is_noted_once(world: SharedTunnel, stack: Stack) -> None:
    world.edit(lambda rules: rules.insert(0, BY_HAND))
    stack.settle(OURS, adopt=True)
    for service in ("http://b", "http://c"):
        world.edit(lambda rules: rules[0].update(service="http://drift"))
        assert stack.settle({**OURS, "service": service}, adopt=True) == "update"
    assert stack.state
    assert [json.loads(rule) for rule in stack.state.outputs["found"]] == [BY_HAND]


def test_every_rule_of_the_host_is_adopted(world: SharedTunnel, stack: Stack) -> None:
    """Left where it is, one for a path would get no requests, and the next preview would refuse it."""
    by_path = {**BY_HAND, "path": "^/share/"}
    world.edit(lambda rules: rules.__setitem__(slice(0, 0), [by_path, BY_HAND]))
    answered = deepcopy(world.ingress)
    stack.settle(OURS, adopt=True)
    assert [rule for rule in world.ingress if rule.get("hostname") == HOST] == [OURS]
    assert stack.settle(OURS) == "same"
    stack.destroy()
    assert sorted(world.ingress, key=text) == sorted(answered, key=text)
    assert world.ingress.index(by_path) < world.ingress.index(BY_HAND)


def test_what_was_adopted_outlives_the_lease(world: SharedTunnel, stack: Stack) -> None:
    world.edit(lambda rules: rules.insert(0, BY_HAND))
    stack.settle(OURS, adopt=True)
    world.cluster.objects.clear()
    stack.destroy()
    assert text(world.ingress[0]) == text(BY_HAND)


# drift


def test_drift_shows_as_a_difference_of_properties(world: SharedTunnel, stack: Stack) -> None:
    stack.settle(OURS)
    world.edit(lambda rules: rules[2].update(service="http://else"))
    stack.refresh()
    assert stack.state
    assert stack.state.inputs["rules"] == [{**OURS, "service": "http://else"}]
    assert stack.settle(OURS) == "update"
    assert world.ingress[2] == OURS


def test_what_cloudflare_adds_to_a_rule_is_no_drift(world: SharedTunnel, stack: Stack) -> None:
    stack.settle(OURS)
    world.edit(lambda rules: rules[2].update(id="5", originRequest={}))
    puts = world.puts
    assert stack.settle(OURS) == "same"
    assert stack.state
    assert stack.state.outputs["rules"] == [OURS]
    assert world.puts == puts


def test_a_rule_that_was_removed_is_drift(world: SharedTunnel, stack: Stack) -> None:
    stack.settle(OURS)
    world.edit(lambda rules: rules.remove(OURS))
    stack.refresh()
    assert stack.state
    assert stack.state.outputs["rules"] == []
    assert stack.settle(OURS) == "update"
    assert OURS in world.ingress


def test_a_covering_rule_before_ours_is_drift(world: SharedTunnel, stack: Stack) -> None:
    stack.settle(OURS)
    covering = {"hostname": "*.coultonf.com", "path": "^/api", "service": "http://api"}
    world.edit(lambda rules: rules.insert(0, covering))
    stack.refresh()
    assert stack.state
    assert stack.state.inputs["covering"] == [covering]
    assert stack.settle(OURS) == "update"
    assert world.ingress[:2] == [OURS, covering]
    assert stack.state.outputs["covering"] == []


def test_rules_are_read_where_there_is_no_catch_all(world: SharedTunnel, stack: Stack) -> None:
    stack.settle(OURS)
    world.document["ingress"].pop()
    stack.refresh()
    assert stack.state
    assert stack.state.outputs["rules"] == [OURS]


@pytest.mark.parametrize("gone", ["deleted", "missing"])
def test_a_tunnel_that_is_gone_has_no_rules(world: SharedTunnel, stack: Stack, gone: str) -> None:
    stack.settle(OURS)
    if gone == "deleted":
        world.cloudflare.world.tunnels[HOMELAB]["deleted_at"] = "2026-07-01T00:00:00Z"
    else:
        del world.cloudflare.world.tunnels[HOMELAB]
        again = Stack(world, stack.name, stack.state)
        again.refresh()
        assert again.state is None
    stack.destroy()
    assert world.cluster.objects == {}


def test_a_lease_that_is_gone_comes_back(world: SharedTunnel, stack: Stack) -> None:
    stack.settle(OURS)
    puts = world.puts
    world.cluster.objects.clear()
    assert stack.settle(OURS) == "update"
    assert shares(world) == {stack.name: Share(frozenset({(HOST, "")}))}
    assert world.puts == puts


# refusals


def refused(stack: Stack, *rules: Json, **more: Any) -> str:
    before, written = deepcopy(stack.world.document), len(stack.world.steps)
    with pytest.raises(PreviewError) as error:
        stack.settle(*(rules or (OURS,)), **more)
    assert stack.world.document == before
    assert len(stack.world.steps) == written
    return str(error.value)


def test_an_unmanaged_rule_is_refused(world: SharedTunnel, stack: Stack) -> None:
    world.edit(lambda rules: rules.insert(0, BY_HAND))
    assert refused(stack) == (
        "the tunnel has a rule for this host that is not managed by this stack: photos.coultonf.com → "
        "http://192.168.1.20:2283. To adopt it, set immich-icloud:adoptExisting to true for one `up`, or remove it "
        "in the dashboard"
    )
    with pytest.raises(tunnel_rules.ImpossibleError, match="not managed by this stack"):
        stack.provider.create(inputs(OURS))
    assert world.puts == 0
    assert world.cluster.objects == {}


@pytest.mark.parametrize(
    ("ingress", "words"),
    [
        ([], "does not end in a rule for all other requests (a catch-all, such as http_status:404)"),
        ([{"hostname": "a.b", "service": "http://x"}], "does not end in a rule for all other requests"),
        ([{"service": "http://x"}, {"service": "http_status:404"}], "has a rule for all requests (a catch-all) before"),
    ],
)
def test_a_list_that_cloudflared_would_not_take_is_refused(
    world: SharedTunnel, stack: Stack, ingress: list[Json], words: str
) -> None:
    world.document["ingress"] = ingress
    said = refused(stack)
    assert words in said
    assert said.endswith("Correct it in the dashboard first")


def test_a_tunnel_without_a_configuration_is_refused(world: SharedTunnel, stack: Stack) -> None:
    world.cloudflare.world.configurations.clear()
    with pytest.raises(PreviewError, match="does not end in"):
        stack.settle(OURS)


def test_a_missing_tunnel_is_refused(stack: Stack) -> None:
    nowhere = "7c0de5ad-0b0e-4b1e-9a5e-00000000dead"
    assert refused(stack, tunnel=nowhere) == (f"the tunnel {nowhere} does not exist. Name another one")


def answered(world: SharedTunnel, config_src: str | None, source: str | None, *, remote: bool | None) -> None:
    """Have Cloudflare answer with these signs of who manages the tunnel; None is an absent field."""
    signs = {"config_src": config_src, "source": source, "remote_config": remote}
    omits = [name for name, sign in signs.items() if sign is None]
    world.cloudflare.world.tunnels[HOMELAB].update(config_src=config_src, remote_config=remote, omits=omits)
    world.cloudflare.world.configurations[HOMELAB]["source"] = source


@pytest.mark.parametrize(
    ("config_src", "source", "remote"),
    [
        ("cloudflare", None, None),
        (None, "cloudflare", None),
        (None, None, True),
        ("cloudflare", "cloudflare", None),
        (None, "cloudflare", True),
    ],
)
def test_a_tunnel_that_some_field_says_cloudflare_manages_takes_rules(
    world: SharedTunnel, stack: Stack, config_src: str | None, source: str | None, *, remote: bool | None
) -> None:
    answered(world, config_src, source, remote=remote)
    assert stack.settle(OURS) == "create"
    stack.destroy()
    assert world.puts == 2


UNKNOWN = [
    ((None, None, None), "config_src is absent, the configuration's source is absent, remote_config is absent"),
    (("cloudflare", "local", None), "config_src is cloudflare, the configuration's source is local"),
    (("local", "cloudflare", True), "config_src is local, the configuration's source is cloudflare"),
    ((None, "cloudflare", False), "source is cloudflare, remote_config is local"),
    (("warp", None, None), "config_src is warp"),
]


@pytest.mark.parametrize(("signs", "why"), UNKNOWN)
def test_a_tunnel_whose_manager_is_unknown_is_never_written(
    world: SharedTunnel, stack: Stack, signs: tuple[Any, Any, Any], why: str
) -> None:
    before = deepcopy(world.document)
    answered(world, *signs[:2], remote=signs[2])
    assert why in refused(stack)
    with pytest.raises(CloudflareRefusedError, match="who manages the tunnel homelab is unknown"):
        stack.provider.create(inputs(OURS))
    answered(world, "cloudflare", None, remote=None)
    stack.settle(OURS)
    puts = world.puts
    answered(world, *signs[:2], remote=signs[2])
    with pytest.raises(CloudflareRefusedError, match="who manages the tunnel homelab is unknown"):
        stack.destroy()
    assert world.puts == puts
    answered(world, "cloudflare", None, remote=None)
    stack.destroy()
    assert (world.document, world.cluster.objects) == (before, {})


@pytest.mark.parametrize("signs", [("local", None, None), (None, "local", None), (None, None, False)])
def test_a_locally_managed_tunnel_is_never_written_whatever_document_it_sent(
    world: SharedTunnel, stack: Stack, signs: tuple[Any, Any, Any]
) -> None:
    answered(world, *signs[:2], remote=signs[2])
    assert refused(stack) == (
        "the tunnel homelab is locally managed: its rules are in the config.yml beside its cloudflared. Set "
        f"immich-icloud:cloudflare to {{kind: localTunnel, tunnel: {HOMELAB}}}; `preview` then prints the lines for it"
    )
    with pytest.raises(CloudflareRefusedError, match="is locally managed"):
        stack.provider.create(inputs(OURS))
    assert world.puts == 0
    assert world.cluster.objects == {}


def test_a_deleted_tunnel_is_refused(world: SharedTunnel, stack: Stack) -> None:
    world.cloudflare.world.tunnels[HOMELAB]["deleted_at"] = "2026-07-01T00:00:00Z"
    assert refused(stack) == (f"the tunnel homelab ({HOMELAB}) was deleted. Name another one, or use kind ownTunnel")


def test_two_stacks_for_one_host_are_refused(world: SharedTunnel, stack: Stack) -> None:
    Stack(world, "immich-icloud/other").settle(OURS)
    for rule in (OURS, {**OURS, "service": "http://b"}, {**OURS, "path": "^/b"}):
        said = refused(stack, rule)
        assert said.startswith(f"the stack immich-icloud/other leads {HOST} through the same tunnel")
        assert said.endswith(f"kubectl delete lease -n default immich-icloud-tunnel-{HOMELAB}")


def test_two_stacks_share_a_host_by_path(world: SharedTunnel, stack: Stack) -> None:
    other = Stack(world, "immich-icloud/other")
    found = deepcopy(world.document)
    other.settle({**OURS, "path": "^/b"})
    stack.settle({**OURS, "path": "^/a"})
    assert other.settle({**OURS, "path": "^/b"}) == "same"
    other.destroy()
    stack.destroy()
    assert world.document == found


def test_a_stack_that_was_renamed_keeps_its_rule(world: SharedTunnel, stack: Stack) -> None:
    stack.settle(OURS)
    old = stack.state
    world.cluster.objects.clear()  # as the refusal says
    renamed = Stack(world, "immich-icloud/renamed", old)
    assert renamed.settle(OURS) == "update"
    assert world.ingress.count(OURS) == 1
    assert shares(world).keys() == {"immich-icloud/renamed"}


def test_a_permission_that_is_missing_is_named(world: SharedTunnel, stack: Stack) -> None:
    for token, permissions in (("r" * 40, ["Cloudflare Tunnel Read"]), ("n" * 40, ["DNS Write"])):
        give_token(world.cloudflare.world, token, permissions)
        stack.tunnel_rules.cloudflare = world.api(token)
        with pytest.raises((PreviewError, CloudflareRefusedError)) as error:
            stack.settle(OURS)
        assert "it needs the permission Account · Cloudflare Tunnel · Edit" in str(error.value)
        assert token not in str(error.value)
        assert world.cluster.objects == {}
        assert OURS not in world.ingress


def test_an_expired_token_is_told(world: SharedTunnel, stack: Stack) -> None:
    give_token(world.cloudflare.world, "e" * 40, [], status="expired")
    stack.tunnel_rules.cloudflare = world.api("e" * 40)
    assert "it is mistyped, expired or revoked" in refused(stack)


def test_a_cluster_that_refuses_is_told_at_preview(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise ClusterError("leases is forbidden")

    monkeypatch.setattr(stack.world.cluster, "get", forbidden)
    assert refused(stack) == "leases is forbidden"


def test_preview_says_what_moves(world: SharedTunnel, stack: Stack) -> None:
    by_path = {"hostname": "*.coultonf.com", "path": "^/api", "service": "http://api"}
    world.edit(lambda rules: rules.insert(0, by_path))
    wanted = RuleSet(inputs()["account_id"], HOMELAB, (OURS,), stack.name, adopt=False)
    trial = compare(world.api(), world.cluster, wanted)
    placed, moved = trial.news
    first = "*.coultonf.com (path ^/api) → http://api"
    assert (placed.code, placed.values["other"]) == ("rule-placed", first)
    assert (moved.code, moved.values["path"], moved.values["other"]) == ("requests-moved", "^/api", first)


# what goes wrong on the way


@pytest.mark.parametrize("kind", ["rateLimited", "unavailable", "timeOut"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_write_that_gets_no_answer_is_looked_at_first(
    world: SharedTunnel, stack: Stack, kind: Any, times: int
) -> None:
    world.cloudflare.faults += [Fault(kind, "PUT", retry_after=7)] * times
    stack.settle(OURS)
    assert world.ingress.count(OURS) == 1
    # With a time-out it was written, and is not again.
    assert world.puts == (1 if kind == "timeOut" else times + 1)
    assert world.now == (2 if kind == "timeOut" else times * (7 if kind == "rateLimited" else 2))


def test_a_long_pause_is_not_kept_to_the_end(world: SharedTunnel, stack: Stack) -> None:
    world.cloudflare.faults.append(Fault("rateLimited", "PUT", retry_after=3600))
    stack.settle(OURS)
    assert world.now == 15


def test_cloudflare_that_does_not_come_back_is_told(world: SharedTunnel, stack: Stack) -> None:
    world.cloudflare.faults += [Fault("unavailable", "PUT")] * 5
    with pytest.raises(UnansweredError, match=r"Cloudflare is busy .*: Service unavailable \(7010\)"):
        stack.settle(OURS)
    assert world.puts == 5
    assert stack.settle(OURS) == "create"


def test_the_last_write_whose_answer_is_lost_counts_too(world: SharedTunnel, stack: Stack) -> None:
    world.cloudflare.faults += [*[Fault("unavailable", "PUT")] * 4, WRITE]
    assert stack.settle(OURS) == "create"
    assert OURS in world.ingress


def test_what_cloudflare_adds_to_a_document_makes_no_write_be_repeated(world: SharedTunnel, stack: Stack) -> None:
    del world.document["warp-routing"]
    world.cloudflare.faults.append(WRITE)
    world.meanwhile = lambda: world.document.update({"warp-routing": {"enabled": False}})
    stack.settle(OURS)
    assert (world.ingress.count(OURS), world.puts) == (1, 1)


def test_reads_are_tried_again(world: SharedTunnel, stack: Stack) -> None:
    world.cloudflare.faults += [Fault("rateLimited", "GET"), Fault("unavailable", "GET")]
    stack.settle(OURS)
    assert OURS in world.ingress


def add(rule: Json) -> Any:
    return lambda config: {**config, "ingress": [rule, *config["ingress"]]}


FOREIGN = {"hostname": "wiki.coultonf.com", "service": "http://wiki"}


@pytest.mark.parametrize("does", ["create", "update", "delete"])
def test_an_edit_between_our_read_and_our_write_is_reported(world: SharedTunnel, stack: Stack, does: str) -> None:
    if does != "create":
        stack.settle(OURS)
    version = world.version
    world.cloudflare.faults.append(Fault("otherWriter", "PUT", edit=add(FOREIGN)))
    with pytest.raises(OverwrittenError) as error:
        stack.destroy() if does == "delete" else stack.settle({**OURS, "service": f"http://{does}"})
    assert str(error.value) == (
        f"another client changed the configuration of tunnel {HOMELAB} at the same moment: this run read version "
        f"{version} and left version {version + 2}. What version {version + 1} changed may be lost. Cloudflare's audit "
        "log says who wrote it and when: look through the tunnel's routes in the dashboard, make that change again, "
        "then run this again"
    )
    world.edit(lambda rules: rules.insert(0, FOREIGN))
    stack.settle(OURS)
    stack.destroy()
    assert [rule.get("hostname") for rule in world.ingress] == [
        "wiki.coultonf.com",
        "mealie.coultonf.com",
        "files.coultonf.com",
        "*.coultonf.com",
        None,
    ]


def test_an_edit_before_a_write_whose_answer_is_lost_is_reported(
    world: SharedTunnel, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = world.version

    def overtaken(name: str) -> None:
        if name == "before PUT":
            world.edit(lambda rules: rules.insert(0, FOREIGN))

    monkeypatch.setattr(world, "step", overtaken)
    stack.tunnel_rules.cloudflare = world.api()
    world.cloudflare.faults.append(WRITE)
    with pytest.raises(OverwrittenError, match=f"read version {version} and left version {version + 2}"):
        stack.settle(OURS)


def test_an_edit_while_we_pause_is_kept(world: SharedTunnel, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that was not written is outdated: it is made again from what is there."""
    world.cloudflare.faults.append(Fault("unavailable", "PUT"))
    monkeypatch.setattr(world, "wait", lambda _: world.edit(lambda rules: rules.insert(0, FOREIGN)))
    stack.settle(OURS)
    assert world.ingress[0] == FOREIGN
    assert OURS in world.ingress


def test_a_lease_that_is_lost_stops_the_write(world: SharedTunnel, stack: Stack) -> None:
    def overtake(name: str) -> None:
        if name == "before replace":
            world.cluster.step = lambda _: None
            world.cluster.objects[lease_of(HOMELAB).ref]["metadata"]["resourceVersion"] = "overtaken"

    world.cluster.step = overtake
    with pytest.raises(LostError):
        stack.settle(OURS)
    assert world.puts == 0


# kills


def kills() -> Iterator[tuple[str, int]]:
    for does in ("create", "adopt", "update", "delete"):
        world = SharedTunnel()
        stack = prepared(world, does)
        begun = len(world.steps)
        act(stack, does)
        yield from ((does, at) for at in range(begun, len(world.steps)))


def prepared(world: SharedTunnel, does: str) -> Stack:
    stack = Stack(world)
    world.edit(lambda rules: rules.insert(0, BY_HAND))
    if does == "create":
        world.edit(lambda rules: rules.remove(BY_HAND))
    if does in {"update", "delete"}:
        stack.settle(OURS, adopt=True)
    return stack


def act(stack: Stack, does: str) -> None:
    if does == "delete":
        stack.destroy()
    else:
        stack.settle(ELSEWHERE if does == "update" else OURS, adopt=does == "adopt")


@pytest.mark.parametrize(("does", "at"), [*kills()])
def test_a_kill_at_any_step_is_mended_by_the_next_run(does: str, at: int) -> None:
    world = SharedTunnel()
    stack = prepared(world, does)
    found = deepcopy(world.document)
    world.kill_at = at
    with pytest.raises(Killed):
        act(stack, does)
    world.kill_at = None
    # A rule whose owner is unknown would stay forever.
    known = shares(world).get(stack.name, Share()).keys
    for rule in (OURS, ELSEWHERE):
        assert rule not in world.ingress or (rule["hostname"], "") in known
    act(stack, does)
    after = SharedTunnel()
    undisturbed = prepared(after, does)
    act(undisturbed, does)
    assert text(world.document) == text(after.document)
    assert shares(world) == shares(after)
    stack.destroy()
    undisturbed.destroy()
    assert text(world.document) == text(after.document)
    assert does in {"update", "delete"} or text(world.document) == text(found)
    assert world.cluster.objects == {}
