"""Requests for the host reach Immich's Service inside the cluster."""

from collections.abc import Iterator

from clients.kubernetes import Manifest, Ref
from observe.route_hosts import hosts
from observe.route_paths import kept_to
from ops.checks import wording
from ops.checks.check import ROUTED, Check, Passed, Result, failed
from ops.facts import Facts
from ops.facts.cluster import ClusterFacts
from ops.facts.part import there
from settings.route import Gateway, Ingress
from text.hostname import normal


def _route(facts: Facts) -> Result:
    cluster, route, host = there(facts.cluster), facts.settings.route, facts.settings.host
    stated = cluster.plan.route
    live = cluster.live.get(stated.ref) if stated else None
    if stated is None or live is None:
        return failed(facts, wording.ROUTE_MISSING, f"there is no {stated.ref if stated else 'route'}")
    if isinstance(route, Gateway):
        return _rivalled(facts, cluster, stated.ref) or _http_route(facts, live)
    immich = facts.settings.immich
    wanted = f"{host} → {immich.backend.service}:{immich.backend.port}"
    backends = [f"{rule_host} → {backend}" for rule_host, backend in _backends(live)]
    if wanted not in backends:
        return failed(
            facts, wording.ROUTE_CHANGED, f"{stated.ref} has {'; '.join(backends) or 'no rule'}, not {wanted}"
        )
    if isinstance(route, Ingress) and (problem := _of_class(facts, cluster, route, live)):
        return problem
    if problem := _rivalled(facts, cluster, stated.ref):
        return problem
    addresses = live.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    shown = ", ".join(str(one.get("ip") or one.get("hostname")) for one in addresses)
    accepted = (
        f"accepted, with address {shown}" if shown else "no controller has written an address into it, as is usual"
    )
    return Passed(f"{stated.ref}: {wanted}; {accepted}")


def _of_class(facts: Facts, cluster: ClusterFacts, route: Ingress, live: Manifest) -> Result | None:
    found = live["spec"].get("ingressClassName")
    if found != route.class_name:
        return failed(facts, wording.ROUTE_CHANGED, f"{Ref.of(live)} is of class {found}, not {route.class_name}")
    if route.class_name not in cluster.ingress_classes:
        has = ", ".join(cluster.ingress_classes) or "none"
        fault = wording.CLASS_RENAMED if len(cluster.ingress_classes) == 1 else wording.CLASS_MISSING
        evidence = f"the cluster has no IngressClass {route.class_name}. It has: {has}"
        return failed(facts, fault, evidence, ingress_class=has)
    return None


def _backends(ingress: Manifest) -> Iterator[tuple[str, str]]:
    for rule in ingress["spec"].get("rules", []):
        for path in rule.get("http", {}).get("paths", []):
            if path.get("path", "/") == "/":
                service = path["backend"].get("service", {})
                port = service.get("port", {})
                yield rule.get("host", "*"), f"{service.get('name')}:{port.get('number') or port.get('name')}"


def _rivalled(facts: Facts, cluster: ClusterFacts, ours: Ref) -> Result | None:
    host = facts.settings.host
    gateways = cluster.seen.routes.gateways or ()
    for route in (*(cluster.seen.ingresses or ()), *cluster.seen.routes.others):
        rival = Ref.of(route)
        if rival != ours and normal(host) in hosts(route, gateways).names and not kept_to(route, host):
            place = {"kind": rival.kind.lower(), "namespace": rival.namespace or "", "name": rival.name}
            return failed(facts, wording.HOST_SERVED_TWICE, f"{rival} serves {host}, too", **place)
    return None


def _http_route(facts: Facts, live: Manifest) -> Result:
    name, immich, host = live["metadata"]["name"], facts.settings.immich, facts.settings.host
    backends = [
        (backend.get("name"), backend.get("port"))
        for rule in live["spec"].get("rules", [])
        for backend in rule.get("backendRefs", [])
    ]
    hostnames = live["spec"].get("hostnames", [])
    if (immich.backend.service, immich.backend.port) not in backends or host not in hostnames:
        led, to = ", ".join(hostnames), ", ".join(f"{service}:{port}" for service, port in backends)
        return failed(facts, wording.ROUTE_CHANGED, f"HTTPRoute {name} leads {led or 'any host'} to {to or 'nothing'}")
    conditions = [
        condition
        for parent in live.get("status", {}).get("parents", [])
        for condition in parent.get("conditions", [])
        if condition["type"] in {"Accepted", "ResolvedRefs"}
    ]
    refused = [f"{one['type']}: {one.get('message', '')}" for one in conditions if one["status"] != "True"]
    if refused or not conditions:
        return failed(
            facts, wording.ROUTE_NOT_ACCEPTED, "; ".join(refused) or "no Gateway has answered for it", name=name
        )
    return Passed(f"HTTPRoute {name} is accepted, {host} → {immich.backend.service}:{immich.backend.port}")


ROUTE = Check(
    "route",
    "the Ingress or HTTPRoute is accepted, and leads the host to Immich's Service",
    _route,
    (
        wording.ROUTE_MISSING,
        wording.ROUTE_CHANGED,
        wording.CLASS_MISSING,
        wording.CLASS_RENAMED,
        wording.HOST_SERVED_TWICE,
        wording.ROUTE_NOT_ACCEPTED,
    ),
    ROUTED,
)
