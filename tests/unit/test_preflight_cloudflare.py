"""What preflight finds at Cloudflare, and when it finds nothing. The SDK reads facts, or they are made."""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pulumi
import pytest
from pulumi.runtime import mocks

import observe
import preflight
from clients.cloudflare import (
    AccessApplication,
    AccessPolicy,
    CloudflareApi,
    CloudflareRefusedError,
    Record,
    ServiceToken,
    Tunnel,
    Zone,
)
from clients.kubernetes import ClusterApi, Manifest, Ref
from clients.rule_set import TunnelRulesDiff
from clients.wording import RULE_PLACED, TUNNEL_GONE
from components.connector import Origin
from components.ownership import Ownership
from components.plan import Found, Plan, plan
from lab.cloudflare.api import Api
from lab.cloudflare.faults import Fault
from lab.cloudflare.world import PERMISSIONS, TOKEN, found, give_token, new_id, now
from lab.stand_in.transport import Transport
from observe import Observed, state
from observe import cloudflare as at_cloudflare
from observe import cluster as in_cluster
from observe.cloudflare import CloudflareSeen
from observe.cluster import ClusterSeen, origin_of
from observe.planned import origin
from observe.planned import planned as planned_by
from observe.state import Known
from preflight import PreflightError, cloudflare_rules, dry_runs, rules
from preflight.dry_runs import Answers
from settings import Settings
from tests.fake_cluster import FakeCluster
from tests.findings import Told, told
from tests.objects import SERVERS, STACK, deployment, manifest, namespace, service
from tests.unit.configured import configured
from text.finding import Finding, Severity
from text.resource_types import POLICY, RECORD

HOST, SIBLING_HOST = "immich.example.com", "mealie.example.com"
ZONE = Zone("z" * 32, "example.com", "a" * 32, "free")
HOMELAB = Tunnel("7c0de5ad", "homelab", config_src="cloudflare", deleted=False)
SERVICE: Manifest = {
    "metadata": {},
    "spec": {"selector": {"app": "nginx"}, "ports": [{"port": 80, "targetPort": "http"}, {"port": 8443}]},
}

SHARED: Manifest = {"kind": "sharedTunnel", "tunnel": "homelab"}
OWN: Manifest = {"kind": "ownTunnel", "tunnel": "immich"}
ADDRESS: Manifest = {"kind": "dnsRecord", "target": "1.1.1.1"}
SAME: Manifest = {"kind": "dnsRecord", "sameAs": SIBLING_HOST}
CONTROLLER: Manifest = {"origin": {"namespace": "ingress-nginx", "service": "controller"}}


def port(number: int, **more: Any) -> Manifest:
    """A Service with one port."""
    return {"spec": {"selector": {"app": "nginx"}, "ports": [{"port": number, **more}]}}


def to_port(number: int, **more: Any) -> Manifest:
    """An origin at a port of the ingress controller."""
    return {"origin": CONTROLLER["origin"] | {"port": number, **more}}


ACCESS: Manifest = {"access": {"emails": ["ann@example.com"]}}
BY_TUNNEL = "7c0de5ad.cfargotunnel.com"

TUNNEL_KIND = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared"
APPLICATION_KIND = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"

TOKEN_KIND = "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken"  # noqa: S105 (a type)

CLUSTER = ClusterSeen(namespace(), (deployment(),), (service(3001),), None, None, nodes=("talos-1",))


def on(cloudflare: Manifest, **more: Any) -> Settings:
    return configured(cloudflare=cloudflare, **more)


def seen(**more: Any) -> CloudflareSeen:
    return replace(CloudflareSeen(ZONE, tunnels=(HOMELAB,)), **more)


def record(content: str = "1.1.1.1", type_: str = "A", name: str = HOST, comment: str = "", **more: Any) -> Record:
    return Record(more.pop("id", content), type_, name, content, more.pop("proxied", True), comment)


def in_state(kind: str, id_: str, **outputs: Any) -> tuple[Known, ...]:
    """A state that knows one object."""
    return (Known(kind, "urn::its", {"id": id_, **outputs}),)


def planned(settings: Settings, there: CloudflareSeen) -> Plan:
    return planned_by(settings, STACK, Observed(replace(CLUSTER, origin=SERVICE), there))


def missing(cloudflare: Manifest, **more: Any) -> list[Told]:
    service = more.pop("origin", SERVICE)
    return told(cloudflare_rules.missing(on(cloudflare), seen(**more), replace(CLUSTER, origin=service)))


def findings(
    cloudflare: Manifest, *, adopt: bool = False, trial: TunnelRulesDiff | None = None, **more: Any
) -> list[Finding]:
    route = {"route": more.pop("route")} if "route" in more else {}
    settings, there = on(cloudflare, adoptExisting=adopt, **route), seen(rules=trial, **more)
    return list(cloudflare_rules.findings(settings, there, planned(settings, there)))


def problems(cloudflare: Manifest, **more: Any) -> list[Told]:
    return told(findings(cloudflare, **more), Severity.PROBLEM)


def warnings(cloudflare: Manifest, **more: Any) -> list[Told]:
    return told(findings(cloudflare, **more), Severity.WARNING)


# what has to be there


@pytest.mark.parametrize(
    ("cloudflare", "more"),
    [
        (SHARED, {}),
        (SHARED | {"tunnel": HOMELAB.id}, {}),
        (SHARED, {"tunnels": (replace(HOMELAB, id="older", deleted=True), HOMELAB)}),
        (SHARED | CONTROLLER, {}),
        (OWN | CONTROLLER, {}),
        (OWN, {"origin": None}),
        (SHARED | to_port(443, scheme="https"), {"origin": port(443, appProtocol="HTTPS")}),
        (SHARED | to_port(443), {"origin": port(443, appProtocol="http")}),
        (OWN | to_port(8080), {"origin": port(8080, name="web")}),
        (SHARED | {"origin": {"url": "https://192.168.1.10"}}, {"origin": None}),
        (ADDRESS, {"tunnels": (), "origin": None}),
        (SAME, {"siblings": (record(name=SIBLING_HOST),)}),
        (SAME, {"siblings": (record(name=SIBLING_HOST, proxied=False),)}),
        (SAME, {"siblings": (record(BY_TUNNEL, "CNAME", SIBLING_HOST),)}),
        (SAME | ACCESS, {"siblings": (record(name=SIBLING_HOST),)}),
    ],
)
def test_nothing_is_missing(cloudflare: Manifest, more: Manifest) -> None:
    assert missing(cloudflare, **more) == []


