"""Whether what a tunnel leads to is there, speaks what it is called over, and leads on to Immich. Pure."""

import re
from collections.abc import Iterable, Iterator

from clients.ingress_rules import Rule
from clients.kubernetes import Manifest, Ref
from clients.tunnel_document import DocumentError, TunnelDocument
from components import local_route
from components.immich_server import tcp_ports
from observe.cloudflare import CloudflareSeen
from observe.cluster import ClusterSeen, origin_of
from preflight import wording
from preflight.selectors import matches
from settings import Settings
from settings.cloudflare import LocalTunnel, SharedTunnel
from settings.model import CLUSTER_DOMAIN
from settings.origin import PORTS, TunnelOrigin
from settings.route import Gateway, Ingress
from text.finding import Finding

_TLS = ("https", "kubernetes.io/wss", "grpcs", "tls")
_PLAIN = ("http", "kubernetes.io/ws", "kubernetes.io/h2c", "h2c")
# By which annotations an Ingress has http redirected; the controllers have their own prefixes.
_REDIRECTS = {"force-ssl-redirect", "ssl-redirect", "redirect-to-https", "force-https"}
_YES = {"true", "enabled", "enforced", "yes", "on", "1"}
# Controllers that redirect http as soon as an Ingress states TLS, unless an annotation says false.
_BY_TLS = ("k8s.io/ingress-nginx", "haproxy-ingress.github.io/controller")
_ENTRY_POINTS = "traefik.ingress.kubernetes.io/router.entrypoints"
_TRAEFIK_REDIRECT = r"--entrypoints\.{}\.http\.redirections\.entrypoint\.to="


def missing(settings: Settings, cluster: ClusterSeen) -> Iterator[Finding]:
    """Find why a tunnel can't lead where it is to lead."""
    service, address_of = cluster.origin, cluster.origin_address_of
    backend, ref = settings.origin_service, origin_of(settings)
    if address_of:
        yield wording.ORIGIN_OF_SERVICE.found(Ref.of(address_of))
    if backend is None or ref is None:
        return
    if settings.origin.service:  # Immich's own is asked for anyway
        if service is None:
            yield wording.ORIGIN_MISSING.found(ref)
            return
        ports = [port["port"] for port in tcp_ports(service)]
        if backend.port not in ports:
            has = ", ".join(map(str, ports)) or "none"
            yield wording.ORIGIN_PORT_MISSING.found(ref, port=backend.port, has=has)
    called = settings.origin.scheme or "http"
    port = next((one for one in tcp_ports(service or {"spec": {}}) if one["port"] == backend.port), None)
    if port and (speaks := _speaks(port)) not in {"", called}:
        yield wording.ORIGIN_SCHEME.found(ref, port=backend.port, speaks=speaks, called=called)


def findings(settings: Settings, cluster: ClusterSeen, cloudflare: CloudflareSeen) -> Iterator[Finding]:
    """Find what keeps requests from reaching Immich although all of it is there."""
    origin = settings.origin
    if origin.is_https and not _is_verifiable(origin):
        yield wording.ORIGIN_CERTIFICATE.found(settings.origin_url)
    by_name = isinstance(settings.route, Gateway) and any(
        one.get("hostname") for one in _listeners(settings.route, cluster)
    )
    if origin.service and origin.is_https and by_name and not (origin.origin_server_name or origin.match_sni_to_host):
        yield wording.ORIGIN_SERVER_NAME.found(origin_of(settings), host=settings.host)
    over_http = cluster.origin if origin.service and not origin.is_https else None
    if reason := next(_redirecting(settings, cluster, over_http), "") if over_http else "":
        yield wording.ORIGIN_REDIRECTS.found(origin_of(settings), reason=reason)
    if not origin.url:
        yield from _outside(settings, cluster, cloudflare)
        yield from _domain(settings, cloudflare)
    if isinstance(settings.cloudflare, SharedTunnel) and cloudflare.inherited.get("connectTimeout"):
        yield wording.CONNECT_TIMEOUT.found(settings.cloudflare.tunnel)


def _speaks(port: Manifest) -> str:
    """What a Service says that its port speaks: `http`, `https`, or nothing."""
    protocol, name = str(port.get("appProtocol", "")).lower(), str(port.get("name", ""))
    if protocol:
        return "https" if protocol in _TLS else "http" if protocol in _PLAIN else ""
    by_number = {number: scheme for scheme, number in PORTS.items()}
    if port["port"] in by_number:
        return by_number[port["port"]]
    return "https" if name == "https" or name.startswith("https-") else ""


def _is_verifiable(origin: TunnelOrigin) -> bool:
    # A certificate is for the name that is called: a Service has none, and an address hardly ever.
    by_name = re.search(r"//[^\[]*[a-z]", origin.url or "") is not None
    return bool(origin.origin_server_name or origin.match_sni_to_host or origin.no_tls_verify) or by_name


