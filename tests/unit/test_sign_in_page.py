"""A page to sign in from a phone: what leads there, who is let in, and what waits, on Pulumi's mocks."""

from dataclasses import replace
from typing import Any

import pytest

from clients.cloudflare import AccessApplication, Record, Zone
from clients.kubernetes import Manifest
from components import pod_security
from components.connector import Origin
from components.names import names
from components.ownership import Ownership
from components.photo_stack import NAME
from components.plan import Found, plan
from components.public_access import FoundAtCloudflare
from observe import Observed
from observe.cloudflare import CloudflareSeen, HostSeen
from observe.cluster import ClusterSeen
from observe.planned import planned
from observe.state import Known
from preflight import cloudflare_rules
from settings import Settings
from tests.accounts import household, household_with_pages
from tests.objects import SERVERS, STACK, deployment, namespace, service
from tests.unit.recording import Recording, deployed
from text.finding import Severity
from text.resource_types import APPLICATION, RECORD

ZONE = Zone("zone-id", "example.com", "account-id", "free")
AT_CLOUDFLARE = Found(SERVERS, cloudflare=FoundAtCloudflare(ZONE), origin=Origin("immich", {"app": "immich"}, 2283))
HOST, BENS = "sign-in.example.com", "ben.example.com"
TWO = household_with_pages(
    {"name": "anna", "signIn": {"host": HOST}}, {"name": "ben", "signIn": {"host": BENS}}, {"name": "carl"}
)
POLICY = "ZeroTrustAccessPolicy"


@pytest.fixture(scope="module")
def stack() -> Recording:
    return deployed(TWO, AT_CLOUDFLARE)


def test_a_second_stack_of_all_resources_fits_into_the_program() -> None:
    settings = Settings.model_validate({**_plain(PAGED), "monitoring": {}, "immichApiKey": "x" * 20})
    both = deployed(settings, AT_CLOUDFLARE, names=(NAME, "other")).resources
    assert len(both) == len({(resource.type, resource.name) for resource in both})


def template(stack: Recording, account: str) -> Manifest:
    found = stack.one("CronJob", f"icloud-sync-{account}").inputs["spec"]["jobTemplate"]["spec"]["template"]
    return dict(found)


def ports(container: Manifest) -> list[int]:
    return [int(port["containerPort"]) for port in container.get("ports", [])]


def test_before_the_fetch_comes_who_asks_then_who_tells_then_the_page(stack: Recording) -> None:
    pod = template(stack, "anna")["spec"]
    asks, tells, page, fetch = pod["initContainers"]
    assert ports(page) == [8080]
    assert [ports(one) for one in (asks, tells, fetch, *pod["containers"])] == [[], [], [], []]
    assert [("webui" in one["command"], "console" in one["command"]) for one in (asks, page, fetch)] == [
        (False, True), (True, True), (False, True),
    ]  # fmt: skip
    assert pod_security.needed(pod) == "restricted"
    mounted = {one["name"]: {mount["name"] for mount in one["volumeMounts"]} for one in (asks, tells, page)}
    assert not any("photos" in volumes for volumes in mounted.values())
    assert mounted["send-link"] == {"verdict", "tmp"}, "neither session nor password"


def test_an_account_without_a_page_is_fetched_as_ever(stack: Recording) -> None:
    without = deployed(TWO.model_copy(update={"photo_sync": _without_pages(TWO)}), AT_CLOUDFLARE)
    assert template(stack, "carl") == template(without, "carl")
    assert not any("sign-in" in one.name for one in without.resources)
    assert [one.name for one in without.all("Service")] == []


def _without_pages(settings: Settings) -> Any:
    accounts = tuple(one.model_copy(update={"sign_in": None}) for one in settings.photo_sync.accounts)
    return settings.photo_sync.model_copy(update={"accounts": accounts, "sign_in": None})


