"""What the program states at Cloudflare, and in the cluster for Cloudflare's sake, on Pulumi's mocks."""

import contextvars
import hashlib
import json
import runpy
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from clients.cloudflare import Record, Tunnel, Zone
from components.connector import Origin
from components.ownership import Ownership
from components.plan import Found
from components.public_access import FoundAtCloudflare
from settings import SettingsError
from tests.objects import SERVERS
from tests.unit.configured import configured
from tests.unit.recording import STACK, TUNNEL_TOKEN, Recording, deployed, registered

ROOT = Path(__file__).parents[2]
HOST = "immich.example.com"
ZONE = Zone("zone-id", "example.com", "account-id", "free")
TUNNEL = Tunnel("7c0de5ad", "homelab", config_src="cloudflare", deleted=False)
ORIGIN = Origin("immich", {"app": "immich-server"}, "http")
IMMICHS_URL = "http://immich-server.immich.svc.cluster.local:3001"

SHARED: dict[str, Any] = {"kind": "sharedTunnel", "tunnel": "homelab"}
OWN: dict[str, Any] = {"kind": "ownTunnel"}
ADDRESS: dict[str, Any] = {"kind": "dnsRecord", "target": "1.1.1.1"}
SIBLING: dict[str, Any] = {"kind": "dnsRecord", "sameAs": "mealie.example.com"}
CONTROLLER: dict[str, Any] = {"origin": {"namespace": "ingress-nginx", "service": "controller", "port": 8080}}
ACCESS: dict[str, Any] = {"access": {"emails": ["ann@example.com", "bob@example.com"], "emailDomains": ["example.org"]}}
TOKEN = "a-token-that-is-none_" * 2

APPLICATION, POLICY = "ZeroTrustAccessApplication", "ZeroTrustAccessPolicy"
SERVICE_TOKEN = "ZeroTrustAccessServiceToken"  # noqa: S105 (a kind)
OWN_TUNNEL, CONFIGURATION = "ZeroTrustTunnelCloudflared", "ZeroTrustTunnelCloudflaredConfig"


def record(type_: str = "CNAME", content: str = "elsewhere.example.net", *, proxied: bool = True) -> Record:
    return Record("record-id", type_, "mealie.example.com", content, proxied, "")


def on(
    cloudflare: dict[str, Any],
    found: Mapping[str, Any] | None = None,
    origin: Origin = ORIGIN,
    owner: Ownership | None = None,
) -> Recording:
    """A stack with these settings of Cloudflare, and with what there is besides zone and tunnel."""
    settings = configured(cloudflare=cloudflare)
    there = FoundAtCloudflare(ZONE, tunnel=TUNNEL, **(found or {}))
    return deployed(settings, Found(SERVERS, cloudflare=there, origin=origin), owner)


@pytest.fixture(scope="module")
def own() -> Recording:
    return on(OWN)


@pytest.fixture(scope="module")
def guarded() -> Recording:
    return on(SHARED | ACCESS)


def record_as_stated(stack: Recording) -> dict[str, Any]:
    stated = stack.one("DnsRecord").inputs
    return {key: value for key, value in stated.items() if key not in {"zoneId", "comment", "ttl"}}


# the name


@pytest.mark.parametrize(
    ("cloudflare", "found", "stated"),
    [
        (SHARED, {}, {"type": "CNAME", "content": "7c0de5ad.cfargotunnel.com", "proxied": True}),
        (OWN, {}, {"type": "CNAME", "content": "tunnel-tunnel-id.cfargotunnel.com", "proxied": True}),
        (ADDRESS, {}, {"type": "A", "content": "1.1.1.1", "proxied": True}),
        (
            {"kind": "dnsRecord", "target": "192.168.1.7", "proxied": False},
            {},
            {"type": "A", "content": "192.168.1.7", "proxied": False},
        ),
        (
            {"kind": "dnsRecord", "target": "2606:4700:4700::1111"},
            {},
            {"type": "AAAA", "content": "2606:4700:4700::1111", "proxied": True},
        ),
        (
            {"kind": "dnsRecord", "target": "home.example.net"},
            {},
            {"type": "CNAME", "content": "home.example.net", "proxied": True},
        ),
        (SIBLING, {"sibling": record()}, {"type": "CNAME", "content": "elsewhere.example.net", "proxied": True}),
        (
            SIBLING,
            {"sibling": record("A", "198.51.100.9", proxied=False)},
            {"type": "A", "content": "198.51.100.9", "proxied": False},
        ),
    ],
    ids=["shared", "own", "A", "not proxied", "AAAA", "CNAME", "sameAs", "sameAs, not proxied"],
)
def test_the_record(cloudflare: dict[str, Any], found: dict[str, Any], stated: dict[str, Any]) -> None:
    stack = on(cloudflare, found=found)
    assert record_as_stated(stack) == {"name": HOST, **stated}
    made = stack.one("DnsRecord")
    assert made.inputs["zoneId"] == "zone-id"
    assert made.inputs["ttl"] == 1, "automatic: a proxied record can have no other"
    assert made.inputs["comment"] == STACK, "whose it is, where the state is lost"
    assert made.delete_before_replace, "two records for one host are refused"
    assert (made.import_id, made.retain_on_delete) == ("", False)
    assert (stack.outputs["dns_record"], stack.outputs["dns_target"]) == (HOST, stated["content"])