def _redirecting(settings: Settings, cluster: ClusterSeen, service: Manifest) -> Iterator[str]:
    """Tell why requests over http are answered with a redirect to https, or not at all."""
    route = settings.route
    if isinstance(route, Gateway):
        yield from _listening_elsewhere(settings, route, cluster, service)
    if not isinstance(route, Ingress):
        return
    stated = {key.rpartition("/")[2]: (key, value) for key, value in route.annotations.items()}
    for name in sorted(_REDIRECTS & stated.keys()):
        key, value = stated[name]
        if value.lower() in _YES:
            yield f"{key} is {value}"
    if route.tls and stated.get("ssl-redirect", ("", ""))[1].lower() != "false" and _class(route, cluster) in _BY_TLS:
        yield "route.tls is set, and no annotation ssl-redirect is false"
    points = route.annotations.get(_ENTRY_POINTS, "")
    named = {str(port.get("targetPort")) for port in tcp_ports(service) if port["port"] == _port(settings)}
    if points and not named & {point.strip() for point in points.split(",")}:
        yield f"{_ENTRY_POINTS} is {points}"
    if points := next(_of_traefik(cluster, service, named), ""):
        yield f"its pods are started with {points}"


def _port(settings: Settings) -> int:
    backend = settings.origin_service
    return backend.port if backend else 0


def _class(route: Ingress, cluster: ClusterSeen) -> str:
    classes = cluster.routes.ingress_classes or ()
    known = next((one for one in classes if one["metadata"]["name"] == route.class_name), {})
    return str(known.get("spec", {}).get("controller", "k8s.io/ingress-nginx" if route.class_name == "nginx" else ""))


def _of_traefik(cluster: ClusterSeen, service: Manifest, entry_points: Iterable[str]) -> Iterator[str]:
    namespace, selector = service["metadata"].get("namespace"), service["spec"].get("selector")
    pods = [
        pod
        for pod in cluster.routes.pods or ()
        if pod["metadata"].get("namespace") == namespace
        and selector
        and matches({"matchLabels": selector}, pod["metadata"].get("labels") or {})
    ]
    for argument in (arg for pod in pods for one in pod["spec"].get("containers", []) for arg in one.get("args") or []):
        if any(re.match(_TRAEFIK_REDIRECT.format(re.escape(point)), argument, re.IGNORECASE) for point in entry_points):
            yield argument


def _listening_elsewhere(settings: Settings, route: Gateway, cluster: ClusterSeen, service: Manifest) -> Iterator[str]:
    """Tell that no listener that the route attaches to is behind the Service's port; unknown ones are not judged."""
    listeners = _listeners(route, cluster)
    port = next((one for one in tcp_ports(service) if one["port"] == _port(settings)), {})
    target = port.get("targetPort", port.get("port"))
    if listeners and isinstance(target, int) and not {port["port"], target} & {one.get("port") for one in listeners}:
        yield f"the listeners of the route have {', '.join(sorted({str(one.get('port')) for one in listeners}))}"


def _listeners(route: Gateway, cluster: ClusterSeen) -> list[Manifest]:
    """List the listeners that the route attaches to, as far as its Gateways are known."""
    wanted = [((one.gateway_namespace, one.gateway), one.section_name) for one in route.all_parents]
    return [
        listener
        for gateway in cluster.routes.gateways or ()
        for place, section in wanted
        if place == (gateway["metadata"].get("namespace", ""), gateway["metadata"]["name"])
        for listener in gateway["spec"].get("listeners", [])
        if section in {None, listener["name"]}
    ]


def _outside(settings: Settings, cluster: ClusterSeen, cloudflare: CloudflareSeen) -> Iterator[Finding]:
    """Find that the tunnel is connected from outside the cluster, where no Service is reached."""
    pods = cluster.routes.pods
    if not isinstance(settings.cloudflare, SharedTunnel | LocalTunnel) or pods is None or not cloudflare.connectors:
        return
    images = [str(one.get("image", "")) for pod in pods for one in pod["spec"].get("containers", [])]
    if not any("cloudflared" in image for image in images):
        yield wording.CONNECTOR_OUTSIDE.found(settings.cloudflare.tunnel or "", service=origin_of(settings))


def _domain(settings: Settings, cloudflare: CloudflareSeen) -> Iterator[Finding]:
    """Find that the tunnel names its Services in another domain than ours, which is only assumed."""
    if settings.cluster.domain:
        return
    for domain in sorted(local_route.domains([*_rules(cloudflare)])):
        yield wording.CLUSTER_DOMAIN.found(domain, assumed=CLUSTER_DOMAIN)


def _rules(cloudflare: CloudflareSeen) -> Iterable[Rule]:
    if cloudflare.rules:
        return cloudflare.rules.settled
    connector = cloudflare.local.connector if cloudflare.local else None
    try:
        return TunnelDocument.read((connector.text if connector else None) or "").rules
    except DocumentError:
        return ()
