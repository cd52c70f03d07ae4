"""What preview knows of the route: rival routes, the class and its controller, the Gateway and its listeners."""

from dataclasses import replace
from typing import Any

import pytest

from clients.kubernetes import Ref
from observe import cluster
from observe.cluster import ClusterSeen
from observe.routes import RoutesSeen, hosts
from tests.fake_cluster import FakeCluster
from tests.findings import Told
from tests.objects import Manifest, deployment, namespace, service
from tests.unit.configured import configured
from tests.unit.test_preflight_rules import facts, found, other_ingress, problems, warnings

HOST = "immich.example.com"
GATEWAY: Manifest = {"kind": "gateway", "gateway": "public", "gatewayNamespace": "gateways"}
NONE: Manifest = {"kind": "none"}


def route(kind: str, spec: Manifest, place: str = "else", version: str = "v1") -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "other", "namespace": place}, "spec": spec}


def http_route(*names: str) -> Manifest:
    return route("HTTPRoute", {"hostnames": list(names)}, version="gateway.networking.k8s.io/v1")


def ingress_route(match: str) -> Manifest:
    return route("IngressRoute", {"routes": [{"match": match}]}, version="traefik.io/v1alpha1")


def seen(others: tuple[Manifest, ...] = (), **more: Any) -> ClusterSeen:
    return facts(routes=RoutesSeen(others=others, **more))


# the host


@pytest.mark.parametrize(
    ("one", "served"),
    [
        (route("Ingress", {"rules": [{"host": HOST}, {}]}), {HOST}),
        (route("Ingress", {"defaultBackend": {}}), set()),
        (http_route(HOST.upper(), "b.example.com"), {HOST, "b.example.com"}),
        (http_route(), set()),
        (ingress_route(f"Host(`{HOST}`) && PathPrefix(`/`)"), {HOST}),
        (ingress_route(f"Host(`b.example.com`, `{HOST}`)"), {HOST, "b.example.com"}),
        (ingress_route(f'Host("{HOST}") || Host("b.example.com")'), {HOST, "b.example.com"}),
        (ingress_route(f"!Host(`{HOST}`)"), set()),
        (ingress_route("HostRegexp(`^.+$`)"), set()),
    ],
)
def test_hosts_of_a_route(one: Manifest, served: set[str]) -> None:
    assert hosts(one) == served


@pytest.mark.parametrize("rival", [http_route(HOST), ingress_route(f"Host(`{HOST}`)")], ids=["HTTPRoute", "Traefik"])
@pytest.mark.parametrize("mine", [{"kind": "ingress"}, GATEWAY], ids=["ingress", "gateway"])
def test_a_rival_of_another_kind(rival: Manifest, mine: Manifest) -> None:
    assert problems(configured(route=mine), {}, seen((rival,))) == [("host-taken", str(Ref.of(rival)))]


def test_only_an_ingress_beside_ours_can_be_adopted() -> None:
    beside, elsewhere = other_ingress(HOST), other_ingress(HOST)
    elsewhere["metadata"]["namespace"] = "else"
    said = {
        one.subject: "route.name" in one.remedy for one in found(configured(), {}, facts(ingresses=(beside, elsewhere)))
    }
    assert said == {"Ingress immich/photos": True, "Ingress else/photos": False}


def test_a_stack_without_a_route_leaves_the_host_to_whoever_serves_it() -> None:
    there = seen((http_route(HOST), ingress_route(f"Host(`{HOST}`)")), ingress_classes=())
    there = replace(there, ingresses=(other_ingress(HOST),))
    assert problems(configured(route=NONE), {}, there) == []


def test_a_host_is_compared_whatever_its_case() -> None:
    assert problems(configured(), {}, facts(ingresses=(other_ingress("Immich.example.com"),))) == [
        ("host-taken", "Ingress immich/photos")
    ]


# the class


def ingress_class(name: str = "nginx", controller: str = "k8s.io/ingress-nginx") -> Manifest:
    return {"kind": "IngressClass", "metadata": {"name": name}, "spec": {"controller": controller}}


def pod(image: str, phase: str = "Running") -> Manifest:
    return {"spec": {"containers": [{"image": image}]}, "status": {"phase": phase}}


NGINX = pod("registry.example/ingress-nginx/controller:v1")
TRAEFIK = pod("docker.example/traefik:v3")