@pytest.mark.parametrize(("account", "host"), [("anna", HOST), ("ben", BENS)])
def test_each_page_has_a_way_of_its_own(stack: Recording, account: str, host: str) -> None:
    leads = stack.one("Service", f"icloud-sign-in-{account}").inputs
    assert leads["spec"]["selector"].items() <= template(stack, account)["metadata"]["labels"].items()
    assert stack.one("Service", f"icloud-sign-in-{account}").type == "kubernetes:core/v1:Service"
    assert leads["spec"]["publishNotReadyAddresses"] is True, "the pod is not ready while the page waits"
    assert leads["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"
    (port,) = leads["spec"]["ports"]
    rules = stack.one("ZeroTrustTunnelCloudflaredConfig").inputs["config"]["ingresses"]
    assert [one.get("hostname") for one in rules] == ["immich.example.com", HOST, BENS, None]
    (rule,) = (one for one in rules if one.get("hostname") == host)
    assert rule["service"] == f"http://icloud-sign-in-{account}.photo-sync.svc.cluster.local:{int(port['port'])}"
    (record,) = (one.inputs for one in stack.all("DnsRecord") if one.inputs["name"] == host)
    assert (record["type"], record["content"], record["proxied"]) == (
        "CNAME", "tunnel-tunnel-id.cfargotunnel.com", True,
    )  # fmt: skip


def test_only_people_are_let_in_and_before_anything_leads_there(stack: Recording) -> None:
    people = [one for one in stack.all(POLICY) if one.inputs["decision"] == "allow"]
    configuration = stack.one("ZeroTrustTunnelCloudflaredConfig")
    for host in (HOST, BENS):
        (application,) = (one for one in stack.all("ZeroTrustAccessApplication") if one.inputs["domain"] == host)
        assert [one["id"] for one in application.inputs["policies"]] == [f"{one.name}-id" for one in people]
        (record,) = (one for one in stack.all("DnsRecord") if one.inputs["name"] == host)
        assert application.inputs["sameSiteCookieAttribute"] == "lax", "no other site types a code"
        assert stack.comes_after(record, application)
        assert stack.comes_after(configuration, record)


def test_only_the_connector_reaches_the_page(stack: Recording) -> None:
    spec = stack.one("NetworkPolicy", "icloud-sign-in").inputs["spec"]
    (rule,) = spec["ingress"]
    (peer,) = rule["from"]
    connector = stack.one("Deployment").inputs["spec"]["template"]["metadata"]["labels"]
    assert peer["podSelector"]["matchLabels"].items() <= connector.items()
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "cloudflared"}
    assert (spec["policyTypes"], rule["ports"]) == (["Ingress"], [{"protocol": "TCP", "port": 8080}])
    (needed,) = spec["podSelector"]["matchExpressions"]
    assert needed["operator"] == "Exists"
    assert [needed["key"] in template(stack, account)["metadata"]["labels"] for account in ("anna", "ben", "carl")] == [
        True, True, False,
    ]  # fmt: skip
    *_, out = stack.one("NetworkPolicy", "cloudflared").inputs["spec"]["egress"]
    assert out["ports"] == rule["ports"]
    (to,) = out["to"]
    assert to["podSelector"] == spec["podSelector"]


def test_its_objects_are_known_by_the_settings() -> None:
    managed = {one.ref for one in plan(TWO, AT_CLOUDFLARE, Ownership(STACK)).managed_objects()}
    assert {ref for ref in names(TWO) if "sign-in" in ref.name} == {ref for ref in managed if "sign-in" in ref.name}
    assert sum("sign-in" in ref.name for ref in managed) == 3


# preflight


CLUSTER = ClusterSeen(namespace(), (deployment(),), (service(3001),), None, None, nodes=("talos-1",))
PAGED = household_with_pages()
KEY = "photoSync.signIn.host"


def record(comment: str = "", name: str = HOST) -> Record:
    return Record("9", "CNAME", name, "elsewhere.example.net", proxied=True, comment=comment)


