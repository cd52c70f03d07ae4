"""What our pods may do in the network: NetworkPolicies, and what of them several need."""

from collections.abc import Mapping
from typing import Final

from clients.kubernetes import Manifest, Ref
from components.ownership import Ownership

# DNS, to anywhere: a node's own resolver has no labels.
NAMES: Final[Manifest] = {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}


def nothing(name: str, namespace: str, pods: Mapping[str, str], ownership: Ownership) -> Manifest:
    """Build the NetworkPolicy of pods that neither open nor accept connections."""
    spec = {"podSelector": {"matchLabels": dict(pods)}, "policyTypes": ["Ingress", "Egress"]}
    return ownership.whole(Ref("networking.k8s.io/v1", "NetworkPolicy", name, namespace), spec=spec)
