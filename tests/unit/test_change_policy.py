"""Each guard, on what the program really registers: what trips it, and what is let through."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.ingress_rules import Rule, shuts_out
from clients.kubernetes import Ref
from components.ownership import Ownership
from engine.change_policy import RULES, refusal, tripped
from engine.run import Step
from settings import Settings
from tests.accounts import household_with_pages
from tests.unit.recording import STACK, Recording, Registered, deployed
from tests.unit.test_cloudflare_components import ACCESS, HOST, OWN, SHARED, on, record
from tests.unit.test_external_library import IMMICH, showing
from tests.unit.test_sign_in_page import AT_CLOUDFLARE

INGRESS = Ref("networking.k8s.io/v1", "Ingress", "immich-ingress", "immich")
HTTP_ROUTE = Ref("gateway.networking.k8s.io/v1", "HTTPRoute", "immich", "immich")
VOLUME = Ref("v1", "PersistentVolume", "icloud-photos-shared")
ADOPTED = Ownership(STACK, adopted=frozenset({INGRESS, HTTP_ROUTE, VOLUME}))


def step(operation: str, resource: Registered, **more: Any) -> Step:
    retained = resource.retain_on_delete
    if operation == "delete" and retained:
        operation = "retain"
    before = deepcopy(dict(resource.inputs))
    after = {} if operation in {"delete", "retain"} else deepcopy(before)
    return Step(
        operation, resource.type, resource.name, **{"before": before, "after": after, **more}, retained=retained
    )


def changed(resource: Registered, *keys: str | int, to: Any) -> Step:
    """An update of one input."""
    made = step("update", resource)
    place: Any = made.after
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    return made


def gateway() -> Settings:
    route = {"kind": "gateway", "name": "immich", "gateway": "public", "gatewayNamespace": "gateways"}
    stated = showing({"name": "ann"}).model_dump(by_alias=True, exclude_unset=True)
    return Settings.model_validate({**stated, "route": route})


def at_admission() -> Settings:
    stated = showing({"name": "ann"}).model_dump(by_alias=True, exclude_unset=True)
    return Settings.model_validate({**stated, "immich": {**stated.get("immich", {}), "mount": "admission"}})


PHOTOS = deployed(showing({"name": "ann"}), IMMICH)
ADMITTED = deployed(at_admission(), IMMICH).one("MountAtAdmission")
TUNNELLED = on({**OWN, **ACCESS})
SHARES = on(SHARED)
(PAGE_APPLICATION,) = (
    one for one in deployed(household_with_pages(), AT_CLOUDFLARE).all("ZeroTrustAccessApplication")
    if one.inputs["domain"] == "sign-in.example.com"
)  # fmt: skip
TAKEN_OVER = deployed(showing({"name": "ann"}), IMMICH, ADOPTED)
THROUGH_A_GATEWAY = deployed(gateway(), IMMICH, ADOPTED)
OUR_GATEWAY = deployed(gateway(), IMMICH)
RECORD_TAKEN_OVER = on(SHARED, {"record": record()})  # by an older version, which keeps it
RECORD_ADOPTED = on(SHARED, {"record": record(), "adopt_record": True}).one("AdoptedRecord")


def claim(name: str) -> Registered:
    return PHOTOS.one("PersistentVolumeClaim", name)


def mount(stack: Recording = PHOTOS) -> Registered:
    return stack.fragment("Deployment", "immich-server")


def in_pod(*keys: str | int, to: Any) -> Step:
    return changed(mount(), "fragment", "spec", "template", "spec", *keys, to=to)


def with_rules_of_others(what: Step, *found: Rule) -> Step:
    return replace(what, found={"found": [json.dumps(rule) for rule in found or [{"hostname": HOST}]]})


def leading(*rules: Rule) -> Step:
    return changed(SHARES.one("TunnelRules"), "rules", to=rules)


VOLUME_OF_PHOTOS = PHOTOS.one("PersistentVolume")
COOKIES = claim("icloud-cookies-ann")
LIBRARY = PHOTOS.one("Library")
EXCLUDING = deployed(showing({"name": "ann"}, exclusionPatterns=["**/a/**"]), IMMICH).one("Library")
OUR_TUNNEL = TUNNELLED.one("ZeroTrustTunnelCloudflared")
GUARDED = TUNNELLED.one("ZeroTrustAccessApplication")
PEOPLE = next(policy for policy in TUNNELLED.all("ZeroTrustAccessPolicy") if policy.inputs["decision"] == "allow")
TOKEN = TUNNELLED.one("ZeroTrustAccessServiceToken")
RULES_ON_INGRESS = [{"host": "other.example.com"}]

# What is refused, and a word of the reason.
REFUSED = {
    "volume deleted": (step("delete", VOLUME_OF_PHOTOS), "policy is Retain"),
    "volume replaced": (step("replace", VOLUME_OF_PHOTOS), "policy is Retain"),
    "adopted volume forgotten": (step("delete", TAKEN_OVER.one("PersistentVolume")), "policy is Retain"),
    "claim deleted": (step("delete", claim("icloud-photos")), "no pod gets at them"),
    "claim replaced": (step("replace", claim("icloud-photos")), "no pod gets at them"),
    "session deleted": (step("delete", COOKIES), "signs in again"),
    "session replaced": (step("replace", COOKIES), "signs in again"),
    "namespace deleted": (step("delete", PHOTOS.one("Namespace")), "goes with it"),
    "namespace replaced": (step("replace", PHOTOS.one("Namespace")), "goes with it"),
    "connector's namespace deleted": (step("delete", TUNNELLED.one("Namespace", "cloudflared")), "goes with it"),
    "record of the directory deleted": (step("delete", PHOTOS.one("ConfigMap")), "directory was made"),
    "record of the directory replaced": (step("replace", PHOTOS.one("ConfigMap")), "directory was made"),
    "mount replaced": (step("replace", mount()), "no longer sees"),
    "mount at another path": (in_pod("containers", 0, "volumeMounts", 0, "mountPath", to="/photos"), "by its path"),
    "admitted mount at another path": (
        changed(
            ADMITTED,
            "fragments",
            0,
            "spec",
            "template",
            "spec",
            "containers",
            0,
            "volumeMounts",
            0,
            "mountPath",
            to="/photos",
        ),
        "by its path",
    ),
    "mount of another directory": (in_pod("volumes", 0, "hostPath", "path", to="/var/mnt/other"), "another directory"),
    "mount without its guard": (in_pod("initContainers", to=[]), "would start"),
    "library forgotten": (step("delete", LIBRARY), "Albums"),
    "library replaced": (step("replace", LIBRARY), "Albums"),
    "library excludes more": (changed(EXCLUDING, "exclusion_patterns", to=["**/a/**", "**/b/**"]), "exclusion pattern"),
    "library excludes something else": (changed(EXCLUDING, "exclusion_patterns", to=["**/b/**"]), "exclusion pattern"),
    "tunnel deleted": (step("delete", OUR_TUNNEL), "id and token"),
    "tunnel replaced": (step("replace", OUR_TUNNEL), "id and token"),
    "rules taken over deleted": (with_rules_of_others(step("delete", SHARES.one("TunnelRules"))), "are restored"),
    "rules taken over replaced": (with_rules_of_others(step("replace", SHARES.one("TunnelRules"))), "are restored"),
    "rules taken over of another host": (with_rules_of_others(leading({"hostname": "a.example.com"})), "are restored"),
    "rules taken over of one path": (
        with_rules_of_others(leading({"hostname": HOST, "path": "^/api"})),
        "are restored",
    ),
    "adopted record replaced": (step("replace", RECORD_TAKEN_OVER.one("DnsRecord")), "by hand"),
    "adopted record renamed": (changed(RECORD_TAKEN_OVER.one("DnsRecord"), "name", to="other.example.com"), "by hand"),
    "adopted record redirected": (changed(RECORD_TAKEN_OVER.one("DnsRecord"), "content", to="elsewhere"), "by hand"),
    "adopted record no longer proxied": (changed(RECORD_TAKEN_OVER.one("DnsRecord"), "proxied", to=False), "by hand"),
    "restored record deleted": (step("delete", RECORD_ADOPTED), "by hand"),
    "restored record redirected": (changed(RECORD_ADOPTED, "content", to="elsewhere"), "by hand"),
    "adopted ingress replaced": (step("replace", TAKEN_OVER.one("Ingress")), "by hand"),
    "adopted ingress of another host": (
        changed(TAKEN_OVER.one("Ingress"), "spec", "rules", to=RULES_ON_INGRESS),
        "by hand",
    ),
    "adopted ingress of another controller": (
        changed(TAKEN_OVER.one("Ingress"), "spec", "ingressClassName", to="other"),
        "by hand",
    ),
    "adopted HTTPRoute replaced": (step("replace", THROUGH_A_GATEWAY.one("HTTPRoute")), "by hand"),
    "adopted HTTPRoute of another host": (
        changed(THROUGH_A_GATEWAY.one("HTTPRoute"), "spec", "hostnames", to=["other.example.com"]),
        "by hand",
    ),
    "adopted HTTPRoute at another gateway": (
        changed(THROUGH_A_GATEWAY.one("HTTPRoute"), "spec", "parentRefs", 0, "name", to="other"),
        "by hand",
    ),
    "Access switched off": (step("delete", GUARDED), "login page"),
    "Access bypassed": (changed(PEOPLE, "decision", to="bypass"), "login page"),
    "Access for everyone": (changed(PEOPLE, "includes", to=[{"everyone": {}}]), "login page"),
    "app's token replaced": (step("replace", TOKEN), "phone"),
}

LET_THROUGH = {
    "volume grows": changed(VOLUME_OF_PHOTOS, "spec", "capacity", "storage", to="1Ti"),
    "volume is new": step("create", VOLUME_OF_PHOTOS),
    "claim grows": changed(claim("icloud-photos"), "spec", "resources", "requests", "storage", to="1Ti"),
    "session is new": step("create", COOKIES),
    "namespace gets a label": changed(PHOTOS.one("Namespace"), "metadata", "labels", "a", to="b"),
    "record of the directory is marked": changed(PHOTOS.one("ConfigMap"), "metadata", "annotations", "a", to="b"),
    "labels of a namespace given up": step("delete", PHOTOS.fragment("Namespace", "immich")),
    "mark of an adopted object given up": step("delete", TAKEN_OVER.fragment("Ingress", "immich-ingress")),
    "mount at admission given up": step("delete", ADMITTED),
    "mount given to the chart": step("delete", mount()),
    "mount was made writable by hand": in_pod("containers", 0, "volumeMounts", 0, "readOnly", to=False),
    "guard says something else": in_pod("initContainers", 0, "image", to="busybox:2"),
    "mount is put back": replace(step("update", mount()), before={"fragment": {"kind": "Deployment"}}),
    "library imports more": changed(LIBRARY, "import_paths", to=["/a", "/b"]),
    "library excludes less": changed(EXCLUDING, "exclusion_patterns", to=[]),
    "library is new": replace(step("create", EXCLUDING), before={}),
    "tunnel is renamed": changed(OUR_TUNNEL, "name", to="other"),
    "rules of our own deleted": replace(step("delete", SHARES.one("TunnelRules")), found={"found": []}),
    "rules of our own for another host": changed(SHARES.one("TunnelRules"), "rules", 0, "hostname", to="a.example.com"),
    "rules taken over, to another service": with_rules_of_others(
        leading({"hostname": HOST, "service": "http://other"})
    ),
    "our record renamed": changed(SHARES.one("DnsRecord"), "name", to="other.example.com"),
    "our record replaced": step("replace", SHARES.one("DnsRecord")),
    "adopted record kept": step("delete", RECORD_TAKEN_OVER.one("DnsRecord")),
    "adopted record's comment": changed(RECORD_TAKEN_OVER.one("DnsRecord"), "comment", to="other"),
    "restored record is adopted": step("create", RECORD_ADOPTED),
    "page to sign in is given up": step("delete", PAGE_APPLICATION),
    "our ingress of another host": changed(PHOTOS.one("Ingress"), "spec", "rules", to=RULES_ON_INGRESS),
    "our record no longer proxied": changed(SHARES.one("DnsRecord"), "proxied", to=False),
    "our ingress of another controller": changed(PHOTOS.one("Ingress"), "spec", "ingressClassName", to="other"),
    "our ingress replaced": step("replace", PHOTOS.one("Ingress")),
    "adopted ingress's annotations": changed(TAKEN_OVER.one("Ingress"), "metadata", "annotations", "a", to="b"),
    "our HTTPRoute replaced": step("replace", OUR_GATEWAY.one("HTTPRoute")),
    "our HTTPRoute of another host": changed(OUR_GATEWAY.one("HTTPRoute"), "spec", "hostnames", to=["a.example.com"]),
    "our HTTPRoute at another gateway": changed(OUR_GATEWAY.one("HTTPRoute"), "spec", "parentRefs", 0, "name", to="b"),
    "adopted HTTPRoute kept": step("delete", THROUGH_A_GATEWAY.one("HTTPRoute")),
    "Access replaced": step("replace", GUARDED),
    "Access for somebody else": changed(PEOPLE, "includes", to=[{"email": {"email": "cleo@example.com"}}]),
    "Access for nobody": step("delete", PEOPLE),
    "app's token deleted": step("delete", TOKEN),
    "credentials deleted": step("delete", PHOTOS.one("Secret")),
}


# An adopted record beside one for another host: it stays, and leads to nothing any more.
OTHER_HOST = [step(op, RECORD_TAKEN_OVER.one("DnsRecord")) for op in ("create", "delete")]


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    what, word = REFUSED[case]
    (finding,) = tripped([what])
    assert word in finding.rule.reason
    assert finding.step == what


@pytest.mark.parametrize("case", LET_THROUGH)
def test_let_through(case: str) -> None:
    assert tripped([LET_THROUGH[case]]) == []


def test_another_host_than_that_of_an_adopted_record() -> None:
    (finding,) = tripped(OTHER_HOST)
    assert finding.step == OTHER_HOST[1]


def test_each_rule_has_a_case_that_trips_it_and_one_that_does_not() -> None:
    refused = [*([what] for what, _ in REFUSED.values()), OTHER_HOST]
    assert {finding.rule for steps in refused for finding in tripped(steps)} == set(RULES)
    assert {rule.type for rule in RULES} <= {what.type for what in LET_THROUGH.values()}


RULES_OF_A_TUNNEL = st.lists(
    st.fixed_dictionaries(
        {"hostname": st.sampled_from([HOST, "a.example.com"])}, optional={"path": st.sampled_from("ab")}
    ),
    min_size=1,
)


@given(RULES_OF_A_TUNNEL, RULES_OF_A_TUNNEL)
def test_rules_are_read_as_the_provider_wrote_them(ours: list[Rule], found: list[Rule]) -> None:
    shut_out = [any(shuts_out(rule, other) for rule in ours) for other in found]
    assert bool(tripped([with_rules_of_others(leading(*ours), *found)])) == (not all(shut_out))


def test_what_is_as_it_was_trips_nothing() -> None:
    for stack in (PHOTOS, TUNNELLED, SHARES, TAKEN_OVER, THROUGH_A_GATEWAY, RECORD_TAKEN_OVER):
        every = [step("same", resource) for resource in stack.resources]
        every += [step("update", resource) for resource in stack.resources]
        assert tripped(every) == []


def test_the_refusal_says_what_why_and_how_it_is_allowed() -> None:
    words = refusal(tripped([step("replace", OUR_TUNNEL)]), "make up STACK=homelab")
    assert words.splitlines() == [
        "Refused: this change could lose data or cut off access. Nothing was changed:",
        "  - ZeroTrustTunnelCloudflared tunnel-tunnel would be replaced. A tunnel's id and token go with it: "
        "every host that leads through it is unreachable, others' too.",
        "If that is meant: make up STACK=homelab ARGS=--allow-data-loss, or the label allow-data-loss on the pull "
        "request.",
    ]