def told(there: HostSeen, settings: Settings = PAGED, **more: Any) -> list[tuple[str, str]]:
    seen = replace(CloudflareSeen(ZONE, pages={HOST: there}), **more)
    made = planned(settings, STACK, Observed(CLUSTER, seen))
    found = cloudflare_rules.findings(settings, seen, made)
    return [(one.code, one.setting) for one in found if one.severity is not Severity.NEWS]


@pytest.mark.parametrize(
    ("there", "more", "codes"),
    [
        (HostSeen(), {}, []),
        (HostSeen((record(),)), {}, [("record-not-ours", KEY)]),
        (HostSeen((record(STACK),)), {}, []),  # an interrupted `up` left it: it is imported
        (HostSeen((record(),)), {"known": (Known(RECORD, "urn::sign-in-record", {"id": "9", "name": HOST}),)}, []),
        (HostSeen(delegations=(record(),)), {}, [("record-in-the-way", KEY)]),
        (HostSeen(), {"applications": (AccessApplication("1", "Family", (HOST,)),)}, [("page-not-guarded", KEY)]),
        (
            HostSeen(),
            {"applications": (AccessApplication("1", "Family", (f"{HOST}/code",), is_open=True),)},
            [("page-not-guarded", KEY)],
        ),
        (HostSeen(), {"applications": (AccessApplication("1", "Family", (f"*.{ZONE.name}",)),)}, []),
        (
            HostSeen(),
            {"applications": (AccessApplication("1", f"iCloud sign-in of anna ({STACK})", (HOST,)),)},
            [("left-in-the-way", "cloudflare.access")],
        ),
        (
            HostSeen(),
            {
                "applications": (AccessApplication("1", f"iCloud sign-in of anna ({STACK})", (HOST,)),),
                "known": (Known(APPLICATION, "urn::access-sign-in-anna", {"id": "1"}),),
            },
            [],
        ),
        (HostSeen(), {"zone": replace(ZONE, name="example.net")}, [("page-outside-zone", KEY)]),
        (HostSeen(certified=()), {"zone": replace(ZONE, name="com")}, [("certificate-missing", KEY)]),
        (HostSeen(certified=None), {"zone": replace(ZONE, name="com")}, [("certificate-unknown", KEY)]),
    ],
)
def test_what_preflight_finds_at_its_host(there: HostSeen, more: Manifest, codes: list[tuple[str, str]]) -> None:
    # What the stack's own host makes of the zone is in test_preflight_cloudflare.
    found = [
        one for one in told(there, **more) if one not in {("certificate-missing", "host"), ("uploads-limited", "")}
    ]
    assert found == codes


def test_a_record_made_by_hand_is_adopted_and_restored() -> None:
    adopting = Settings.model_validate({**_plain(PAGED), "adoptExisting": True})
    assert ("record-adopted-and-changed", "") in told(HostSeen((record(),)), adopting)
    assert ("record-not-ours", KEY) not in told(HostSeen((record(),)), adopting)


def _plain(settings: Settings) -> dict[str, Any]:
    stated = settings.model_dump(by_alias=True, exclude_unset=True)
    stated["icloudCredentials"] = {"anna": {"appleId": "anna@example.com", "password": "x"}}
    return {**stated, "notifications": {"urls": ["json://127.0.0.1/hush5"]}}


def test_its_record_is_none_that_the_stacks_host_had_before() -> None:
    known = (
        Known(RECORD, "urn::cloudflare-record", {"id": "1", "name": "immich.example.com"}),
        Known(RECORD, f"urn::sign-in-record-of-{HOST}", {"id": "9", "name": HOST}),
    )
    seen = CloudflareSeen(ZONE, pages={HOST: HostSeen((record(STACK),))}, known=known)
    public_access = planned(PAGED, STACK, Observed(CLUSTER, seen)).public_access
    assert public_access
    assert public_access.hosts_before == ()
    (page,) = public_access.pages
    assert (page.record.import_id, page.record.resource) == (None, f"sign-in-record-of-{HOST}")


def test_a_stack_without_a_page_asks_for_no_other_host() -> None:
    assert household().photo_sync.pages == {}
    assert not any("sign-in" in ref.name for ref in names(household()))