@pytest.mark.parametrize(
    ("cloudflare", "more", "code"),
    [
        (SHARED, {"zone": None}, "zone-missing"),
        (SHARED | {"tunnel": "home"}, {}, "tunnel-missing"),
        (SHARED, {"tunnels": ()}, "tunnel-missing"),
        (SHARED | CONTROLLER, {"origin": None}, "origin-missing"),
        (
            OWN | CONTROLLER,
            {"origin": {"spec": {"ports": [{"port": 443}, {"port": 8080}, {"port": 80, "protocol": "UDP"}]}}},
            "origin-port-missing",
        ),
        (OWN | CONTROLLER, {"origin": {"spec": {"type": "ExternalName"}}}, "origin-port-missing"),
        (SHARED | CONTROLLER, {"origin": port(80, appProtocol="https")}, "origin-scheme-differs"),
        (OWN | to_port(443, scheme="http"), {"origin": port(443)}, "origin-scheme-differs"),
        (SHARED | to_port(8443), {"origin": port(8443, name="https")}, "origin-scheme-differs"),
        (SHARED | to_port(80, scheme="https"), {"origin": port(80)}, "origin-scheme-differs"),
        ({"kind": "ownTunnel"}, {"origin": port(3001, appProtocol="https")}, "origin-scheme-differs"),
        (SAME, {}, "sibling-ambiguous"),
        (SAME, {"siblings": (record(name=SIBLING_HOST), record("2606::1", "AAAA", SIBLING_HOST))}, "sibling-ambiguous"),
        (SAME, {"siblings": (record(HOST, "CNAME", SIBLING_HOST),)}, "sibling-is-the-host"),
        (
            SAME,
            {"siblings": (record(BY_TUNNEL, "CNAME", SIBLING_HOST, proxied=False),)},
            "sibling-into-tunnel",
        ),
        (SAME | ACCESS, {"siblings": (record(name=SIBLING_HOST, proxied=False),)}, "sibling-unproxied"),
    ],
    ids=[
        "zone", "another tunnel", "no tunnel", "service", "port", "no port",
        "https at 80", "443", "a port named https", "https to 80", "Immich's over https",
        "no sibling", "two siblings", "sibling like us", "sibling into a tunnel", "sibling without proxy",
    ],
)  # fmt: skip
def test_missing(cloudflare: Manifest, more: Manifest, code: str) -> None:
    assert [found for found, _ in missing(cloudflare, **more)] == [code]


def test_a_missing_tunnel_names_those_that_are_there() -> None:
    gone = replace(HOMELAB, id="2", name="gone", deleted=True)
    attic = replace(HOMELAB, id="1", name="attic")
    (finding,) = cloudflare_rules.missing(
        on(SHARED | {"tunnel": "home"}), seen(tunnels=(HOMELAB, attic, gone)), CLUSTER
    )
    assert finding.values == {"name": "home", "has": "attic, homelab"}


# the host's record


def test_no_record_is_no_problem() -> None:
    assert problems(ADDRESS) == []
    assert [code for code, _ in warnings(ADDRESS) if "record" in code] == []


def test_a_record_made_by_hand() -> None:
    assert problems(ADDRESS, records=(record("8.8.8.8"),)) == [("record-not-ours", f"A {HOST} → 8.8.8.8")]


@pytest.mark.parametrize("comment", [STACK, f"{STACK}, adopted"])
def test_a_record_with_this_stacks_comment_is_managed(comment: str) -> None:
    assert problems(ADDRESS, records=(record("8.8.8.8", comment=comment),)) == []


@pytest.mark.parametrize("comment", [f"{STACK}-2", f"{STACK}, adopted once", f"not {STACK}"])
def test_a_record_with_a_mark_like_ours_is_not(comment: str) -> None:
    assert len(problems(ADDRESS, records=(record(comment=comment),))) == 1


def test_a_record_is_managed_by_its_id_in_the_state() -> None:
    assert problems(ADDRESS, records=(record("8.8.8.8"),), known=in_state(RECORD, "8.8.8.8")) == []


@pytest.mark.parametrize("cloudflare", [SHARED, OWN, ADDRESS, ADDRESS | {"proxied": False}, SAME])
@pytest.mark.parametrize("theirs", [record("8.8.8.8"), record("2606::1", "AAAA"), record("x.example.net", "CNAME")])
def test_a_state_that_knows_another_record_makes_none_ours(cloudflare: Manifest, theirs: Record) -> None:
    ((_, subject),) = problems(
        cloudflare,
        records=(theirs,),
        siblings=(record(name=SIBLING_HOST),),
        known=in_state(RECORD, "the old host's", name="old.example.com"),
    )
    assert subject == str(theirs)


def test_a_record_made_again_with_our_comment_is_imported_though_the_state_knows_the_old_one() -> None:
    there = seen(records=(record(comment=STACK, id="again"),), known=in_state(RECORD, "gone", name=HOST))
    made = planned(on(ADDRESS), there).public_access
    assert made
    assert (made.record.import_id, made.record.resource) == (f"{ZONE.id}/again", "its")


def test_another_host_has_a_record_of_its_own_and_keeps_it() -> None:
    old = Known(RECORD, "urn::cloudflare-record", {"id": "old", "name": "old.example.com"})
    made = planned(on(ADDRESS), seen(known=(old,))).public_access
    assert made
    assert (made.record.import_id, made.record.resource) == (None, f"cloudflare-record-of-{HOST}")
    assert made.hosts_before == ("old.example.com",)
    new = Known(RECORD, f"urn::{made.record.resource}", {"id": "new", "name": HOST})
    for known in ((new,), (old, new), (new, old)):
        again = planned(on(ADDRESS), seen(records=(record(id="new"),), known=known)).public_access
        assert again
        assert again.record.resource == made.record.resource
    back = planned(on(ADDRESS, host="old.example.com"), seen(known=(old, new))).public_access
    assert back
    assert (back.record.resource, back.hosts_before) == ("cloudflare-record", (HOST,))


