"""What each question offers, in the form of an answer; the first one is its default. Pure."""

from collections import Counter
from typing import Final

from pydantic import TypeAdapter, ValidationError

from clients.kubernetes import Manifest, Ref
from observe.candidates import Candidates
from observe.route_hosts import hosts
from preflight import gateway_rules, route_rules
from settings.model import Hostname

_HOST: Final = TypeAdapter[str](Hostname)
_DIRECTORY = "/var/mnt/icloud-photos"


def namespaces(candidates: Candidates) -> list[str]:
    """Offer the namespaces that run Immich's server."""
    return _once([one["metadata"]["namespace"] for one in candidates.immich]) or ["immich"]


def host_names(candidates: Candidates, namespace: str) -> list[str]:
    """Offer the hosts that lead to Immich's namespace, and a name beside those of other applications."""
    own = [host for route in _of(candidates, namespace) for host in _names(route)]
    other = Counter(host.partition(".")[2] for route in candidates.routes for host in _names(route))
    return _once([*own, *(f"immich.{domain}" for domain, _ in other.most_common(1) if "." in domain)])


def _names(route: Manifest) -> list[str]:
    """List a route's hosts that may be a stack's: no address, as in a rule of Traefik, and no name of one word."""
    return [host for host in sorted(hosts(route).names) if _is_host(host)]


def _is_host(name: str) -> bool:
    try:
        _HOST.validate_python(name)
    except ValidationError:
        return False
    return True


def storage(candidates: Candidates, namespace: str) -> list[str]:
    """Offer claims that nothing mounts in Immich's namespace, and a directory of each node, Immich's first."""
    claims = [f"existing {one.namespace}/{one.name}" for one in candidates.claims if one.namespace == namespace]
    return [*claims, *(f"local {node} {_DIRECTORY}" for node in candidates.nodes if node)]


def published(candidates: Candidates, namespace: str, host: str, tunnels: list[str]) -> list[str]:
    """Offer each way to Immich that the cluster and the Cloudflare account have, and that a preview would accept."""
    done = ["none, none"] if any(host in hosts(route).names for route in _of(candidates, namespace)) else []
    classes = [
        f"ingress {one['metadata']['name']}"
        for one in candidates.ingress_classes
        if route_rules.is_served(one, candidates.pods)
    ]
    live = next((one for one in candidates.namespaces if one["metadata"]["name"] == namespace), None)
    wanted = gateway_rules.Request(host, namespace, live)
    gateways = [Ref.of(one) for one in candidates.gateways if not list(gateway_rules.of_gateway(one, wanted))]
    routes = [*(f"gateway {one.namespace}/{one.name}" for one in gateways), *classes] or ["none"]
    local = ["localTunnel"] if candidates.connectors else []
    outside = [*local, *(f"sharedTunnel {name}" for name in tunnels), "ownTunnel", "none"]
    return _once([*done, *(f"{routes[0]}, {one}" for one in outside), *(f"{one}, {outside[0]}" for one in routes[1:])])


def _of(candidates: Candidates, namespace: str) -> list[Manifest]:
    return [one for one in candidates.routes if one["metadata"].get("namespace") == namespace]


def _once(several: list[str]) -> list[str]:
    return list(dict.fromkeys(several))