@pytest.mark.parametrize(
    ("comment", "adopting", "marked"),
    [
        ("", True, f"{STACK}, adopted"),
        ("by hand", True, f"{STACK}, adopted"),
        (f"{STACK}, adopted", False, f"{STACK}, adopted"),
        ("the mark was wiped off", False, f"{STACK}, adopted"),
        (STACK, False, STACK),
        (STACK, True, STACK),
    ],
)
def test_a_record_made_by_hand_is_kept_when_the_stack_is_removed(comment: str, marked: str, *, adopting: bool) -> None:
    there = Record("record-id", "A", HOST, "198.51.100.9", proxied=True, comment=comment)
    owner = Ownership(STACK, adopting=adopting)
    stack = on(ADDRESS, found={"record": there, "import_record": True}, owner=owner)
    made = stack.one("DnsRecord")
    assert made.import_id == "zone-id/record-id"
    assert made.inputs["comment"] == marked
    assert made.retain_on_delete == marked.endswith("adopted")


def test_a_record_that_the_state_knows_is_not_imported_again() -> None:
    there = Record("record-id", "A", HOST, "198.51.100.9", proxied=True, comment=f"{STACK}, adopted")
    made = on(ADDRESS, found={"record": there}).one("DnsRecord")
    assert (made.import_id, made.retain_on_delete) == ("", True)


# the shared tunnel


@pytest.mark.parametrize(
    ("cloudflare", "service"),
    [(SHARED, IMMICHS_URL), (SHARED | CONTROLLER, "http://controller.ingress-nginx.svc.cluster.local:8080")],
    ids=["straight to Immich", "to the ingress controller"],
)
def test_a_rule_in_the_shared_tunnel(cloudflare: dict[str, Any], service: str) -> None:
    stack = on(cloudflare)
    stated = stack.one("TunnelRules").inputs
    assert stated["rules"] == [{"hostname": HOST, "service": service}], "and never a connectTimeout"
    assert (stated["account_id"], stated["tunnel_id"], stated["stack"]) == ("account-id", "7c0de5ad", STACK)
    assert stated["adopt"] is False
    assert stack.outputs["tunnel_id"] == "7c0de5ad"
    assert not stack.all(OWN_TUNNEL)
    assert not stack.all(CONFIGURATION), "it would replace everybody's rules"
    assert not stack.all("Secret")


def test_the_shared_tunnels_order(guarded: Recording) -> None:
    name, rules = guarded.one("DnsRecord"), guarded.one("TunnelRules")
    assert guarded.comes_after(rules, name), "a record that Cloudflare refuses moves no request"
    assert guarded.comes_after(name, guarded.one(APPLICATION))
    assert guarded.comes_after(rules, guarded.one(APPLICATION)), "a record for every host may lead to the rule already"
    assert guarded.comes_after(guarded.one("Ingress"), rules)
    assert guarded.comes_after(rules, guarded.fragment("Deployment", "immich-server"))
    assert not guarded.comes_after(guarded.one(APPLICATION), rules)


def test_a_record_alone_comes_after_access_and_before_the_ingress() -> None:
    stack = on(ADDRESS | ACCESS)
    assert stack.comes_after(stack.one("DnsRecord"), stack.one(APPLICATION))
    assert stack.comes_after(stack.one("Ingress"), stack.one("DnsRecord"))
    assert not stack.all("TunnelRules")
    assert not stack.all(OWN_TUNNEL)