@pytest.mark.parametrize(
    ("cloudflare", "route", "between"),
    [
        (SHARED | CONTROLLER, {"kind": "ingress", "className": "nginx"}, "the tunnel and the Ingress"),
        (
            OWN | CONTROLLER,
            {"kind": "gateway", "gateway": "g", "gatewayNamespace": "n"},
            "the tunnel and the HTTPRoute",
        ),
        (SHARED, {"kind": "ingress", "className": "nginx"}, ""),
        (OWN, {"kind": "none"}, ""),
        (ADDRESS, {"kind": "ingress", "className": "nginx"}, ""),
    ],
)
def test_preview_says_whether_one_of_two_hosts_is_always_served(
    cloudflare: Manifest, route: Manifest, between: str
) -> None:
    old = in_state(RECORD, "old", name="old.example.com")
    (finding,) = [one for one in findings(cloudflare, route=route, known=old) if one.severity is Severity.NEWS]
    assert (finding.code, finding.subject) == (
        "host-changes-with-a-gap" if between else "host-changes",
        "old.example.com",
    )
    if between:
        assert finding.values["between"] == between
    assert told(findings(cloudflare, route=route), Severity.NEWS) == []


@pytest.mark.parametrize(
    ("more", "adopt"),
    [
        ({"records": (record(BY_TUNNEL, "CNAME"),)}, True),
        ({"records": (record(BY_TUNNEL, "CNAME", comment=STACK),)}, False),
        (
            {
                "records": (record(BY_TUNNEL, "CNAME", comment=f"{STACK}, adopted"),),
                "known": in_state(RECORD, BY_TUNNEL),
            },
            False,
        ),
    ],
    ids=["by hand", "marked, and unknown to the state", "adopted: it would stay in the way"],
)
def test_a_records_type_does_not_change(more: Manifest, *, adopt: bool) -> None:
    assert problems(ADDRESS, adopt=adopt, **more) == [("record-in-the-way", f"CNAME {HOST} → {BY_TUNNEL}")]


def test_a_managed_record_is_recreated_with_another_type() -> None:
    ours = record(BY_TUNNEL, "CNAME", comment=STACK)
    assert problems(ADDRESS, records=(ours,), known=in_state(RECORD, BY_TUNNEL)) == []


def test_of_several_records_ours_is_not_the_one_to_remove() -> None:
    ours, other = record(comment=STACK), record("2606::1", "AAAA")
    assert problems(ADDRESS, records=(other, ours)) == [("record-in-the-way", f"AAAA {HOST} → 2606::1")]


def test_a_record_added_beside_ours_later_is_let_be() -> None:
    ours, other = record(comment=f"{STACK}, adopted"), record("2606::1", "AAAA")
    assert problems(ADDRESS, records=(other, ours), known=in_state(RECORD, ours.id)) == []


def test_a_record_added_beside_ours_is_in_the_way_of_another_type() -> None:
    ours, other = record(comment=STACK), record("2606::1", "AAAA")
    assert problems(SHARED, records=(other, ours), known=in_state(RECORD, ours.id)) == [
        ("record-in-the-way", f"AAAA {HOST} → 2606::1")
    ]


def test_one_of_several_records_made_by_hand_can_be_adopted() -> None:
    by_hand = (record("8.8.8.8"), record("9.9.9.9"))
    assert problems(ADDRESS, adopt=True, records=by_hand) == [("record-in-the-way", f"A {HOST} → 9.9.9.9")]


@pytest.mark.parametrize(
    ("cloudflare", "there", "becomes"),
    [
        (ADDRESS, record(), ""),
        (ADDRESS, record("8.8.8.8"), f"A {HOST} → 1.1.1.1, proxied"),
        (ADDRESS | {"proxied": False}, record(), f"A {HOST} → 1.1.1.1, not proxied"),
        (SHARED, record("x.example.net", "CNAME"), f"CNAME {HOST} → {BY_TUNNEL}, proxied"),
        (
            OWN,
            record("x.example.net", "CNAME"),
            f"CNAME {HOST} → the tunnel of this stack's own, proxied",
        ),
    ],
    ids=["as it is", "another target", "no longer proxied", "shared tunnel", "own tunnel"],
)
def test_an_adopted_record(cloudflare: Manifest, there: Record, becomes: str) -> None:
    assert problems(cloudflare, adopt=True, records=(there,)) == []
    adopted, *_ = [one for one in findings(cloudflare, adopt=True, records=(there,)) if "adopted" in one.code]
    assert adopted.subject == str(there)
    assert adopted.values.get("becomes", "") == becomes


def test_an_adopted_record_is_reported_once() -> None:
    found = warnings(ADDRESS, records=(record(comment=f"{STACK}, adopted"),), known=in_state(RECORD, "1.1.1.1"))
    assert [code for code, _ in found if "adopted" in code] == []


# the tunnel


def test_another_tunnel_has_the_name_of_our_own() -> None:
    taken = replace(HOMELAB, name="immich")
    problem = [("tunnel-taken", "immich")]
    assert problems(OWN, tunnels=(taken,)) == problem
    assert problems(OWN, tunnels=(replace(taken, deleted=True),)) == [], "the name is free again"
    assert problems(OWN, tunnels=(taken,), known=in_state(TUNNEL_KIND, HOMELAB.id)) == []
    assert problems(OWN, tunnels=(taken,), known=in_state(TUNNEL_KIND, "another")) == problem
    assert problems(SHARED | {"tunnel": "immich"}, tunnels=(taken,)) == []


def test_an_own_tunnel_that_was_deleted() -> None:
    gone = replace(HOMELAB, name="immich", deleted=True)
    (finding,) = [
        one
        for one in findings(OWN, tunnels=(gone,), known=in_state(TUNNEL_KIND, gone.id))
        if one.severity is Severity.PROBLEM
    ]
    assert (finding.code, finding.values["urn"]) == ("own-tunnel-deleted", "urn::its")
    older = replace(gone, id="older")
    assert problems(OWN, tunnels=(older, replace(gone, deleted=False)), known=in_state(TUNNEL_KIND, gone.id)) == []
    assert problems(OWN, tunnels=(older,), known=in_state(TUNNEL_KIND, "renamed")) == []


