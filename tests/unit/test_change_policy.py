"""Each guard, on what the program really registers: what trips it, and what is let through."""

import json
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

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


@cache
def photos() -> Recording:
    return deployed(showing({"name": "ann"}), IMMICH)


@cache
def adopted() -> Recording:
    return deployed(showing({"name": "ann"}), IMMICH, ADOPTED)


@cache
def admitted() -> Registered:
    return deployed(at_admission(), IMMICH).one("MountAtAdmission")


@cache
def excluding() -> Registered:
    return deployed(showing({"name": "ann"}, exclusionPatterns=["**/a/**"]), IMMICH).one("Library")


@cache
def through_a_gateway() -> Recording:
    return deployed(gateway(), IMMICH, ADOPTED)


@cache
def tunnelled() -> Recording:
    return on({**OWN, **ACCESS})


@cache
def shares() -> Recording:
    return on(SHARED)


@cache
def record_taken_over() -> Recording:
    """By an older version, which keeps it."""
    return on(SHARED, {"record": record()})


@cache
def record_adopted() -> Registered:
    return on(SHARED, {"record": record(), "adopt_record": True}).one("AdoptedRecord")


def page_application() -> Registered:
    stack = deployed(household_with_pages(), AT_CLOUDFLARE)
    of = {one.inputs["domain"]: one for one in stack.all("ZeroTrustAccessApplication")}
    return of["sign-in.example.com"]


def claim(name: str) -> Registered:
    return photos().one("PersistentVolumeClaim", name)


def mount() -> Registered:
    return photos().fragment("Deployment", "immich-server")


POD = ("spec", "template", "spec")
PATH = ("containers", 0, "volumeMounts", 0, "mountPath")


def in_pod(*keys: str | int, to: Any) -> Step:
    return changed(mount(), "fragment", *POD, *keys, to=to)


def with_rules_of_others(what: Step, *found: Rule) -> Step:
    return replace(what, found={"found": [json.dumps(rule) for rule in found or [{"hostname": HOST}]]})


def leading(*rules: Rule) -> Step:
    return changed(shares().one("TunnelRules"), "rules", to=rules)


RULES_ON_INGRESS = [{"host": "other.example.com"}]


def allowing(stack: Recording) -> Registered:
    return next(policy for policy in stack.all("ZeroTrustAccessPolicy") if policy.inputs["decision"] == "allow")


