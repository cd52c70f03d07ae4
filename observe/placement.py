"""Where pods may run: the photos' node, and the claims that tie pods to nodes."""

from collections.abc import Iterable
from dataclasses import dataclass

from clients.kubernetes import Manifest, Ref
from clients.nodes import of_host_name
from clients.volumes import claim_names
from observe.existing import ExistingSeen
from observe.lists import Listed
from settings import Settings
from settings.storage import OnNode


@dataclass(frozen=True)
class Placement:
    """What ties pods to nodes; None is unknown.

    Attributes:
        node: the photos' node; None where they are on none, too.
        claims: the claims of Immich's and the photo-sync namespace.
        volumes: the PersistentVolumes.
        nodes: all nodes of the cluster; empty where they may not be read.

    """

    node: Manifest | None = None
    claims: tuple[Manifest, ...] | None = None
    volumes: tuple[Manifest, ...] | None = None
    nodes: tuple[Manifest, ...] = ()

    @property
    def eligible(self) -> tuple[Manifest, ...]:
        """The nodes that Immich's pods may run on, as far as the photos decide."""
        return (self.node,) if self.node else self.nodes

    def claims_of(self, pod: Manifest, namespace: str | None, workload: Manifest | None = None) -> list[Manifest]:
        """List the claims that a pod mounts, as far as they are known; a StatefulSet has some made for each."""
        mounted = claim_names(pod, workload)
        metadata = [(one, one["metadata"]) for one in self.claims or ()]
        return [one for one, named in metadata if named["name"] in mounted and named.get("namespace") == namespace]


def read_placement(
    settings: Settings,
    nodes: Iterable[Manifest],
    volumes: Iterable[Manifest] | None,
    listed: Listed,
    existing: ExistingSeen | None = None,
) -> Placement:
    """Read it; `nodes` and `volumes` are the cluster's, `existing` a claim that is there."""
    namespaces = dict.fromkeys((settings.immich.namespace, settings.photo_sync.namespace))
    claims = [listed(Ref("v1", "PersistentVolumeClaim", "", namespace)) for namespace in namespaces]
    known, there = [one for one in claims if one is not None], tuple(nodes)
    name = settings.storage.node if isinstance(settings.storage, OnNode) else existing.node if existing else ""
    return Placement(
        node=of_host_name(there, name) if name else None,
        claims=tuple(claim for one in known for claim in one) if len(known) == len(claims) else None,
        volumes=None if volumes is None else tuple(volumes),
        nodes=there,
    )