@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize(
    "ref",
    [Ref("v1", "Namespace", "cloudflared"), Ref("apps/v1", "Deployment", "cloudflared", "cloudflared")],
    ids=lambda ref: ref.kind,
)
def test_an_unmanaged_connector_is_never_adopted(ref: Ref, *, adopt: bool) -> None:
    settings = on(OWN, adoptExisting=adopt)
    by_hand = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": {"name": ref.name}}
    answers = Answers({ref: by_hand})
    ours = planned(settings, seen())
    found = [one for one in rules.findings(settings, CLUSTER, ours, answers) if one.subject == str(ref)]
    assert [(one.code, one.setting) for one in found] == [("not-adoptable", "cloudflare.namespace")]


def test_what_the_shared_tunnel_says_is_passed_on() -> None:
    by_hand = {"hostname": HOST, "service": "http://old", "path": "/x"}
    trial = TunnelRulesDiff((TUNNEL_GONE.found(),), adopted=(by_hand,), news=(RULE_PLACED.found(other=""),))
    refused, adopted, placed, *_ = findings(SHARED, trial=trial)
    assert (adopted.code, adopted.subject) == ("rule-adopted", f"{HOST} (path /x) → http://old")
    assert (refused.code, placed.code) == ("tunnel-gone", "rule-placed")


# Access


def test_another_application_guards_the_host() -> None:
    assert problems(SHARED | ACCESS, applications=(AccessApplication("1", "Family", (HOST,)),)) == [
        ("application-not-ours", "Family")
    ]


def test_an_application_is_managed_by_its_id_in_the_state() -> None:
    ours = AccessApplication("1", f"Immich ({STACK})", (HOST,))
    left = ("left-in-the-way", ours.name)
    assert problems(SHARED | ACCESS, applications=(ours,), known=in_state(APPLICATION_KIND, "1")) == []
    assert problems(SHARED | ACCESS, applications=(ours,), known=in_state(APPLICATION_KIND, "2")) == [left]
    assert problems(SHARED | ACCESS, applications=(ours,)) == [left]


APP, PEOPLE = f"Immich mobile app ({STACK})", f"Immich people ({STACK})"
OLD_HOST = AccessApplication("1", f"Immich ({STACK})", ("old.example.com",))


@pytest.mark.parametrize(
    ("more", "type_", "left"),
    [
        ({"policies": (AccessPolicy("1", APP),)}, POLICY, [("Access policy", APP)]),
        ({"policies": (AccessPolicy("1", PEOPLE), AccessPolicy("9", "Family"))}, POLICY, [("Access policy", PEOPLE)]),
        ({"service_tokens": (ServiceToken("1", APP, None),)}, TOKEN_KIND, [("Access service token", APP)]),
        ({"applications": (OLD_HOST,)}, APPLICATION_KIND, [("Access application", OLD_HOST.name)]),
    ],
    ids=["the app's policy", "people's policy", "service token", "application of another host"],
)
def test_what_a_kill_left_is_named_until_the_state_knows_it(
    more: Manifest, type_: str, left: list[tuple[str, str]]
) -> None:
    def named(**known: Any) -> list[tuple[object, str]]:
        found = findings(SHARED | ACCESS, **more, **known)
        return [(one.values["kind"], one.subject) for one in found if one.code == "left-behind"]

    assert named() == named(known=in_state(type_, "another")) == left
    assert named(known=in_state(type_, "1")) == []


def test_an_application_of_another_host_makes_none_ours() -> None:
    theirs = AccessApplication("2", "Family", (HOST,))
    assert len(problems(SHARED | ACCESS, applications=(theirs,), known=in_state(APPLICATION_KIND, "1"))) == 1


WIDER, ITS_PATH = "*.example.com", f"{HOST}/share/*"


@pytest.mark.parametrize(
    ("domains", "refused", "warned_without", "warned_with"),
    [
        ((HOST,), True, True, False),
        ((f"{HOST}/*",), True, True, False),
        (("example.com", HOST), True, True, False),
        ((WIDER,), False, True, False),
        (("im*.example.com",), False, True, False),
        ((ITS_PATH,), False, True, True),
        ((f"{WIDER}/api",), False, True, True),
        (("example.com",), False, False, False),
        (("*.immich.example.com", "mealie.example.com", "*.com", "*.*.example.com"), False, False, False),
    ],
)
def test_applications_before_the_host(
    domains: tuple[str, ...], *, refused: bool, warned_without: bool, warned_with: bool
) -> None:
    apps = (AccessApplication("1", "Family", domains),)

    def warned(cloudflare: Manifest) -> bool:
        return ("application-before", "Family") in warnings(cloudflare, applications=apps)

    assert bool(problems(SHARED | ACCESS, applications=apps)) is refused
    assert problems(SHARED, applications=apps) == []
    assert (warned(SHARED), warned(SHARED | ACCESS)) == (warned_without, warned_with)
    assert warned(ADDRESS | {"proxied": False}) is False


def test_of_applications_before_the_host_the_most_specific_is_asked() -> None:
    wider = AccessApplication("1", "Family", (WIDER,))
    for domain, asked in ((HOST, 0), ("i*.example.com", 0), (ITS_PATH, 1)):
        opened = AccessApplication("2", "Immich is open", (domain,), is_open=True)
        said = warnings(SHARED, applications=(wider, opened))
        assert said.count(("application-before", "Family")) == asked


def test_applications_that_may_not_be_read_are_reported_and_not_refused() -> None:
    assert ("applications-unreadable", "cloudflare.access") in told(findings(SHARED, applications=None), Severity.NEWS)
    assert problems(SHARED, applications=None) == []


