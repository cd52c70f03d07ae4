"""A claim that is there, its volume, and where it is in use."""

from dataclasses import dataclass

from clients.kubernetes import ClusterApi, Manifest, Ref, permitted
from clients.nodes import host_name
from clients.volumes import claim_names
from components import immich_server
from settings import Settings
from settings.storage import Existing

_ONE_NODE = {"ReadWriteOnce"}


@dataclass(frozen=True)
class ExistingSeen:
    """What there is of `storage.kind: existing`.

    Attributes:
        claim: the claim that the sync writes to; None when it does not exist.
        read: the one that Immich reads from, which may be the same.
        volume: the volume of the first; None when it has none yet, or when it may not be read.
        nodes: host names of the nodes where it is in use, or where Immich runs when it is in use nowhere; only of a
            claim that one node at a time can mount.

    """

    claim: Manifest | None
    read: Manifest | None
    volume: Manifest | None = None
    nodes: frozenset[str] = frozenset()

    @property
    def on_one_node(self) -> bool:
        """Whether only one node at a time can mount the claim."""
        return self.claim is not None and set(modes(self.claim)) <= _ONE_NODE

    @property
    def node(self) -> str:
        """The node that pods with the claim have to run on; empty where that is any, or unknown."""
        return next(iter(self.nodes)) if len(self.nodes) == 1 else ""


def modes(claim: Manifest) -> list[str]:
    """List the access modes of a claim: those of its volume, once it is bound."""
    found: list[str] = claim.get("status", {}).get("accessModes") or claim["spec"].get("accessModes") or []
    return found


def read_existing(api: ClusterApi, settings: Settings) -> ExistingSeen | None:
    """Read it; None for a stack that creates its volume itself.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read the claim.

    """
    storage = settings.storage
    if not isinstance(storage, Existing):
        return None
    claim = api.get(Ref("v1", "PersistentVolumeClaim", storage.claim.name, storage.claim.namespace))
    of_immich = storage.immich_claim
    read = (
        api.get(Ref("v1", "PersistentVolumeClaim", of_immich.name, settings.immich.namespace)) if of_immich else claim
    )
    name = claim["spec"].get("volumeName") if claim else None
    seen = ExistingSeen(claim, read, permitted(lambda: api.get(Ref("v1", "PersistentVolume", name))) if name else None)
    return ExistingSeen(claim, read, seen.volume, _nodes(api, storage)) if seen.on_one_node else seen


def _nodes(api: ClusterApi, storage: Existing) -> frozenset[str]:
    pods = [
        pod
        for pod in api.list(Ref("v1", "Pod", "", storage.claim.namespace))
        if pod.get("status", {}).get("phase") == "Running" and pod["spec"].get("nodeName")
    ]
    using = [pod for pod in pods if storage.claim.name in claim_names(pod["spec"])]
    immichs = [pod for pod in pods if any(map(immich_server.runs_server, pod["spec"]["containers"]))]
    return frozenset(_host_name(api, pod["spec"]["nodeName"]) for pod in using or immichs)


def _host_name(api: ClusterApi, name: str) -> str:
    node = permitted(lambda: api.get(Ref("v1", "Node", name)))
    return (host_name(node) if node else "") or name