# a tunnel of our own

STORAGE = ("Namespace", "PersistentVolume", "PersistentVolumeClaim")


def test_a_tunnel_of_our_own(own: Recording) -> None:
    tunnel = own.one(OWN_TUNNEL).inputs
    assert [resource.kind for resource in own.resources if resource.protect] == [*STORAGE, OWN_TUNNEL]
    assert tunnel == {"accountId": "account-id", "name": "immich", "configSrc": "cloudflare"}
    configuration = own.one(CONFIGURATION).inputs
    assert (configuration["accountId"], configuration["tunnelId"]) == ("account-id", "tunnel-tunnel-id")
    assert configuration["config"] == {
        "ingresses": [{"hostname": HOST, "service": IMMICHS_URL}, {"service": "http_status:404"}]
    }, "the catch-all is last, and there is no connectTimeout"
    assert own.outputs["tunnel_id"] == "tunnel-tunnel-id"
    assert not own.all("TunnelRules")


def test_a_tunnel_of_our_own_to_the_ingress_controller() -> None:
    first = on(OWN | CONTROLLER).one(CONFIGURATION).inputs["config"]["ingresses"][0]
    assert first == {"hostname": HOST, "service": "http://controller.ingress-nginx.svc.cluster.local:8080"}


def test_the_tunnels_token_is_a_secret_from_the_first(own: Recording) -> None:
    (call,) = own.calls
    assert call.args == {"accountId": "account-id", "tunnelId": "tunnel-tunnel-id"}
    assert call.provider.startswith("pulumi:providers:cloudflare::cloudflare")
    secret = own.one("Secret")
    assert secret.inputs["stringData"] == {"token": TUNNEL_TOKEN}
    assert "stringData" in secret.secrets
    elsewhere = [r for r in own.resources if TUNNEL_TOKEN in json.dumps(r.inputs, default=str)]
    assert elsewhere == [secret]


def test_the_order_of_a_tunnel_of_our_own() -> None:
    stack = on(OWN | ACCESS)
    name, connector = stack.one("DnsRecord"), stack.one("Deployment")
    policy = stack.one("NetworkPolicy", "cloudflared")
    inside = (stack.one("Secret"), policy, stack.one("PodDisruptionBudget"))
    for one in (*inside, stack.one(OWN_TUNNEL), stack.one(CONFIGURATION)):
        assert stack.comes_after(connector, one), f"made after {one.kind}, hence removed before it"
    namespace = stack.one("Namespace", "cloudflared")
    assert all(stack.comes_after(one, namespace) for one in inside)
    assert stack.comes_after(stack.one(CONFIGURATION), name), "a record that Cloudflare refuses moves no request"
    assert stack.comes_after(name, stack.one(OWN_TUNNEL))
    assert stack.comes_after(stack.one(OWN_TUNNEL), stack.one(APPLICATION))
    assert stack.comes_after(stack.one(OWN_TUNNEL), stack.fragment("Deployment", "immich-server"))


def test_the_connectors_namespace_is_restricted(own: Recording) -> None:
    assert set(own.one("Namespace", "cloudflared").inputs["metadata"]["labels"].values()) == {"restricted"}


def test_the_connector_as_cloudflared_needs_it(own: Recording) -> None:
    (container,) = own.one("Deployment").inputs["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith("cloudflare/cloudflared:")
    assert container["args"] == ["tunnel", "--no-autoupdate", "--metrics", "0.0.0.0:2000", "run"]
    assert container["ports"] == [{"name": "metrics", "containerPort": 2000, "protocol": "TCP"}]
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "metrics"}
    (variable,) = container["env"]
    secret = own.one("Secret")
    key = variable["valueFrom"]["secretKeyRef"]
    assert (variable["name"], key["name"]) == ("TUNNEL_TOKEN", secret.inputs["metadata"]["name"])
    assert key["key"] in secret.inputs["stringData"]


def test_one_of_two_connectors_always_runs(own: Recording) -> None:
    spec = own.one("Deployment").inputs["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["replicas"] == 2
    assert spec["selector"]["matchLabels"] == labels
    assert spec["template"]["spec"]["topologySpreadConstraints"] == [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels},
        }
    ]
    assert own.one("PodDisruptionBudget").inputs["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": labels},
    }


