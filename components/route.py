"""How requests for the host reach Immich's Service."""

from clients.kubernetes import Manifest, Ref
from components.ownership import Ownership
from settings import route as settings
from settings.immich import Immich
from settings.route import Route


def manifest(route: Route, host: str, immich: Immich, ownership: Ownership) -> Manifest | None:
    """Build the Ingress or HTTPRoute; None for a cluster without either."""
    match route:
        case settings.Ingress():
            return _ingress(route, host, immich, ownership)
        case settings.Gateway():
            return _http_route(route, host, immich, ownership)
        case settings.NoRoute():
            return None


def _ingress(route: settings.Ingress, host: str, immich: Immich, ownership: Ownership) -> Manifest:
    # A homelab's ingress controller has no load balancer, hence no address to wait for.
    annotations = {**route.annotations, **_issued(route.tls), "pulumi.com/skipAwait": "true"}
    backend = {"service": {"name": immich.backend.service, "port": {"number": immich.backend.port}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    spec: Manifest = {"ingressClassName": route.class_name, "rules": [{"host": host, "http": {"paths": [path]}}]}
    if route.tls:
        spec["tls"] = [{"hosts": [host], **({"secretName": route.tls.secret} if route.tls.secret else {})}]
    ref = Ref("networking.k8s.io/v1", "Ingress", route.name, immich.namespace)
    return ownership.whole(ref, annotations, route.labels or None, spec=spec)


def _issued(tls: settings.Tls | None) -> dict[str, str]:
    """Ask cert-manager for the certificate, by the annotation that it reads."""
    if tls is None or tls.issuer is None:
        return {}
    kind = {"ClusterIssuer": "cluster-issuer", "Issuer": "issuer"}[tls.issuer_kind]
    return {f"cert-manager.io/{kind}": tls.issuer}


def _http_route(route: settings.Gateway, host: str, immich: Immich, ownership: Ownership) -> Manifest:
    rule = {
        "backendRefs": [{"name": immich.backend.service, "port": immich.backend.port}],
        "timeouts": {"request": "0s"},  # no limit: Envoy's default of 15 s ends an upload
    }
    ref = Ref("gateway.networking.k8s.io/v1", "HTTPRoute", route.name, immich.namespace)
    spec = {"parentRefs": list(map(_reference, route.all_parents)), "hostnames": [host], "rules": [rule]}
    return ownership.whole(ref, route.annotations, route.labels or None, spec=spec)


def _reference(parent: settings.Parent) -> Manifest:
    section = {"sectionName": parent.section_name} if parent.section_name else {}
    return {"name": parent.gateway, "namespace": parent.gateway_namespace, **section}
