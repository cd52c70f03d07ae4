"""What leads requests into the cluster: routes of all kinds, and what would serve the stack's own."""

from dataclasses import dataclass

from clients.kubernetes import ClusterApi, Manifest, Ref
from observe.lists import Listed
from observe.route_hosts import hosts
from settings import Settings
from settings.cloudflare import LocalTunnel, SharedTunnel
from settings.route import Gateway, Ingress, NoRoute

GATEWAY_API = "gateway.networking.k8s.io/v1"
CERT_MANAGER = "cert-manager.io/v1"
# Kinds of custom resources that lead a host somewhere; the old group is of Traefik 2.
KINDS = (
    (GATEWAY_API, "HTTPRoute"),
    ("traefik.io/v1alpha1", "IngressRoute"),
    ("traefik.containo.us/v1alpha1", "IngressRoute"),
)


@dataclass(frozen=True)
class RoutesSeen:
    """Routes and what serves them, as read; None is unknown: it may not be read, or does not concern the stack.

    Attributes:
        others: all routes of the cluster that are no Ingress.
        ingress_classes: the IngressClasses.
        pods: the pods of all namespaces: a controller is one of them, and so is a cloudflared.
        gateway_api: whether the API server has HTTPRoutes.
        gateways: the Gateways, where a route goes by their hosts.
        issuers: those of cert-manager, of the kind that the route's certificate is of.

    """

    others: tuple[Manifest, ...] = ()
    ingress_classes: tuple[Manifest, ...] | None = None
    pods: tuple[Manifest, ...] | None = None
    gateway_api: bool | None = None
    gateways: tuple[Manifest, ...] | None = None
    issuers: tuple[Manifest, ...] | None = None


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
    by_listeners = any(one["kind"] == "HTTPRoute" and not hosts(one).names for one in others)
    goes_by = gateway_api and (on_gateway or by_listeners)
    gateways = listed(Ref(GATEWAY_API, "Gateway", "")) if goes_by else None
    return RoutesSeen(
        others=tuple(others),
        ingress_classes=None if classes is None else tuple(classes),
        pods=running,
        gateway_api=gateway_api,
        gateways=None if gateways is None else tuple(gateways),
        issuers=_issuers(api, settings, listed),
    )


def _issuers(api: ClusterApi, settings: Settings, listed: Listed) -> tuple[Manifest, ...] | None:
    tls = settings.route.tls if isinstance(settings.route, Ingress) else None
    if tls is None or tls.issuer is None:
        return None
    if not api.serves(CERT_MANAGER, tls.issuer_kind):
        return ()
    place = settings.immich.namespace if tls.issuer_kind == "Issuer" else None
    found = listed(Ref(CERT_MANAGER, tls.issuer_kind, "", place))
    return None if found is None else tuple(found)
