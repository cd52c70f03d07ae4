"""What leads requests into the cluster: routes of all kinds, and what would serve the stack's own."""

from dataclasses import dataclass

from clients.kubernetes import ClusterApi, Manifest, Ref, permitted
from observe import route_kinds
from observe.lists import Listed
from observe.route_hosts import hosts
from observe.route_kinds import GATEWAY_API
from settings import Settings
from settings.cloudflare import LocalTunnel, SharedTunnel
from settings.route import Gateway, Ingress, NoRoute

CERT_MANAGER = "cert-manager.io/v1"


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
        certificate: whether the Secret of the route's certificate exists that nothing is asked to write.

    """

    others: tuple[Manifest, ...] = ()
    ingress_classes: tuple[Manifest, ...] | None = None
    pods: tuple[Manifest, ...] | None = None
    gateway_api: bool | None = None
    gateways: tuple[Manifest, ...] | None = None
    issuers: tuple[Manifest, ...] | None = None
    certificate: bool | None = None


def read_routes(api: ClusterApi, settings: Settings, listed: Listed, *, secrets: bool = True) -> RoutesSeen:
    """Read it, as far as the stack's route is concerned; without `secrets`, no Secret.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read.

    """
    shared = isinstance(settings.cloudflare, SharedTunnel | LocalTunnel) and not settings.origin.url
    pods = listed(Ref("v1", "Pod", "")) if shared or isinstance(settings.route, Ingress) else None
    running = None if pods is None else tuple(pods)
    if isinstance(settings.route, NoRoute):
        return RoutesSeen(pods=running)
    served = route_kinds.served(api)
    others = [one for version, kind in served for one in listed(Ref(version, kind, "")) or ()]
    in_ingress, on_gateway = isinstance(settings.route, Ingress), isinstance(settings.route, Gateway)
    gateway_api = (GATEWAY_API, "HTTPRoute") in served
    classes = listed(Ref("networking.k8s.io/v1", "IngressClass", "")) if in_ingress else None
    by_listeners = any(route_kinds.is_on_gateway(one) and not hosts(one).names for one in others)
    goes_by = gateway_api and (on_gateway or by_listeners)
    gateways = listed(Ref(GATEWAY_API, "Gateway", "")) if goes_by else None
    return RoutesSeen(
        others=tuple(others),
        ingress_classes=None if classes is None else tuple(classes),
        pods=running,
        gateway_api=gateway_api,
        gateways=None if gateways is None else tuple(gateways),
        issuers=_issuers(api, settings, listed),
        certificate=_has_certificate(api, settings) if secrets else None,
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


def _has_certificate(api: ClusterApi, settings: Settings) -> bool | None:
    secret = settings.route.own_secret if isinstance(settings.route, Ingress) else None
    if secret is None:
        return None
    return permitted(lambda: api.get(Ref("v1", "Secret", secret, settings.immich.namespace)) is not None)