@pytest.mark.parametrize(
    ("classes", "pods", "told"),
    [
        (None, None, []),  # may not be read
        ((), (), [("ingress-class-missing", "route.className")]),
        ((ingress_class("traefik"),), (), [("ingress-class-missing", "route.className")]),
        ((ingress_class(),), (NGINX,), []),
        ((ingress_class(),), None, []),
        ((ingress_class(),), (TRAEFIK,), [("ingress-class-unserved", "route.className")]),
        ((ingress_class(),), (pod("ingress-nginx/controller", "Pending"),),
         [("ingress-class-unserved", "route.className")]),
        ((ingress_class(controller="traefik.io/ingress-controller"),), (TRAEFIK,), []),
        ((ingress_class(controller="example.com/unheard-of"),), (), []),
        ((ingress_class(controller="haproxy.org/ingress-controller/main"),), (pod("haproxytech/haproxy:3"),), []),
    ],
)  # fmt: skip
def test_the_class_and_its_controller(
    classes: tuple[Manifest, ...] | None, pods: tuple[Manifest, ...] | None, told: list[Told]
) -> None:
    there = seen(ingress_classes=classes, pods=pods)
    assert problems(configured(), {}, there) + warnings(configured(), {}, there) == told


# the Gateway


def gateway(*listeners: Manifest, accepted: str = "True", place: str = "gateways") -> Manifest:
    conditions = [{"type": kind, "status": accepted, "message": "x"} for kind in ("Accepted", "Programmed")]
    stated = listeners or ({"name": "web", "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}},)
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "public", "namespace": place},
        "spec": {"listeners": list(stated)},
        "status": {"conditions": conditions},
    }


def listener(hostname: str = "", namespaces: Manifest | None = None) -> Manifest:
    named = {"hostname": hostname} if hostname else {}
    allowed = {"namespaces": namespaces} if namespaces else {}
    return {"name": "web", "protocol": "HTTPS", "allowedRoutes": allowed, **named}


ALL: Manifest = {"from": "All"}
LABELLED: Manifest = {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "immich"}}}
EXPRESSED: Manifest = {
    "from": "Selector",
    "selector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["immich"]}]},
}


@pytest.mark.parametrize(
    ("api", "gateways", "code"),
    [
        (False, None, "gateway-api-missing"),
        (True, None, None),  # may not be read
        (True, (), "gateway-missing"),
        (True, (gateway(place="else"),), "gateway-missing"),
        (True, (gateway(),), None),
        (True, (gateway(accepted="False"),), "gateway-unserved"),
        (True, (gateway() | {"status": {}},), "gateway-unserved"),
        (True, (gateway(listener("*.example.org", ALL)),), "gateway-lacks-host"),
        (True, (gateway({"name": "tcp", "protocol": "TCP"}),), "gateway-lacks-host"),
        (True, (gateway(listener("*.example.com", ALL)),), None),
        (True, (gateway(listener("*.com", ALL)),), None),
        (True, (gateway(listener(HOST, ALL)),), None),
        (True, (gateway(listener()),), "gateway-refuses-namespace"),
        (True, (gateway(listener("", {"from": "Same"})),), "gateway-refuses-namespace"),
        (True, (gateway(listener("", LABELLED)),), None),
        (True, (gateway(listener("", EXPRESSED)),), None),
        (True, (gateway(listener("", {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}})),),
         "gateway-refuses-namespace"),
        (True, (gateway(listener("*.example.org", ALL), listener("", ALL)),), None),
    ],
)  # fmt: skip
def test_the_gateway(api: bool, gateways: tuple[Manifest, ...] | None, code: str | None) -> None:  # noqa: FBT001
    settings, there = configured(route=GATEWAY), seen(gateway_api=api, gateways=gateways)
    assert [one for one, _ in problems(settings, {}, there) + warnings(settings, {}, there)] == ([code] if code else [])


def test_each_parent_is_judged() -> None:
    parents = [{"gateway": "public", "gatewayNamespace": "gateways", "sectionName": "https"},
               {"gateway": "lan", "gatewayNamespace": "gateways"}]  # fmt: skip
    settings = configured(route={**GATEWAY, "sectionName": "web", "parents": parents})
    there = seen(gateway_api=True, gateways=(gateway(),))
    assert [code for code, _ in problems(settings, {}, there)] == ["gateway-lacks-listener", "gateway-missing"]


# what is read


def on(api: FakeCluster, **more: Any) -> ClusterSeen:
    for thing in (namespace(), deployment(), service(3001)):
        api.objects[Ref.of(thing)] = thing
    return cluster.read_cluster(api, configured(**more))


def test_what_is_read_of_routes() -> None:
    api = FakeCluster()
    api.objects[Ref("networking.k8s.io/v1", "IngressClass", "nginx")] = ingress_class()
    assert on(api).routes.ingress_classes == (ingress_class(),)
    assert on(api, route=NONE).routes == RoutesSeen()


@pytest.mark.parametrize(
    ("kind", "plural"),
    [("Gateway", "gateways"), ("HTTPRoute", "httproutes"), ("NetworkPolicy", "networkpolicies")],
)
def test_the_plural_of_a_kind(kind: str, plural: str) -> None:
    assert Ref("g/v1", kind, "").collection == f"/apis/g/v1/{plural}"
