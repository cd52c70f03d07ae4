"""Routes of all kinds and Gateways, wrong anywhere: refused by the client, or read by all that read them."""

from typing import Any

import pytest

from clients import kubernetes_types
from observe.route_hosts import hosts
from observe.route_kinds import GATEWAY_API
from observe.route_paths import kept_to
from preflight import gateway_rules
from preflight.gateway_rules import Request
from tests.mutations import mutated
from tests.objects import manifest

HOST = "immich.example.com"
PARENT = {"name": "public", "namespace": "gateways", "sectionName": "web", "port": 443}
CONDITION = {"type": "Programmed", "status": "False", "message": "no certificate", "reason": "Invalid"}
SELECTOR = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}
LISTENER = {
    "name": "web",
    "hostname": "*.example.com",
    "port": 443,
    "protocol": "HTTPS",
    "allowedRoutes": {"kinds": [{"kind": "HTTPRoute"}], "namespaces": {"from": "Selector", "selector": SELECTOR}},
}
GATEWAY = {
    "spec": {"listeners": [LISTENER]},
    "status": {"conditions": [CONDITION], "listeners": [{"name": "web", "conditions": [CONDITION]}]},
}
RULE = {
    "matches": [{"path": {"value": "/x"}}],
    "filters": [{"requestRedirect": {"scheme": "https", "hostname": "else.example.com"}}],
}
TRAEFIKS = {"spec": {"routes": [{"match": f"Host(`{HOST}`) && Path(`/x`)"}]}}
ISTIOS = {"gateways": ["g"], "hosts": [HOST], "http": [{"match": [{"uri": {"prefix": "/x"}}]}]}
ROUTES: list[tuple[str, str, dict[str, Any]]] = [
    (GATEWAY_API, "HTTPRoute", {"spec": {"hostnames": [HOST], "parentRefs": [PARENT], "rules": [RULE]}}),
    (GATEWAY_API, "GRPCRoute", {"spec": {"parentRefs": [PARENT]}}),
    ("traefik.io/v1alpha1", "IngressRoute", TRAEFIKS),
    ("traefik.io/v1alpha1", "IngressRouteTCP", {"spec": {"routes": [{"match": f"HostSNI(`{HOST}`)"}]}}),
    ("projectcontour.io/v1", "HTTPProxy", {"spec": {"virtualhost": {"fqdn": HOST}}}),
    ("networking.istio.io/v1", "VirtualService", {"spec": ISTIOS}),
    ("route.openshift.io/v1", "Route", {"spec": {"host": HOST, "path": "/x", "wildcardPolicy": "None"}}),
    ("k8s.nginx.org/v1", "VirtualServer", {"spec": {"host": HOST}}),
    (GATEWAY_API, "Gateway", GATEWAY),
]


def read(thing: Any, gateway: Any) -> None:
    """Read it as preflight does."""
    if thing["kind"] == "Gateway":
        list(gateway_rules.of_gateway(thing, Request(HOST, "immich", None)))
        hosts(whole(*ROUTES[1]), [thing])
    else:
        hosts(thing, [gateway])
        kept_to(thing, HOST)


def whole(version: str, kind: str, rest: dict[str, Any]) -> dict[str, Any]:
    place = "gateways" if kind == "Gateway" else "immich"
    return manifest(version, kind, "public", place, metadata={"uid": "u", "resourceVersion": "1"}, **rest)


@pytest.mark.parametrize(("version", "kind", "rest"), ROUTES, ids=[kind for _, kind, _ in ROUTES])
def test_one_that_is_wrong_anywhere_is_refused_or_read(version: str, kind: str, rest: dict[str, Any]) -> None:
    right, gateway = whole(version, kind, rest), whole(*ROUTES[-1])
    assert not list(kubernetes_types.faults(right, version, kind))
    read(right, gateway)
    refused = 0
    for where, wrong in mutated(rest):
        found = kubernetes_types.without_nulls({**right, **dict.fromkeys(rest), **wrong})
        if any(kubernetes_types.faults(found, version, kind)):
            refused += 1
            continue
        try:
            read(found, gateway)
        except Exception as error:
            raise AssertionError(where) from error
    assert refused