def test_pods_restart_with_another_tunnels_token(own: Recording) -> None:
    template = own.one("Deployment").inputs["spec"]["template"]
    tunnel, token = (template["metadata"]["annotations"][f"immich-icloud/{what}"] for what in ("tunnel", "token"))
    assert (tunnel, token) == ("tunnel-tunnel-id", hashlib.sha256(TUNNEL_TOKEN.encode()).hexdigest()[:16])


def test_the_connector_is_configured() -> None:
    stated = {
        "protocol": "http2",
        "edgeIpVersion": "ipv6",
        "replicas": 1,
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
    }
    spec = on({**OWN, "cloudflared": stated}).one("Deployment").inputs["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert {one["name"]: one["value"] for one in container["env"] if "value" in one} == {
        "TUNNEL_TRANSPORT_PROTOCOL": "http2",
        "TUNNEL_EDGE_IP_VERSION": "6",
    }
    assert (spec["replicas"], spec["template"]["spec"]["nodeSelector"]) == (1, {"kubernetes.io/arch": "amd64"})


def test_the_connector_may_connect_to_nothing_else(own: Recording) -> None:
    policy = own.one("NetworkPolicy", "cloudflared").inputs["spec"]
    assert policy == {
        "podSelector": own.one("Deployment").inputs["spec"]["selector"],
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
            {"ports": [{"protocol": "UDP", "port": 7844}, {"protocol": "TCP", "port": 7844}]},
            {
                "to": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "immich"}},
                        "podSelector": {"matchLabels": {"app": "immich-server"}},
                    }
                ],
                "ports": [{"protocol": "TCP", "port": "http"}],
            },
        ],
    }


def test_a_service_without_a_selector_leads_anywhere() -> None:
    policy = on(OWN, origin=Origin("immich", {}, 2283)).one("NetworkPolicy", "cloudflared").inputs["spec"]
    assert policy["egress"][2] == {"ports": [{"protocol": "TCP", "port": 2283}]}


def test_all_of_the_connector_is_in_its_namespace_and_marked() -> None:
    stack = on(OWN | {"namespace": "tunnel"})
    for kind in ("Secret", "Deployment", "NetworkPolicy", "PodDisruptionBudget"):
        made = stack.one(kind, "cloudflared")
        metadata = made.inputs["metadata"]
        assert metadata["namespace"] == "tunnel"
        assert metadata["annotations"]["immich-icloud/stack"] == STACK
        assert not made.retain_on_delete
    assert stack.one("Namespace", "tunnel").inputs["metadata"]["annotations"]["immich-icloud/stack"] == STACK


# Access


def test_people_sign_in_and_the_app_brings_its_token(guarded: Recording) -> None:
    application = guarded.one(APPLICATION).inputs
    assert (application["domain"], application["type"]) == (HOST, "self_hosted")
    assert application["name"] == f"Immich ({STACK})"
    policies = {f"{made.name}-id": made.inputs for made in guarded.all(POLICY)}
    ordered = sorted(application["policies"], key=lambda policy: float(policy["precedence"]))
    assert [policies[policy["id"]]["decision"] for policy in ordered] == ["non_identity", "allow"]
    app, people = (policies[policy["id"]] for policy in ordered)
    assert app["includes"] == [{"serviceToken": {"tokenId": f"{guarded.one(SERVICE_TOKEN).name}-id"}}]
    assert people["includes"] == [
        {"email": {"email": "ann@example.com"}},
        {"email": {"email": "bob@example.com"}},
        {"emailDomain": {"domain": "example.org"}},
    ]
    assert {made.inputs["accountId"] for made in (*guarded.all(POLICY), guarded.one(APPLICATION))} == {"account-id"}


def test_the_apps_token_is_a_secret_output(guarded: Recording) -> None:
    token = guarded.one(SERVICE_TOKEN)
    assert token.inputs == {
        "accountId": "account-id",
        "name": f"Immich mobile app ({STACK})",
        "duration": "8760h",
    }
    assert token.secret_outputs >= {"clientId", "clientSecret"}
    assert {name: guarded.outputs[name] for name in guarded.secret_outputs} == {
        "access_client_id": "the-apps-id",
        "access_client_secret": "the-apps-secret",
    }


def test_without_access_nothing_of_it() -> None:
    stack = on(SHARED)
    assert not [made for made in stack.resources if "Access" in made.kind]


# the whole


