"""What leads requests into the cluster: routes of all kinds, and what would serve the stack's own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from clients.kubernetes import ClusterApi, Manifest, Ref
from observe.lists import Listed
from settings import Settings
from settings.cloudflare import LocalTunnel, SharedTunnel
from settings.route import Gateway, Ingress, NoRoute
from text.hostname import normal

GATEWAY_API = "gateway.networking.k8s.io/v1"
# Kinds of custom resources that lead a host somewhere; the old group is of Traefik 2.
KINDS = (
    (GATEWAY_API, "HTTPRoute"),
    ("traefik.io/v1alpha1", "IngressRoute"),
    ("traefik.containo.us/v1alpha1", "IngressRoute"),
)
_HOSTS_OF_MATCH = re.compile(r"(?<!!)\bHost\(([^)]*)\)")
_QUOTED = re.compile(r"[`\"']([^`\"']+)[`\"']")


@dataclass(frozen=True)
class RoutesSeen:
    """Routes and what serves them, as read; None is unknown: it may not be read, or does not concern the stack.

    Attributes:
        others: all routes of the cluster that are no Ingress.
        ingress_classes: the IngressClasses.
        pods: the pods of all namespaces: a controller is one of them, and so is a cloudflared.
        gateway_api: whether the API server has HTTPRoutes.
        gateways: the Gateways.

    """

    others: tuple[Manifest, ...] = ()
    ingress_classes: tuple[Manifest, ...] | None = None
    pods: tuple[Manifest, ...] | None = None
    gateway_api: bool | None = None
    gateways: tuple[Manifest, ...] | None = None


def read_routes(api: ClusterApi, settings: Settings, listed: Listed) -> RoutesSeen:
    """Read it, as far as the stack's route is concerned.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read.

    """
    shared = isinstance(settings.cloudflare, SharedTunnel | LocalTunnel) and not settings.origin.url
    pods = listed(Ref("v1", "Pod", "")) if shared or isinstance(settings.route, Ingress) else None
    running = None if pods is None else tuple(pods)
    if isinstance(settings.route, NoRoute):
        return RoutesSeen(pods=running)
    served = [(version, kind) for version, kind in KINDS if api.serves(version, kind)]
    others = [one for version, kind in served for one in listed(Ref(version, kind, "")) or ()]
    in_ingress, on_gateway = isinstance(settings.route, Ingress), isinstance(settings.route, Gateway)
    gateway_api = (GATEWAY_API, "HTTPRoute") in served
    classes = listed(Ref("networking.k8s.io/v1", "IngressClass", "")) if in_ingress else None
    gateways = listed(Ref(GATEWAY_API, "Gateway", "")) if on_gateway and gateway_api else None
    return RoutesSeen(
        others=tuple(others),
        ingress_classes=None if classes is None else tuple(classes),
        pods=running,
        gateway_api=gateway_api,
        gateways=None if gateways is None else tuple(gateways),
    )


def hosts(route: Manifest) -> set[str]:
    """Name the hosts that a route of any kind leads somewhere, in the normal form."""
    return {normal(host) for host in _hosts(route) if host}


def _hosts(route: Manifest) -> Iterator[str]:
    spec = route.get("spec") or {}
    match route["kind"]:
        case "Ingress":
            yield from (rule.get("host", "") for rule in spec.get("rules") or ())
        case "HTTPRoute":
            yield from spec.get("hostnames") or ()
        case "IngressRoute":
            for rule in spec.get("routes") or ():
                for matcher in _HOSTS_OF_MATCH.findall(rule.get("match", "")):
                    yield from _QUOTED.findall(matcher)