@pytest.mark.parametrize(("days", "warned"), [(-1, True), (29, True), (31, False)])
def test_the_apps_token_ends(days: int, *, warned: bool) -> None:
    end = datetime.now(UTC) + timedelta(days=days)
    token = ServiceToken("1", "renamed", end)
    found = findings(SHARED | ACCESS, service_tokens=(token,), known=in_state(TOKEN_KIND, "1"))
    ends = [one.values["end"] for one in found if one.code == "service-token-ends"]
    assert ends == ([f"{end:%Y-%m-%d}"] if warned else [])


def test_only_tokens_of_this_stack_that_expire() -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    tokens = (ServiceToken("2", f"Immich mobile app ({STACK})", soon), ServiceToken("1", "", None))
    found = warnings(SHARED | ACCESS, service_tokens=tokens, known=in_state(TOKEN_KIND, "1"))
    assert [code for code, _ in found if "token" in code] == []


# Cloudflare's limits


BODY_SIZE = "nginx.ingress.kubernetes.io/proxy-body-size"


def body(size: str) -> dict[str, str]:
    return {BODY_SIZE: size}


def limits(cloudflare: Manifest, plan: str, route: Manifest, **more: Any) -> list[Finding]:
    way = route if "kind" in route else {"kind": "ingress"} | route
    return findings(cloudflare, route=way, zone=replace(ZONE, plan=plan), **more)


BY_INGRESS = SHARED | CONTROLLER
NOTHING: dict[str, str] = {}


@pytest.mark.parametrize(
    ("annotations", "plan"),
    [
        (NOTHING, "free"), (body("100m"), "free"), (body("104857600"), "free"), (body("102400K"), "pro"),
        (body("200m"), "business"), (body("500m"), "enterprise"), (body("lots"), "free"), (body("80b"), "free"),
    ],
)  # fmt: skip
def test_a_limit_within_cloudflares(annotations: dict[str, str], plan: str) -> None:
    assert limits(BY_INGRESS, plan, {"annotations": annotations}) == []
    assert limits(ADDRESS, plan, {"annotations": annotations}) == []


@pytest.mark.parametrize(
    ("cloudflare", "route", "plan", "limit", "said"),
    [
        (BY_INGRESS, {"annotations": body("0")}, "free", (100, "plan Free"), f"{BODY_SIZE} is 0, no limit"),
        (BY_INGRESS, {"annotations": body("0m")}, "free", (100, "plan Free"), f"{BODY_SIZE} is 0m, no limit"),
        (BY_INGRESS, {"annotations": body("101m")}, "pro", (100, "plan Pro"), f"{BODY_SIZE} is 101m"),
        (ADDRESS, {"annotations": body("50g")}, "free", (100, "plan Free"), f"{BODY_SIZE} is 50g"),
        (ADDRESS, {"annotations": body("201M")}, "business", (200, "plan Business"), f"{BODY_SIZE} is 201M"),
        (
            ADDRESS, {"annotations": body("524288001")}, "enterprise", (500, "plan Enterprise"),
            f"{BODY_SIZE} is 524288001",
        ),
        (ADDRESS, {"annotations": body("101m")}, "", (100, "plans Free and Pro"), f"{BODY_SIZE} is 101m"),
        (
            BY_INGRESS, {"className": "traefik"}, "free", (100, "plan Free"),
            "the ingress class traefik takes more",
        ),
        (SHARED, {"annotations": body("1m")}, "free", (100, "plan Free"), "Immich itself has no limit"),
        (OWN, {"kind": "none"}, "free", (100, "plan Free"), "Immich itself has no limit"),
    ],
)  # fmt: skip
def test_a_limit_above_cloudflares(
    cloudflare: Manifest, route: Manifest, plan: str, limit: tuple[int, str], said: str
) -> None:
    (finding,) = limits(cloudflare, plan, route)
    assert (finding.code, finding.severity) == ("uploads-limited", Severity.WARNING)
    assert (finding.values["limit"], finding.values["plan"], finding.values["reason"]) == (*limit, said)


def test_what_is_not_proxied_has_no_limit_of_cloudflares() -> None:
    unlimited = {"annotations": body("0")}
    assert limits(ADDRESS | {"proxied": False}, "free", unlimited) == []
    assert limits(SAME, "free", unlimited, siblings=(record(name=SIBLING_HOST, proxied=False),)) == []


def test_a_limit_that_nginx_cannot_read_is_its_default() -> None:
    assert limits(BY_INGRESS, "free", {"annotations": body("9" * 5000)}) == []


def test_nothing_is_reported_of_a_stack_that_is_not_on_cloudflare() -> None:
    settings = on({"kind": "none"}, route={"kind": "ingress", "annotations": body("0")})
    planned_without = plan(settings, Found(SERVERS), Ownership(STACK))
    assert list(cloudflare_rules.findings(settings, CloudflareSeen(None), planned_without)) == []


# reading the facts, through the SDK


def cluster_with(*services: Ref) -> FakeCluster:
    cluster = FakeCluster()
    for ref in services:
        cluster.objects[ref] = {**SERVICE, "metadata": {"name": ref.name, "namespace": ref.namespace}}
    return cluster


@pytest.fixture
def account() -> Api:
    return Api(found())


@pytest.fixture(autouse=True)
def empty_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "known", dict)
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN", raising=False)


def through(account: Api, token: str = TOKEN) -> CloudflareApi:
    return CloudflareApi(token, httpx.Client(transport=Transport(account)))


def read(account: Api, settings: Settings, cluster: ClusterApi | None = None, token: str = TOKEN) -> CloudflareSeen:
    owner = Ownership(STACK, adopting=settings.adopt_existing)
    there = at_cloudflare.read_cloudflare(through(account, token), cluster or FakeCluster(), settings, owner)
    assert there
    return there


IMMICH = Ref("v1", "Service", "immich-server", "immich")
COULTONF, MEALIE = "immich.coultonf.com", "mealie.coultonf.com"
ZONE_ID, ACCOUNT_ID = next(iter(found().zones)), found().account["id"]
ZONE_AS_FOUND = Zone(ZONE_ID, "coultonf.com", ACCOUNT_ID, "free", "active")


