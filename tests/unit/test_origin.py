"""Where a tunnel leads: what its rules say, what the pods may call, and what preview says of it."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from clients.cloudflare import Connector
from clients.kubernetes import ClusterRefusedError, Manifest, Ref
from clients.rule_set import TunnelRulesDiff
from components.connector import Origin
from components.origin_request import origin_request
from components.ownership import Ownership
from components.plan import Found
from components.public_access import FoundAtCloudflare
from observe import cluster_domain
from observe.cloudflare import CloudflareSeen
from observe.cluster import ClusterSeen, read_cluster, resolve
from observe.planned import origin
from observe.routes import RoutesSeen
from ops import verify_role
from preflight import origin_rules
from settings import Settings, SettingsError
from settings.origin import OwnOrigin, TunnelOrigin
from tests.fake_cluster import FakeCluster
from tests.findings import told
from tests.objects import SERVERS, deployment, namespace, service
from tests.unit.configured import configured
from tests.unit.recording import Recording, deployed
from tests.unit.well import TUNNEL, ZONE

HOST = "immich.example.com"
SHARED: Manifest = {"kind": "sharedTunnel", "tunnel": "homelab"}
OWN: Manifest = {"kind": "ownTunnel"}
CONTROLLER: Manifest = {"namespace": "ingress-nginx", "service": "controller"}
CONFIGURATION = "ZeroTrustTunnelCloudflaredConfig"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def on(cloudflare: Manifest, stated: Manifest, inherited: Manifest | None = None, **more: Any) -> Recording:
    settings = configured(cloudflare=cloudflare | {"origin": stated}, **more)
    there = FoundAtCloudflare(ZONE, tunnel=TUNNEL, inherited=inherited or {})
    found = Found(SERVERS, cloudflare=there, origin=Origin("immich", {"app": "immich-server"}, "http"))
    return deployed(settings, found, Ownership("immich-icloud/test"))


# what the rules say


@pytest.mark.parametrize(
    ("stated", "service", "request_"),
    [
        ({}, "http://immich-server.immich.svc.cluster.local:3001", {}),
        (CONTROLLER, "http://controller.ingress-nginx.svc.cluster.local:80", {}),
        (
            CONTROLLER | {"scheme": "https", "originServerName": "ingress.example.com", "http2Origin": True},
            "https://controller.ingress-nginx.svc.cluster.local:443",
            {"originServerName": "ingress.example.com", "http2Origin": True},
        ),
        (
            {"url": "https://192.168.1.10:8443", "noTLSVerify": "true", "matchSNItoHost": True, "httpHostHeader": HOST},
            "https://192.168.1.10:8443",
            {"httpHostHeader": HOST, "matchSNItoHost": True, "noTLSVerify": True},
        ),
        ({"scheme": "https", "noTLSVerify": False}, "https://immich-server.immich.svc.cluster.local:3001", {}),
    ],
)
def test_a_rule_of_a_remote_tunnel(stated: Manifest, service: str, request_: Manifest) -> None:
    expected = {"hostname": HOST, "service": service, **({"originRequest": request_} if request_ else {})}
    assert on(SHARED, stated).one("TunnelRules").inputs["rules"] == [expected]
    (first, last) = on(OWN, stated).one(CONFIGURATION).inputs["config"]["ingresses"]
    provider_names = {"matchSNItoHost": "matchSnItoHost", "noTLSVerify": "noTlsVerify"}
    as_the_provider_has_it = {provider_names.get(name, name): value for name, value in request_.items()}
    assert (first["hostname"], first["service"]) == (HOST, service)
    assert first.get("originRequest", {}) == as_the_provider_has_it
    assert last == {"service": "http_status:404"}


@pytest.mark.parametrize(
    ("stated", "inherited", "expected"),
    [
        ({}, {"httpHostHeader": "x", "bastionMode": True}, {"httpHostHeader": "", "bastionMode": False}),
        ({}, {"noTLSVerify": True, "connectTimeout": 30, "http2Origin": True}, {}),
        ({}, {"disableChunkedEncoding": "true"}, {"disableChunkedEncoding": False}),
        ({}, {"httpHostHeader": "", "bastionMode": "false", "disableChunkedEncoding": False}, {}),
        ({"http_host_header": "a.org"}, {"httpHostHeader": "x"}, {"httpHostHeader": "a.org"}),
        (
            {"scheme": "https", "origin_server_name": "a.org"},
            {"noTLSVerify": True, "http2Origin": True, "caPool": "/ca", "matchSNItoHost": True},
            {
                "originServerName": "a.org", "caPool": "", "noTLSVerify": False, "matchSNItoHost": False,
                "http2Origin": False,
            },
        ),
    ],
)  # fmt: skip
def test_what_a_document_states_for_all_rules_is_undone(
    stated: dict[str, Any], inherited: Manifest, expected: Manifest
) -> None:
    written = {TunnelOrigin.model_fields[name].alias or name: value for name, value in stated.items()}
    assert origin_request(TunnelOrigin.model_validate(written), inherited) == expected


def test_a_shared_tunnels_own_values_are_undone_in_our_rule() -> None:
    (rule,) = on(SHARED, {}, {"httpHostHeader": "x", "noTLSVerify": True}).one("TunnelRules").inputs["rules"]
    assert rule["originRequest"] == {"httpHostHeader": ""}


@pytest.mark.parametrize("value", [{"namespace": "ingress-nginx", "service": "controller", "port": 8080}, CONTROLLER])
def test_the_old_key_is_answered_with_what_to_write(value: Manifest) -> None:
    with pytest.raises(SettingsError) as refused:
        configured(cloudflare=SHARED | {"ingressController": value})
    (problem,) = refused.value.problems
    assert problem.startswith("immich-icloud:cloudflare.ingressController: is not offered. ")
    written = yaml.safe_load(problem.partition("in its place: ")[2])
    assert written == {"origin": value}
    configured(cloudflare=SHARED | written)


# the connector of a tunnel of this stack's own


def test_an_authority_lies_beside_the_connector() -> None:
    stack = on(OWN, CONTROLLER | {"scheme": "https", "originServerName": "a.example.com", "caPool": PEM})
    request = stack.one(CONFIGURATION).inputs["config"]["ingresses"][0]["originRequest"]
    template = stack.one("Deployment").inputs["spec"]["template"]
    (container,), (volume,) = template["spec"]["containers"], template["spec"]["volumes"]
    holder = stack.one("ConfigMap", "cloudflared").inputs
    (key,) = holder["data"]
    assert holder["data"][key] == PEM
    assert volume["configMap"]["name"] == holder["metadata"]["name"]
    assert request["caPool"] == f"{container['volumeMounts'][0]['mountPath']}/{key}"
    others = on(OWN, CONTROLLER | {"scheme": "https", "originServerName": "a.example.com", "caPool": f"{PEM}\n"})
    there = others.one("Deployment").inputs["spec"]["template"]["metadata"]["annotations"]
    assert template["metadata"]["annotations"] != there, "pods that read another one start again"
    names = {one.inputs["metadata"]["name"] for one in on(OWN, {}).all("ConfigMap")}
    assert "cloudflared" not in names


@pytest.mark.parametrize(
    ("url", "port"), [("http://192.168.1.10", 80), ("https://nas.lan", 443), ("http://nas:2283", 2283)]
)
def test_the_pods_may_call_a_urls_port(url: str, port: int) -> None:
    settings = configured(cloudflare=OWN | {"origin": {"url": url}})
    assert origin(settings, CLUSTER) == Origin("", {}, port)


def test_a_monitoring_namespace_reads_the_metrics() -> None:
    stack = on(OWN | {"cloudflared": {"metricsFrom": "monitoring"}}, {})
    assert stack.one("NetworkPolicy", "cloudflared").inputs["spec"]["ingress"] == [
        {
            "ports": [{"protocol": "TCP", "port": 2000}],
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        }
    ]
    assert "ingress" not in on(OWN, {}).one("NetworkPolicy", "cloudflared").inputs["spec"]


@pytest.mark.parametrize(
    ("stated", "variables"), [({}, {}), ({"edgeIpVersion": "ipv4"}, {"TUNNEL_EDGE_IP_VERSION": "4"})]
)
def test_only_what_differs_from_cloudflareds_defaults_is_stated(stated: Manifest, variables: dict[str, str]) -> None:
    """Its default is `auto` since 2026.4 (source: its CHANGES.md)."""
    pod = on(OWN | {"cloudflared": stated}, {}).one("Deployment").inputs["spec"]["template"]["spec"]
    assert {one["name"]: one["value"] for one in pod["containers"][0]["env"] if "value" in one} == variables


# the cluster's domain


@pytest.mark.parametrize(
    ("corefile", "expected"),
    [
        (
            ".:53 {\n  errors\n  kubernetes cluster.local in-addr.arpa ip6.arpa {\n    pods insecure\n  }\n}\n",
            "cluster.local",
        ),
        (".:53 {\n  kubernetes in-addr.arpa Kube.Example.org. {\n }\n}\n", "kube.example.org"),
        ("# kubernetes old.local\n.:53 {\n  kubernetes home.lan # ours\n}\n", "home.lan"),
        ("example.org {\n  forward . 1.1.1.1\n}\ndns://k8s.lan:53 {\n  kubernetes\n}\n", "k8s.lan"),
        (".:53 {\n  kubernetes {$DOMAIN} {\n }\n}\n", None),
        (".:53 {\n  forward . 1.1.1.1 {\n    kubernetes x.org\n  }\n}\n", None),
        ("", None),
    ],
)
def test_the_domain_by_the_corefile(corefile: str, expected: str | None) -> None:
    assert cluster_domain.domain(corefile) == expected


COREFILE = Ref("v1", "ConfigMap", "coredns", "kube-system")


def with_corefile() -> FakeCluster:
    cluster = FakeCluster()
    cluster.objects[COREFILE] = {"metadata": {}, "data": {"Corefile": ". {\n kubernetes kube.example.org\n}\n"}}
    return cluster


IN_FULL: Manifest = {"service": {"name": "immich-server", "port": 3001}}


@pytest.mark.parametrize(
    ("stated", "cluster", "expected"),
    [
        ({}, with_corefile(), "http://immich-server.immich.svc.kube.example.org:3001"),
        ({}, FakeCluster(), "http://immich-server.immich.svc.cluster.local:3001"),
        ({"domain": "home.lan"}, with_corefile(), "http://immich-server.immich.svc.home.lan:3001"),
    ],
)
def test_the_origin_is_in_the_clusters_domain(stated: Manifest, cluster: FakeCluster, expected: str) -> None:
    where = {"kubeconfig": "~/.kube/config", "context": "c", "identifier": "i", **stated}
    settings = resolve(cluster, configured(cloudflare=SHARED, immich=IN_FULL, cluster=where))
    assert settings.origin_url == expected


def test_a_corefile_that_may_not_be_read_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = with_corefile()

    def forbidden(_: Ref) -> None:
        raise ClusterRefusedError(403, "configmaps is forbidden")

    monkeypatch.setattr(cluster, "get", forbidden)
    assert cluster_domain.read_domain(cluster) is None


# what preview says

CLUSTER = ClusterSeen(namespace(), (deployment(),), (service(3001),), None, None, nodes=("talos-1",))
NGINX: Manifest = {"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}}
TRAEFIK: Manifest = {"metadata": {"name": "traefik"}, "spec": {"controller": "traefik.io/ingress-controller"}}
DOOR: Manifest = {
    "metadata": {"namespace": "ingress-nginx", "name": "controller"},
    "spec": {"selector": {"app": "door"}, "ports": [{"port": 80, "targetPort": "web"}]},
}


def pod(image: str = "registry/door:1", *args: str) -> Manifest:
    metadata = {"namespace": "ingress-nginx", "name": "door", "labels": {"app": "door"}}
    return {"metadata": metadata, "spec": {"containers": [{"image": image, "args": list(args)}]}}


def codes(settings: Settings, routes: RoutesSeen | None = None, **more: Any) -> list[str]:
    cluster = replace(CLUSTER, origin=DOOR, routes=routes or RoutesSeen(ingress_classes=(NGINX, TRAEFIK)))
    return [code for code, _ in told(origin_rules.findings(settings, cluster, CloudflareSeen(ZONE, **more)))]


FORCE = {"nginx.ingress.kubernetes.io/force-ssl-redirect": "true"}
STAY = {"nginx.ingress.kubernetes.io/ssl-redirect": "false"}
ENTRY = "traefik.ingress.kubernetes.io/router.entrypoints"
REDIRECTED = "--entryPoints.web.http.redirections.entryPoint.to=websecure"


@pytest.mark.parametrize(
    ("route", "pods", "expected"),
    [
        ({"className": "nginx"}, (), []),
        ({"className": "nginx", "tls": {"secret": "s"}}, (), ["origin-redirects"]),
        (
            {"className": "nginx", "tls": {"secret": "s"}, "annotations": STAY},
            (), [],
        ),
        ({"className": "nginx", "annotations": FORCE}, (), ["origin-redirects"]),
        ({"className": "traefik", "tls": {"secret": "s"}}, (), []),
        ({"className": "traefik", "annotations": {ENTRY: "websecure"}}, (), ["origin-redirects"]),
        ({"className": "traefik", "annotations": {ENTRY: "web, websecure"}}, (), []),
        ({"className": "traefik"}, (pod("traefik", REDIRECTED),), ["origin-redirects"]),
        ({"className": "traefik"}, (pod("traefik", REDIRECTED.replace("web.", "internal.")),), []),
        ({"className": "traefik"}, ({**pod("traefik", REDIRECTED), "metadata": {"namespace": "ingress-nginx"}},), []),
        ({"className": "traefik"}, ({**pod("traefik", REDIRECTED), "metadata": {"labels": {"app": "door"}}},), []),
        ({"className": "traefik"}, None, []),
        ({"className": "traefik", "annotations": {"haproxy.org/ssl-redirect": "true"}}, (), ["origin-redirects"]),
    ],
)  # fmt: skip
def test_an_ingress_that_redirects_to_https_loops(
    route: Manifest, pods: tuple[Manifest, ...] | None, expected: list[str]
) -> None:
    settings = configured(cloudflare=SHARED | {"origin": CONTROLLER}, route={"kind": "ingress", **route})
    assert codes(settings, RoutesSeen(ingress_classes=(NGINX, TRAEFIK), pods=pods)) == expected
    over_tls = {"scheme": "https", "noTLSVerify": True}
    settings = configured(cloudflare=SHARED | {"origin": CONTROLLER | over_tls}, route={"kind": "ingress", **route})
    assert codes(settings, RoutesSeen(ingress_classes=(NGINX, TRAEFIK), pods=pods)) == []


def test_pods_of_a_service_without_a_selector_are_unknown() -> None:
    settings = configured(cloudflare=SHARED | {"origin": CONTROLLER}, route={"kind": "ingress", "className": "traefik"})
    door = {**DOOR, "spec": {"ports": DOOR["spec"]["ports"]}}
    cluster = replace(CLUSTER, origin=door, routes=RoutesSeen(pods=(pod("traefik", REDIRECTED),)))
    assert list(origin_rules.findings(settings, cluster, CloudflareSeen(ZONE))) == []


@pytest.mark.parametrize(
    ("section", "target", "expected"),
    [("http", 80, []), ("https", 80, ["origin-redirects"]), ("https", "web", []), (None, 80, []), ("web", 8000, [])],
)
def test_a_listener_behind_another_port_of_the_gateway(
    section: str | None, target: int | str, expected: list[str]
) -> None:
    listeners = [{"name": "http", "port": 80}, {"name": "https", "port": 443}, {"name": "web", "port": 8000}]
    gateway = {"metadata": {"namespace": "gateways", "name": "public"}, "spec": {"listeners": listeners}}
    route = {"kind": "gateway", "gateway": "public", "gatewayNamespace": "gateways"}
    settings = configured(
        cloudflare=SHARED | {"origin": CONTROLLER}, route=route | ({"sectionName": section} if section else {})
    )
    door = {**DOOR, "spec": {"ports": [{"port": 80, "targetPort": target}]}}
    cluster = replace(CLUSTER, origin=door, routes=RoutesSeen(gateways=(gateway,)))
    found = origin_rules.findings(settings, cluster, CloudflareSeen(ZONE))
    assert [code for code, _ in told(found)] == expected
    second = {"gateway": "public", "gatewayNamespace": "gateways", "sectionName": "https"}
    both = route | {"sectionName": "http", "parents": [second]}
    settings = configured(cloudflare=SHARED | {"origin": CONTROLLER}, route=both)
    assert [*origin_rules.findings(settings, cluster, CloudflareSeen(ZONE))] == []


@pytest.mark.parametrize(
    ("hostname", "stated", "expected"),
    [
        ({"hostname": "*.example.com"}, {"noTLSVerify": True}, ["origin-server-name"]),
        ({"hostname": "*.example.com"}, {"matchSNItoHost": True}, []),
        ({"hostname": "*.example.com"}, {"originServerName": HOST}, []),
        ({}, {"noTLSVerify": True}, []),
    ],
)
def test_a_listener_is_chosen_by_the_server_name(hostname: Manifest, stated: Manifest, expected: list[str]) -> None:
    spec = {"listeners": [{"name": "https", "port": 443, **hostname}]}
    gateway = {"metadata": {"namespace": "gateways", "name": "public"}, "spec": spec}
    settings = configured(
        cloudflare=SHARED | {"origin": CONTROLLER | {"scheme": "https"} | stated},
        route={"kind": "gateway", "gateway": "public", "gatewayNamespace": "gateways"},
    )
    assert codes(settings, RoutesSeen(gateways=(gateway,))) == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"scheme": "https"}, ["origin-certificate-unverified"]),
        ({"url": "https://192.168.1.10"}, ["origin-certificate-unverified"]),
        ({"url": "https://[fd00::a]"}, ["origin-certificate-unverified"]),
        ({"url": "https://nas.example.com"}, []),
        ({"scheme": "https", "matchSNItoHost": True}, []),
        ({"url": "https://192.168.1.10", "noTLSVerify": True}, []),
    ],
)
def test_a_certificate_for_another_name(stated: Manifest, expected: list[str]) -> None:
    assert codes(configured(cloudflare=SHARED | {"origin": stated})) == expected


RUNS = (Connector("2026.7.3", 4),)


@pytest.mark.parametrize(
    ("stated", "pods", "connectors", "expected"),
    [
        ({}, (pod(),), RUNS, ["connector-outside"]),
        (CONTROLLER, (pod(),), RUNS, ["connector-outside"]),
        ({}, (pod("ghcr.io/cloudflare/cloudflared:2026.7.3"),), RUNS, []),
        ({}, None, RUNS, []),
        ({}, (pod(),), (), []),
        ({"url": "http://192.168.1.10"}, (pod(),), RUNS, []),
    ],
    ids=["outside", "outside, to the controller", "inside", "unknown", "unconnected", "a URL"],
)
def test_a_connector_outside_the_cluster_needs_a_url(
    stated: Manifest, pods: tuple[Manifest, ...] | None, connectors: tuple[Connector, ...], expected: list[str]
) -> None:
    for cloudflare in (SHARED, {"kind": "localTunnel", "tunnel": "workshop"}):
        settings = configured(
            cloudflare=cloudflare | {"origin": stated}, route={"kind": "ingress", "className": "traefik"}
        )
        assert codes(settings, RoutesSeen(ingress_classes=(TRAEFIK,), pods=pods), connectors=connectors) == expected


@pytest.mark.parametrize(
    ("spec", "status", "url", "expected"),
    [
        ({}, {"loadBalancer": {"ingress": [{"ip": "192.168.1.240"}]}}, "https://192.168.1.240", True),
        ({"clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10", "fd00::10"]}, {}, "http://[fd00::10]:80", True),
        ({"externalIPs": ["192.168.1.240"]}, {}, "http://192.168.1.240:8080", True),
        ({"clusterIP": "None"}, {"loadBalancer": {}}, "http://192.168.1.240", False),
    ],
)
def test_a_url_of_the_clusters_own_service_is_to_be_named(
    spec: Manifest, status: Manifest, url: str, *, expected: bool
) -> None:
    settings = configured(cloudflare=OWN | {"origin": {"url": url}}, immich=IN_FULL)
    cluster = FakeCluster()
    door: Manifest = {**DOOR, "apiVersion": "v1", "kind": "Service", "spec": spec, "status": status}
    cluster.objects |= {Ref.of(one): one for one in (deployment(), namespace(), door)}
    found = told(origin_rules.missing(settings, read_cluster(cluster, settings)))
    assert found == ([("origin-is-a-service", str(Ref.of(door)))] if expected else [])


@pytest.mark.parametrize(
    ("cloudflare", "resource", "verb"),
    [
        (OWN | {"origin": {"url": "http://192.168.1.10"}}, "services", "list"),
        (SHARED, "pods", "list"),
        (SHARED, "configmaps", "get"),
    ],
)
def test_the_role_of_verify_reads_what_the_origin_needs(cloudflare: Manifest, resource: str, verb: str) -> None:
    made = verify_role.manifests(configured(cloudflare=cloudflare, route={"kind": "none"}), "test")
    place = "kube-system" if resource == "configmaps" else ""
    roles = [one for one in made if "rules" in one and one["metadata"].get("namespace", "") == place]
    allowed = {(name, each) for one in roles for r in one["rules"] for name in r["resources"] for each in r["verbs"]}
    assert (resource, verb) in allowed
    assert place == "" or roles[0]["rules"][0]["resourceNames"] == ["coredns"]


def test_services_of_another_domain_are_told_where_ours_is_assumed() -> None:
    rules = ({"hostname": "a.org", "service": "http://a.b.svc.kube.example.org:80"}, {"service": "http_status:404"})
    there = TunnelRulesDiff(settled=rules)
    assert codes(configured(cloudflare=SHARED), rules=there) == ["cluster-domain-unknown"]
    where = {"kubeconfig": "~/.kube/config", "context": "c", "identifier": "i", "domain": "kube.example.org"}
    assert codes(configured(cloudflare=SHARED, cluster=where), rules=there) == []


def test_a_timeout_for_all_rules_is_told() -> None:
    assert codes(configured(cloudflare=SHARED), inherited={"connectTimeout": 30}) == ["connect-timeout"]


def test_an_authority_is_no_way_to_state_tls_over_http() -> None:
    with pytest.raises(ValueError, match="https"):
        OwnOrigin.model_validate({"caPool": PEM})