@pytest.mark.parametrize("cloudflare", [SHARED | ACCESS, OWN | ACCESS, ADDRESS | ACCESS], ids=lambda c: c["kind"])
def test_everything_goes_through_its_one_provider(cloudflare: dict[str, Any]) -> None:
    stack = on(cloudflare)
    for package in ("cloudflare", "kubernetes"):
        made = [r for r in stack.resources if r.type.startswith(f"{package}:")]
        name = "cluster" if package == "kubernetes" else package
        assert made
        assert all(r.provider.startswith(f"pulumi:providers:{package}::{name}") for r in made)


@pytest.mark.parametrize(
    ("cloudflare", "left_out"),
    [
        (SHARED, {"access_client_id", "access_client_secret"}),
        (OWN | ACCESS, set()),
        (ADDRESS, {"tunnel_id", "access_client_id", "access_client_secret"}),
        (ADDRESS | ACCESS, {"tunnel_id"}),
    ],
)
def test_outputs_that_do_not_apply_are_left_out(cloudflare: dict[str, Any], left_out: set[str]) -> None:
    outputs = on(cloudflare).outputs
    ours = {"route_kind", "dns_record", "dns_target", "tunnel_id", "access_client_id", "access_client_secret"}
    assert ours - set(outputs) == left_out
    assert None not in outputs.values()
    assert outputs["route_kind"] == cloudflare["kind"]


def test_none_states_nothing_at_cloudflare_and_never_imports_its_provider() -> None:
    """In a process of its own: here the provider is loaded already."""
    program = """
import sys
from components.plan import Found
from tests.objects import SERVERS
from tests.unit.configured import configured
from tests.unit.recording import deployed
stack = deployed(configured(cloudflare={"kind": "none"}), Found(SERVERS))
assert stack.one("Ingress")
print([made.type for made in stack.resources if "loudflare" in made.type], "pulumi_cloudflare" in sys.modules)
print(sorted(stack.outputs))
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [
        "[] False",
        "['claim', 'immich_url', 'internal_url', 'library_path', 'mounted_into', 'namespaces', 'next_steps', "
        "'route_kind']",
    ]


# the program, while it removes the stack


def removed(
    monkeypatch: pytest.MonkeyPatch,
    cloudflare: dict[str, Any],
    *,
    stack: str = "test",
    secrets: Collection[str] = (),
    **more: str,
) -> Recording:
    """The program's run of `make down`, on a stack file whose other settings are of no use any more."""
    monkeypatch.setenv("IMMICH_ICLOUD_REMOVING", stack)
    monkeypatch.setattr("observe.state.known", tuple)  # nothing was made
    cluster = {"kubeconfig": "~/.kube/config", "context": "c", "identifier": "i"}
    values = {"cluster": json.dumps(cluster), "cloudflare": json.dumps(cloudflare), "host": "https://no host", **more}

    def program() -> Mapping[str, Any]:
        configuration = {f"immich-icloud:{key}": value for key, value in values.items()}
        pulumi.runtime.set_all_config(configuration, [f"immich-icloud:{key}" for key in secrets])
        runpy.run_path(str(ROOT / "__main__.py"))
        return {}

    return contextvars.copy_context().run(registered, program)


def test_removing_with_the_stacks_own_token(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = removed(monkeypatch, SHARED, secrets=["cloudflareToken"], cloudflareToken=TOKEN)
    assert {made.type for made in stack.resources} == {"pulumi:providers:kubernetes", "pulumi:providers:cloudflare"}
    provider = stack.one("cloudflare")
    assert provider.inputs["apiToken"] == TOKEN
    assert provider.secrets >= {"apiToken"}


def test_removing_with_the_environments_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    stack = removed(monkeypatch, SHARED)
    assert "apiToken" not in stack.one("cloudflare").inputs, "the plugin takes it from there: no state keeps it"


@pytest.mark.parametrize("cloudflare", [{"kind": "none"}, {}], ids=["none", "left out"])
def test_removing_without_cloudflare(monkeypatch: pytest.MonkeyPatch, cloudflare: dict[str, Any]) -> None:
    stack = removed(monkeypatch, cloudflare, secrets=["cloudflareToken"], cloudflareToken=TOKEN)
    assert [made.type for made in stack.resources] == ["pulumi:providers:kubernetes"]


def test_another_stacks_removal_is_not_this_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="immich-icloud:storage: is missing"):
        removed(monkeypatch, SHARED, stack="other")