def test_everything_about_a_shared_tunnel(account: Api) -> None:
    service = Ref("v1", "Service", "controller", "ingress-nginx")
    there = read(account, on(SHARED | CONTROLLER, host=COULTONF), cluster_with(service))
    assert there.zone == ZONE_AS_FOUND
    assert [(tunnel.name, tunnel.config_src) for tunnel in there.tunnels] == [
        ("homelab", "cloudflare"),
        ("workshop", "local"),
    ]
    assert (there.records, there.siblings, there.applications, there.service_tokens) == ((), (), (), ())


def test_only_what_the_stack_needs_is_asked(account: Api) -> None:
    read(account, on(ADDRESS, host=COULTONF), cluster_with(IMMICH))
    assert set(account.log) == {
        ("GET", "/user/tokens/verify"),
        ("GET", "/zones"),
        ("GET", f"/zones/{ZONE_ID}/dns_records"),
        ("GET", f"/accounts/{ACCOUNT_ID}/access/apps"),
    }


@pytest.mark.parametrize("kind", [APPLICATION_KIND, POLICY, TOKEN_KIND])
def test_what_a_kill_left_is_looked_for_while_access_is_turned_off(account: Api, kind: str) -> None:
    settings = on(ADDRESS, host=COULTONF)
    at_cloudflare.read_cloudflare(through(account), FakeCluster(), settings, Ownership(STACK), in_state(kind, "1"))
    asked = {path.rpartition("/")[2] for _, path in account.log}
    assert asked >= {"policies", "service_tokens"}


OTHERS = "a" * 32


def found_in(account: Api, cloudflare: Manifest, host: str) -> list[str]:
    """The codes of what is missing, or else of all that is found of zone and certificate."""
    settings = on(cloudflare, host=host)
    there = read(account, settings)
    if missing := told(cloudflare_rules.missing(settings, there, replace(CLUSTER, origin=SERVICE))):
        return [code for code, _ in missing]
    codes = [code for code, _ in told(cloudflare_rules.findings(settings, there, planned(settings, there)))]
    return [code for code in codes if code.startswith(("zone", "certificate"))]


def given_ids(account: Api, host: str, *, unreadable: bool = False) -> list[str]:
    """What is found where the settings name a zone and an account."""
    if unreadable:
        account.faults += [Fault("forbidden", "GET", f"/zones/{ZONE_ID}")]
    return found_in(account, ADDRESS | {"zoneId": ZONE_ID, "accountId": ACCOUNT_ID}, host)


def test_a_given_zone_is_read_and_the_others_are_not_looked_up(account: Api) -> None:
    there = read(account, on(ADDRESS | {"zoneId": ZONE_ID, "accountId": ACCOUNT_ID}, host=COULTONF))
    assert there.zone == ZONE_AS_FOUND
    assert ("GET", "/zones") not in account.log


def test_a_given_zone_has_to_hold_the_host_and_to_be_the_accounts(account: Api) -> None:
    assert given_ids(account, COULTONF) == []
    assert given_ids(account, "immich.example.com") == ["zone-of-another-domain"]
    account.world.zones[ZONE_ID]["account"]["id"] = OTHERS
    assert given_ids(account, COULTONF) == ["zone-of-another-account"]


@pytest.mark.parametrize(
    ("host", "codes"),
    [
        (COULTONF, ["zone-unknown"]),  # its one record is mealie's: either name could be the zone's
        (f"a.{MEALIE}", []),
        ("immich.example.com", ["zone-of-another-domain"]),
        ("immich.coultonf.com.example.net", ["zone-of-another-domain"]),
    ],
)
def test_a_given_zone_that_may_not_be_read_is_known_by_its_records(account: Api, host: str, codes: list[str]) -> None:
    assert given_ids(account, host, unreadable=True) == codes


def test_a_given_zone_without_records_is_warned_of(account: Api) -> None:
    account.world.records[ZONE_ID].clear()
    assert given_ids(account, "immich.example.com", unreadable=True) == ["zone-unknown"]


def test_a_host_that_is_another_name_servers_can_have_no_record(account: Api) -> None:
    account.world.records[ZONE_ID]["1"] = {
        **next(iter(account.world.records[ZONE_ID].values())),
        "id": "1",
        "name": COULTONF,
        "type": "NS",
        "content": "ns.example.net",
        "proxied": False,
    }
    settings = on(ADDRESS, host=COULTONF, adoptExisting=True)
    there = read(account, settings)
    said = told(cloudflare_rules.findings(settings, there, planned(settings, there)), Severity.PROBLEM)
    assert said == [("record-in-the-way", f"NS {COULTONF} → ns.example.net")]


@pytest.mark.parametrize(("plan_of_zone", "length", "refused"), [("", 101, 1), ("free", 100, 0), ("pro", 101, 0)])
def test_a_comment_that_cloudflare_does_not_take(plan_of_zone: str, length: int, refused: int) -> None:
    settings, there = on(ADDRESS), seen(zone=replace(ZONE, plan=plan_of_zone))
    made = planned_by(settings, "s" * length, Observed(replace(CLUSTER, origin=SERVICE), there))
    codes = [code for code, _ in told(cloudflare_rules.findings(settings, there, made), Severity.PROBLEM)]
    assert codes.count("comment-too-long") == refused


def test_a_zone_is_found_in_either_spelling(account: Api) -> None:
    for name in ("bücher.de", "Straße.de"):
        zone_named(account, name)
    for name, in_it in (("bücher.de", "immich.xn--bcher-kva.de"), ("Straße.de", "xn--strae-oqa.de")):
        there = read(account, on(ADDRESS, host=in_it))
        assert there.zone
        assert there.zone.name == name


@pytest.mark.parametrize(
    ("more", "proxied", "codes"),
    [
        ({}, True, []),
        ({"status": "pending"}, True, ["zone-inactive"]),
        ({"status": "pending"}, False, ["zone-inactive"]),
        ({"status": "moved"}, True, ["zone-inactive"]),
        ({"paused": True}, True, ["zone-paused"]),
        ({"paused": True}, False, []),
    ],
)
def test_a_zone_that_leads_nowhere_is_refused(account: Api, more: Manifest, *, proxied: bool, codes: list[str]) -> None:
    account.world.zones[ZONE_ID].update(more)
    assert found_in(account, ADDRESS | {"proxied": proxied}, COULTONF) == codes


