"""How requests for the host reach Immich's Service."""

from clients.kubernetes import Manifest
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
    annotations = {**route.annotations, "pulumi.com/skipAwait": "true"}
    backend = {"service": {"name": immich.backend.service, "port": {"number": immich.backend.port}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": ownership.metadata("Ingress", route.name, immich.namespace, annotations),
        "spec": {"ingressClassName": route.class_name, "rules": [{"host": host, "http": {"paths": [path]}}]},
    }


def _http_route(route: settings.Gateway, host: str, immich: Immich, ownership: Ownership) -> Manifest:
    rule = {
        "backendRefs": [{"name": immich.backend.service, "port": immich.backend.port}],
        "timeouts": {"request": "0s"},  # no limit: Envoy's default of 15 s ends an upload
    }
    parent = {"name": route.gateway, "namespace": route.gateway_namespace}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": ownership.metadata("HTTPRoute", route.name, immich.namespace),
        "spec": {"parentRefs": [parent], "hostnames": [host], "rules": [rule]},
    }
