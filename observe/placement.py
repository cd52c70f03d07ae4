"""Where pods may run: the photos' node, and the claims that tie pods to nodes."""

from collections.abc import Iterable
from dataclasses import dataclass

from clients.kubernetes import Manifest, Ref
from clients.nodes import of_host_name
from observe.lists import Listed
from settings import Settings
from settings.storage import OnNode


@dataclass(frozen=True)
class Placement:
    """What ties pods to nodes, where the photos are on one; None is unknown.

    Attributes:
        node: the photos' node.
        claims: the claims of Immich's and the photo-sync namespace.
        volumes: the PersistentVolumes.

    """

    node: Manifest | None = None
    claims: tuple[Manifest, ...] | None = None
    volumes: tuple[Manifest, ...] | None = None

    def claims_of(self, pod: Manifest, namespace: str | None) -> list[Manifest]:
        """List the claims that a pod mounts, as far as they are known."""
        mounted = [one.get("persistentVolumeClaim", {}).get("claimName") for one in pod.get("volumes", [])]
        metadata = [(one, one["metadata"]) for one in self.claims or ()]
        return [one for one, named in metadata if named["name"] in mounted and named.get("namespace") == namespace]


def read_placement(
    settings: Settings, nodes: Iterable[Manifest], volumes: Iterable[Manifest] | None, listed: Listed
) -> Placement:
    """Read it; `nodes` and `volumes` are the cluster's."""
    if not isinstance(settings.storage, OnNode):
        return Placement()
    namespaces = dict.fromkeys((settings.immich.namespace, settings.photo_sync.namespace))
    claims = [listed(Ref("v1", "PersistentVolumeClaim", "", namespace)) for namespace in namespaces]
    known = [one for one in claims if one is not None]
    return Placement(
        node=of_host_name(nodes, settings.storage.node),
        claims=tuple(claim for one in known for claim in one) if len(known) == len(claims) else None,
        volumes=None if volumes is None else tuple(volumes),
    )