DEEP = "immich.home.coultonf.com"
CERTIFICATES_READ = "SSL and Certificates Read"


@pytest.mark.parametrize(
    ("permissions", "certificates", "proxied", "codes"),
    [
        ([], [], True, ["certificate-unknown"]),
        ([], [DEEP], True, ["certificate-unknown"]),
        ([], [], False, []),
        ([CERTIFICATES_READ], [], True, ["certificate-missing"]),
        ([CERTIFICATES_READ], ["*.other.coultonf.com"], True, ["certificate-missing"]),
        ([CERTIFICATES_READ], ["*.home.coultonf.com"], True, []),
        ([CERTIFICATES_READ], [DEEP], True, []),
    ],
)
def test_a_proxied_host_without_a_certificate_is_refused(
    account: Api, permissions: list[str], certificates: list[str], *, proxied: bool, codes: list[str]
) -> None:
    give_token(account.world, TOKEN, [*PERMISSIONS, *permissions])
    account.world.zones[ZONE_ID]["certificates"] = [{"id": "1", "status": "active", "hosts": certificates}]
    assert found_in(account, ADDRESS | {"proxied": proxied}, DEEP) == codes


def test_records_of_host_and_sibling(account: Api) -> None:
    there = read(account, on(SAME | {"sameAs": MEALIE}, host=COULTONF))
    (sibling,) = there.siblings
    assert str(sibling) == f"CNAME {MEALIE} → 7c0de5ad-0b0e-4b1e-9a5e-0d15ea5e0001.cfargotunnel.com"
    assert sibling.proxied
    assert there.records == ()
    assert read(account, on(ADDRESS, host=MEALIE)).records == (sibling,)


def test_what_guards_the_host(account: Api) -> None:
    settings = on(SHARED | ACCESS, host=COULTONF)
    assert read(account, settings).applications == ()
    api = through(account)
    for made, body in {
        "service_tokens": {"name": "phone"},
        "apps": {"name": "Family", "domain": COULTONF, "type": "self_hosted"},
    }.items():
        # Not by the SDK's resources, whose import takes seconds.
        api._client.post(f"/accounts/{ACCOUNT_ID}/access/{made}", cast_to=object, body=body)  # noqa: SLF001
    there = read(account, settings)
    assert [(one.name, one.domains) for one in there.applications or ()] == [("Family", (COULTONF,))]
    assert [token.name for token in there.service_tokens] == ["phone"]


def zone_named(account: Api, name: str) -> str:
    zone = deepcopy(account.world.zones[ZONE_ID]) | {"id": new_id(), "name": name, "created_on": now()}
    account.world.zones[zone["id"]] = zone
    account.world.records[zone["id"]] = {}
    return str(zone["id"])


@pytest.mark.parametrize("host", ["immich.notcoultonf.com", "coultonf.com.example.net"])
def test_no_zone(account: Api, host: str) -> None:
    settings = on(SHARED, host=host)
    there = read(account, settings)
    assert there == CloudflareSeen(None)
    assert planned(settings, there).public_access is None


def test_without_access_a_token_need_not_read_applications(account: Api) -> None:
    give_token(account.world, TOKEN, [one for one in PERMISSIONS if not one.startswith("Access")])
    assert read(account, on(SHARED, host=COULTONF)).applications is None


# the token


@pytest.mark.parametrize("status", ["expired", "disabled"])
def test_a_token_that_is_no_longer_in_force_is_refused_before_anything_is_read(account: Api, status: str) -> None:
    give_token(account.world, TOKEN, PERMISSIONS, status=status)
    with pytest.raises(CloudflareRefusedError, match=f"the Cloudflare API token is {status}"):
        read(account, on(SHARED, host=COULTONF))
    assert account.log == [("GET", "/user/tokens/verify")]


def with_token(settings: Settings, token: str = TOKEN) -> Settings:
    dumped = settings.model_dump(by_alias=True, exclude_unset=True)
    return Settings.model_validate(dumped | {"cloudflareToken": token})


def test_a_stack_that_is_not_on_cloudflare_needs_no_token(account: Api) -> None:
    settings = on({"kind": "none"})
    assert at_cloudflare.connect(settings) is None
    assert at_cloudflare.read_cloudflare(through(account), FakeCluster(), settings, Ownership(STACK)) is None
    assert account.log == []


# what a NetworkPolicy has to name


@pytest.mark.parametrize(
    ("cloudflare", "ports", "expected"),
    [
        (OWN | CONTROLLER, [{"port": 80, "targetPort": "http"}], Origin("ingress-nginx", {"app": "nginx"}, "http")),
        (OWN, [{"port": 3001, "targetPort": 2283}], Origin("immich", {"app": "nginx"}, 2283)),
        (OWN, [{"port": 3001}], Origin("immich", {"app": "nginx"}, 3001)),
        (
            OWN,
            [{"port": 3001, "targetPort": 2283}, {"port": 3001, "targetPort": 9, "protocol": "UDP"}],
            Origin("immich", {"app": "nginx"}, 2283),
        ),
    ],
    ids=["a named port", "immich's own", "the same port", "HTTP/3 beside it"],
)
def test_the_origin(cloudflare: Manifest, ports: list[Manifest], expected: Origin) -> None:
    service = {"spec": {"selector": {"app": "nginx"}, "ports": ports}}
    assert origin(on(cloudflare), replace(CLUSTER, origin=service)) == expected


@pytest.mark.parametrize("on_host", [False, True])
def test_pods_on_their_nodes_network_are_not_known_by_labels(*, on_host: bool) -> None:
    settings = on(OWN, host=COULTONF)
    service = origin_of(settings)
    assert service
    cluster = cluster_with(service)
    labels = SERVICE["spec"]["selector"]
    more = {"labels": {**labels, "more": "labels"}}
    pod = manifest("v1", "Pod", "pod", service.namespace, metadata=more, spec={"hostNetwork": on_host})
    cluster.objects[Ref.of(pod)] = pod
    cluster.objects |= {Ref.of(one): one for one in (deployment(), namespace())}
    found_origin = origin(settings, in_cluster.read_cluster(cluster, settings))
    assert found_origin
    assert found_origin.pods == ({} if on_host else labels)