@cache
def refused() -> dict[str, tuple[Step, str]]:
    """What is refused, and a word of the reason."""
    volume, library, cookies = photos().one("PersistentVolume"), photos().one("Library"), claim("icloud-cookies-ann")
    our_tunnel, token = tunnelled().one("ZeroTrustTunnelCloudflared"), tunnelled().one("ZeroTrustAccessServiceToken")
    guarded, people = tunnelled().one("ZeroTrustAccessApplication"), allowing(tunnelled())
    rules, record = shares().one("TunnelRules"), record_taken_over().one("DnsRecord")
    ingress, route = adopted().one("Ingress"), through_a_gateway().one("HTTPRoute")
    elsewhere = ["other.example.com"]
    return {
        "volume deleted": (step("delete", volume), "policy is Retain"),
        "volume replaced": (step("replace", volume), "policy is Retain"),
        "adopted volume forgotten": (step("delete", adopted().one("PersistentVolume")), "policy is Retain"),
        "claim deleted": (step("delete", claim("icloud-photos")), "no pod gets at them"),
        "claim replaced": (step("replace", claim("icloud-photos")), "no pod gets at them"),
        "session deleted": (step("delete", cookies), "signs in again"),
        "session replaced": (step("replace", cookies), "signs in again"),
        "namespace deleted": (step("delete", photos().one("Namespace")), "goes with it"),
        "namespace replaced": (step("replace", photos().one("Namespace")), "goes with it"),
        "connector's namespace deleted": (step("delete", tunnelled().one("Namespace", "cloudflared")), "goes with it"),
        "record of the directory deleted": (step("delete", photos().one("ConfigMap")), "directory was made"),
        "record of the directory replaced": (step("replace", photos().one("ConfigMap")), "directory was made"),
        "mount replaced": (step("replace", mount()), "no longer sees"),
        "mount at another path": (in_pod(*PATH, to="/photos"), "by its path"),
        "admitted mount at another path": (changed(admitted(), "fragments", 0, *POD, *PATH, to="/p"), "by its path"),
        "mount of another directory": (in_pod("volumes", 0, "hostPath", "path", to="/mnt/other"), "another directory"),
        "mount without its guard": (in_pod("initContainers", to=[]), "would start"),
        "library forgotten": (step("delete", library), "Albums"),
        "library replaced": (step("replace", library), "Albums"),
        "library excludes more": (changed(excluding(), "exclusion_patterns", to=["**/a/**", "b"]), "exclusion pattern"),
        "library excludes another": (changed(excluding(), "exclusion_patterns", to=["b"]), "exclusion pattern"),
        "tunnel deleted": (step("delete", our_tunnel), "id and token"),
        "tunnel replaced": (step("replace", our_tunnel), "id and token"),
        "rules taken over deleted": (with_rules_of_others(step("delete", rules)), "are restored"),
        "rules taken over replaced": (with_rules_of_others(step("replace", rules)), "are restored"),
        "rules taken over of another host": (with_rules_of_others(leading({"hostname": "a.com"})), "are restored"),
        "rules taken over of one path": (
            with_rules_of_others(leading({"hostname": HOST, "path": "a"})),
            "are restored",
        ),
        "adopted record replaced": (step("replace", record), "by hand"),
        "adopted record renamed": (changed(record, "name", to="other.example.com"), "by hand"),
        "adopted record redirected": (changed(record, "content", to="elsewhere"), "by hand"),
        "adopted record no longer proxied": (changed(record, "proxied", to=False), "by hand"),
        "restored record deleted": (step("delete", record_adopted()), "by hand"),
        "restored record redirected": (changed(record_adopted(), "content", to="elsewhere"), "by hand"),
        "adopted ingress replaced": (step("replace", ingress), "by hand"),
        "adopted ingress of another host": (changed(ingress, "spec", "rules", to=RULES_ON_INGRESS), "by hand"),
        "adopted ingress of another controller": (changed(ingress, "spec", "ingressClassName", to="x"), "by hand"),
        "adopted HTTPRoute replaced": (step("replace", route), "by hand"),
        "adopted HTTPRoute of another host": (changed(route, "spec", "hostnames", to=elsewhere), "by hand"),
        "adopted HTTPRoute at another gateway": (changed(route, "spec", "parentRefs", 0, "name", to="x"), "by hand"),
        "Access switched off": (step("delete", guarded), "login page"),
        "Access bypassed": (changed(people, "decision", to="bypass"), "login page"),
        "Access for everyone": (changed(people, "includes", to=[{"everyone": {}}]), "login page"),
        "app's token replaced": (step("replace", token), "phone"),
    }


