"""Whether the Gateway takes the stack's HTTPRoute: there, served, and with a listener for host and namespace. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from clients.kubernetes import Manifest
from observe.cluster import ClusterSeen
from observe.route_hosts import covers
from preflight import wording
from preflight.selectors import matches
from settings import Settings
from settings.route import Gateway, Parent
from text.finding import Finding

_WEB = {"HTTP", "HTTPS"}
_SERVING = {"Accepted", "ResolvedRefs", "Programmed"}


@dataclass(frozen=True)
class Request:
    """What a listener has to admit: the host, and the namespace of its route, as far as it exists."""

    host: str
    namespace: str
    live: Manifest | None


def findings(settings: Settings, route: Gateway, facts: ClusterSeen) -> Iterator[Finding]:
    """Find why no Gateway would lead requests for the host to Immich."""
    seen = facts.routes
    if seen.gateway_api is False:
        yield wording.GATEWAY_API_MISSING.found()
    if seen.gateways is None:
        return
    wanted = Request(settings.host, settings.immich.namespace, facts.namespace)
    for parent in route.all_parents:
        if gateway := of_parent(parent, facts):
            yield from of_gateway(gateway, wanted, parent.section_name)
        else:
            yield _missing(parent, seen.gateways)


def of_parent(parent: Parent, facts: ClusterSeen) -> Manifest | None:
    """Find the Gateway of a parent; None where there is none, or it may not be read."""
    where = (parent.gateway_namespace, parent.gateway)
    return next((one for one in facts.routes.gateways or () if _place(one) == where), None)


def of_gateway(gateway: Manifest, wanted: Request, section_name: str | None = None) -> Iterator[Finding]:
    """Find why a Gateway, or its one listener that the route names, would not lead the host to Immich."""
    name = "/".join(_place(gateway))
    yield from _served(name, gateway)
    listeners = gateway["spec"].get("listeners", [])
    named = [one for one in listeners if section_name in {None, one["name"]}]
    if not named:
        has = ", ".join(one["name"] for one in listeners)
        yield wording.GATEWAY_LACKS_LISTENER.found(name=name, listener=section_name, has=has or "none")
        return
    yield from _listened(name, gateway, named, wanted)


def _missing(parent: Parent, gateways: Collection[Manifest]) -> Finding:
    has = ", ".join("/".join(_place(one)) for one in gateways)
    return wording.GATEWAY_MISSING.found(name=f"{parent.gateway_namespace}/{parent.gateway}", has=has or "none")


def _served(name: str, gateway: Manifest) -> Iterator[Finding]:
    conditions = {one["type"]: one for one in gateway.get("status", {}).get("conditions", [])}
    for kind in ("Accepted", "Programmed"):
        # The API server's default, until a controller has written its own.
        held = conditions.get(kind, {"status": "Unknown", "message": "no controller has answered for it"})
        if held["status"] != "True":
            yield wording.GATEWAY_UNSERVED.found(name=name, reason=held.get("message") or held.get("reason") or kind)
            return


def _listened(name: str, gateway: Manifest, named: Iterable[Manifest], wanted: Request) -> Iterator[Finding]:
    listeners = [one for one in named if one.get("protocol") in _WEB and _takes_http_routes(one)]
    of_host = [one for one in listeners if covers(one.get("hostname"), wanted.host)]
    if not of_host:
        has = ", ".join(one.get("hostname", "*") for one in listeners)
        yield wording.GATEWAY_LACKS_HOST.found(name=name, host=wanted.host, has=has or "none")
        return
    taking = [one for one in of_host if _admits(one, gateway, wanted)]
    if not taking:
        yield wording.GATEWAY_REFUSES_NAMESPACE.found(name=name, namespace=wanted.namespace)
        return
    broken = [_broken(one, gateway) for one in taking]
    if all(broken):
        yield wording.GATEWAY_UNSERVED.found(name=name, reason=f"its listener {taking[0]['name']}: {broken[0]}")


def _broken(listener: Manifest, gateway: Manifest) -> str:
    """Say why a listener does not serve, such as a certificate that is missing; empty where nothing is known of it."""
    stated = gateway.get("status", {}).get("listeners") or ()
    conditions = [held for one in stated if one["name"] == listener["name"] for held in one.get("conditions") or ()]
    failing = [one for one in conditions if one["type"] in _SERVING and one["status"] == "False"]
    return next((str(one.get("message") or one.get("reason") or one["type"]) for one in failing), "")


def _takes_http_routes(listener: Manifest) -> bool:
    """Whether a listener takes HTTPRoutes, which one for HTTP does unless it says which kinds it takes."""
    kinds = (listener.get("allowedRoutes") or {}).get("kinds") or [{"kind": "HTTPRoute"}]
    return any(one["kind"] == "HTTPRoute" for one in kinds)


def _admits(listener: Manifest, gateway: Manifest, wanted: Request) -> bool:
    allowed = listener.get("allowedRoutes", {}).get("namespaces", {})
    match allowed.get("from", "Same"):
        case "All":
            return True
        case "Same":
            return bool(gateway["metadata"].get("namespace") == wanted.namespace)
        case "Selector":
            selector = allowed.get("selector") or {}
            # The API server gives each namespace the label of its name.
            stated = (wanted.live or {}).get("metadata", {}).get("labels", {})
            labels = {"kubernetes.io/metadata.name": wanted.namespace, **stated}
            return matches(selector, labels)
        case _:
            return False


def _place(gateway: Manifest) -> tuple[str, str]:
    return gateway["metadata"].get("namespace", ""), gateway["metadata"]["name"]