def test_the_origin_without_a_selector() -> None:
    service: Manifest = {"spec": {"type": "ExternalName", "externalName": "immich.lan"}}
    assert origin(on(OWN), replace(CLUSTER, origin=service)) == Origin("immich", {}, 3001)
    assert origin(on(OWN), CLUSTER) is None


# what the state knows


class Engine(mocks.Mocks):
    """The engine's answers about the state; an exception is no answer."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = iter(answers), list[Any]()

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        raise AssertionError(args.name)

    def call(self, args: mocks.MockCallArgs) -> Any:
        self.asked.append((args.token, args.args))
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def known_to(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.undo()
    monkeypatch.setattr(time, "sleep", lambda _: None)
    pulumi.runtime.set_mocks(engine, "immich-icloud", "test", preview=False)
    return {resource.type: resource.urn for resource in state.known()}


STATE = {"outputs": {"urn:1": {"type": RECORD, "outputs": {"content": "x"}}, "urn:2": {"type": "a:b:C", "outputs": {}}}}
HALF_WRITTEN = RuntimeError("unexpected end of JSON input")


def test_the_state_knows_what_by_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(STATE)
    assert known_to(engine, monkeypatch) == {RECORD: "urn:1", "a:b:C": "urn:2"}
    assert engine.asked == [("pulumi:pulumi:readStackResourceOutputs", {"stackName": "test"})]


def test_a_state_that_is_being_written_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert known_to(Engine(HALF_WRITTEN, HALF_WRITTEN, STATE), monkeypatch) == {RECORD: "urn:1", "a:b:C": "urn:2"}


def test_a_state_that_stays_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pulumi.RunError, match=r"^the state of this stack can't be read: .*unexpected end of JSON"):
        known_to(Engine(*[HALF_WRITTEN] * 20), monkeypatch)


# the whole


@dataclass
class Shown:
    """What `pulumi up` shows."""

    warnings: list[str] = field(default_factory=list)
    news: list[str] = field(default_factory=list)


Check = Callable[[Settings], tuple[Plan, Shown]]


@pytest.fixture
def check(account: Api, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Preflight on an account, and on a cluster that has Immich and nothing of this stack."""
    monkeypatch.setattr(preflight, "ClusterApi", lambda _: cluster_with(IMMICH))
    monkeypatch.setattr(in_cluster, "read_cluster", lambda *_: replace(CLUSTER, origin=SERVICE))
    monkeypatch.setattr(dry_runs, "ask", lambda *_: Answers())
    monkeypatch.setattr(observe, "resolves", lambda _: False)
    monkeypatch.setattr(pulumi, "get_stack", lambda: "test")
    monkeypatch.setattr(at_cloudflare, "CloudflareApi", lambda token: through(account, token))

    def checked(settings: Settings) -> tuple[Plan, Shown]:
        shown = Shown()
        monkeypatch.setattr(pulumi.log, "warn", shown.warnings.append)
        monkeypatch.setattr(pulumi.log, "info", shown.news.append)
        return preflight.check(settings, STACK), shown

    return checked


def test_a_way_through_the_shared_tunnel(check: Check) -> None:
    planned, shown = check(with_token(on(SHARED, host=COULTONF)))
    assert planned.public_access
    assert planned.public_access.rules
    assert planned.public_access.rules.tunnel_id == "7c0de5ad-0b0e-4b1e-9a5e-0d15ea5e0001"
    assert planned.public_access.zone.id == ZONE_ID
    assert [warning for warning in shown.warnings if "413" in warning]
    assert shown.news[1:] == [
        f"the rule {COULTONF} → http://immich-server.immich.svc.cluster.local:3001 goes before *.coultonf.com → "
        "http://ingress-nginx-controller.ingress-nginx.svc.cluster.local:80"
    ]


def test_a_tunnel_of_our_own_knows_its_origin(check: Check) -> None:
    planned, _ = check(with_token(on(OWN, host=COULTONF)))
    assert planned.connector
    (_, _, to_origin) = planned.connector.network_policy["spec"]["egress"]
    assert to_origin["to"][0]["podSelector"] == {"matchLabels": {"app": "nginx"}}
    assert {managed.ref.kind for managed in planned.managed_objects() if not managed.adoptable} == {
        "Namespace", "Secret", "Deployment", "PodDisruptionBudget", "NetworkPolicy", "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }  # fmt: skip


def test_what_is_missing_in_the_cluster_and_at_cloudflare_is_told_at_once(check: Check) -> None:
    immich = {"service": {"port": 2283}}
    with pytest.raises(PreflightError) as refused:
        check(with_token(on(SHARED | {"tunnel": "attic"}, host=COULTONF, immich=immich)))
    assert told(refused.value.problems) == [
        ("port-missing", "immich.service.port"),
        ("tunnel-missing", "cloudflare.tunnel"),
    ]


def test_a_problem_at_cloudflare_stops_the_stack(check: Check) -> None:
    with pytest.raises(PreflightError) as refused:
        check(with_token(on(SHARED, host=MEALIE)))
    assert [one.code for one in refused.value.problems] == ["rule-not-ours", "record-not-ours"]


def test_a_token_that_cloudflare_does_not_know(check: Check) -> None:
    stranger = TOKEN.replace("nothing", "no-door")
    with pytest.raises(PreflightError) as refused:
        check(with_token(on(SHARED, host=COULTONF), stranger))
    (problem,) = refused.value.problems
    assert str(problem).startswith("Cloudflare does not know the API token: it is mistyped, expired or revoked.")
    assert stranger not in str(refused.value)


def test_no_token_at_all(check: Check) -> None:
    with pytest.raises(PreflightError, match=r"no API token of Cloudflare.*`pulumi config set --stack test"):
        check(on(SHARED, host=COULTONF))


def test_without_cloudflare_no_request_is_made(check: Check, account: Api) -> None:
    planned, shown = check(on({"kind": "none"}))
    assert planned.public_access is None
    assert shown.warnings == []
    (line,) = shown.news
    assert line.startswith("no library is created in Immich: immich-icloud:immichApiKey ")
    assert account.log == []
    assert planned.outputs.next_steps[-1].startswith("Make a DNS record of ")
