"""The kinds of custom resources that may lead a host somewhere."""

from collections.abc import Iterator
from typing import Final

from clients.kubernetes import ClusterApi, Manifest, Ref

GATEWAY_API: Final = "gateway.networking.k8s.io/v1"
# Of several versions of a kind, the first that is served counts. IngressRouteUDP and TCPRoute know no hosts.
KINDS: Final = (
    (GATEWAY_API, "HTTPRoute"),
    (GATEWAY_API, "GRPCRoute"),
    *((f"gateway.networking.k8s.io/{version}", "TLSRoute") for version in ("v1", "v1alpha3", "v1alpha2")),
    # The second group is of Traefik 2.
    *((f"{group}/v1alpha1", kind)
      for group in ("traefik.io", "traefik.containo.us") for kind in ("IngressRoute", "IngressRouteTCP")),
    ("projectcontour.io/v1", "HTTPProxy"),
    *((f"networking.istio.io/{version}", "VirtualService") for version in ("v1", "v1beta1", "v1alpha3")),
    ("route.openshift.io/v1", "Route"),
    ("k8s.nginx.org/v1", "VirtualServer"),
)  # fmt: skip


def served(api: ClusterApi) -> list[tuple[str, str]]:
    """List those that the API server has.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read.

    """
    versions, found = api.versions(), dict[tuple[str, str], tuple[str, str]]()
    for version, kind in KINDS:
        of_group = (_group(version), kind)
        if version in versions and of_group not in found and api.serves(version, kind):
            found[of_group] = (version, kind)
    return [*found.values()]


def is_on_gateway(route: Manifest) -> bool:
    """Whether a route is of Gateway API, where a Gateway's listeners may state its hosts."""
    return _group(route["apiVersion"]) == _group(GATEWAY_API)


def resources() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name each API group's resources, as a role does."""
    for group in dict.fromkeys(_group(version) for version, _ in KINDS):
        named = (Ref(version, kind, "") for version, kind in KINDS if _group(version) == group)
        yield group, tuple(dict.fromkeys(ref.collection.rpartition("/")[2] for ref in named))


def _group(api_version: str) -> str:
    return api_version.partition("/")[0]