@cache
def let_through() -> dict[str, Step]:
    """What trips no rule."""
    volume, library, cookies = photos().one("PersistentVolume"), photos().one("Library"), claim("icloud-cookies-ann")
    our_tunnel, token = tunnelled().one("ZeroTrustTunnelCloudflared"), tunnelled().one("ZeroTrustAccessServiceToken")
    guarded, people = tunnelled().one("ZeroTrustAccessApplication"), allowing(tunnelled())
    ours, rules = deployed(gateway(), IMMICH), shares().one("TunnelRules")
    return {
        "volume grows": changed(volume, "spec", "capacity", "storage", to="1Ti"),
        "volume is new": step("create", volume),
        "claim grows": changed(claim("icloud-photos"), "spec", "resources", "requests", "storage", to="1Ti"),
        "session is new": step("create", cookies),
        "namespace gets a label": changed(photos().one("Namespace"), "metadata", "labels", "a", to="b"),
        "record of the directory is marked": changed(photos().one("ConfigMap"), "metadata", "annotations", "a", to="b"),
        "labels of a namespace given up": step("delete", photos().fragment("Namespace", "immich")),
        "mark of an adopted object given up": step("delete", adopted().fragment("Ingress", "immich-ingress")),
        "mount at admission given up": step("delete", admitted()),
        "mount given to the chart": step("delete", mount()),
        "mount was made writable by hand": in_pod("containers", 0, "volumeMounts", 0, "readOnly", to=False),
        "guard says something else": in_pod("initContainers", 0, "image", to="busybox:2"),
        "mount is put back": replace(step("update", mount()), before={"fragment": {"kind": "Deployment"}}),
        "library imports more": changed(library, "import_paths", to=["/a", "/b"]),
        "library excludes less": changed(excluding(), "exclusion_patterns", to=[]),
        "library is new": replace(step("create", excluding()), before={}),
        "tunnel is renamed": changed(our_tunnel, "name", to="other"),
        "rules of our own deleted": replace(step("delete", rules), found={"found": []}),
        "rules of our own for another host": changed(rules, "rules", 0, "hostname", to="a.example.com"),
        "rules taken over, to another service": with_rules_of_others(
            leading({"hostname": HOST, "service": "http://o"})
        ),
        "our record renamed": changed(shares().one("DnsRecord"), "name", to="other.example.com"),
        "our record replaced": step("replace", shares().one("DnsRecord")),
        "adopted record kept": step("delete", record_taken_over().one("DnsRecord")),
        "adopted record's comment": changed(record_taken_over().one("DnsRecord"), "comment", to="other"),
        "restored record is adopted": step("create", record_adopted()),
        "page to sign in is given up": step("delete", page_application()),
        "our ingress of another host": changed(photos().one("Ingress"), "spec", "rules", to=RULES_ON_INGRESS),
        "our record no longer proxied": changed(shares().one("DnsRecord"), "proxied", to=False),
        "our ingress of another controller": changed(photos().one("Ingress"), "spec", "ingressClassName", to="other"),
        "our ingress replaced": step("replace", photos().one("Ingress")),
        "adopted ingress's annotations": changed(adopted().one("Ingress"), "metadata", "annotations", "a", to="b"),
        "our HTTPRoute replaced": step("replace", ours.one("HTTPRoute")),
        "our HTTPRoute of another host": changed(ours.one("HTTPRoute"), "spec", "hostnames", to=["a.example.com"]),
        "our HTTPRoute at another gateway": changed(ours.one("HTTPRoute"), "spec", "parentRefs", 0, "name", to="b"),
        "adopted HTTPRoute kept": step("delete", through_a_gateway().one("HTTPRoute")),
        "Access replaced": step("replace", guarded),
        "Access for somebody else": changed(people, "includes", to=[{"email": {"email": "cleo@example.com"}}]),
        "Access for nobody": step("delete", people),
        "app's token deleted": step("delete", token),
        "credentials deleted": step("delete", photos().one("Secret")),
    }


def another_host() -> list[Step]:
    """An adopted record beside one for another host: it stays, and leads to nothing any more."""
    return [step(operation, record_taken_over().one("DnsRecord")) for operation in ("create", "delete")]


def test_each_is_refused_for_its_reason() -> None:
    for case, (what, word) in refused().items():
        (finding,) = tripped([what])
        assert word in finding.rule.reason, case
        assert finding.step == what, case


def test_each_of_the_rest_is_let_through() -> None:
    assert [case for case, what in let_through().items() if tripped([what])] == []


def test_another_host_than_that_of_an_adopted_record() -> None:
    steps = another_host()
    (finding,) = tripped(steps)
    assert finding.step == steps[1]


def test_each_rule_has_a_case_that_trips_it_and_one_that_does_not() -> None:
    tripping = [*([what] for what, _ in refused().values()), another_host()]
    assert {finding.rule for steps in tripping for finding in tripped(steps)} == set(RULES)
    assert {rule.type for rule in RULES} <= {what.type for what in let_through().values()}


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
    for stack in (photos(), tunnelled(), shares(), adopted(), through_a_gateway(), record_taken_over()):
        every = [step("same", resource) for resource in stack.resources]
        every += [step("update", resource) for resource in stack.resources]
        assert tripped(every) == []


def test_the_refusal_says_what_why_and_how_it_is_allowed() -> None:
    words = refusal(tripped([step("replace", tunnelled().one("ZeroTrustTunnelCloudflared"))]), "make up STACK=homelab")
    assert words.splitlines() == [
        "Refused: this change could lose data or cut off access. Nothing was changed:",
        "  - ZeroTrustTunnelCloudflared tunnel-tunnel would be replaced. A tunnel's id and token go with it: "
        "every host that leads through it is unreachable, others' too.",
        "If that is meant: make up STACK=homelab ARGS=--allow-data-loss, or the label allow-data-loss on the pull "
        "request.",
    ]
