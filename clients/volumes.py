"""What ties a PersistentVolume to a claim, and a claim to pods; and to which directory a volume leads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from clients.conditions import is_going
from clients.kubernetes import Manifest, Ref
from text.hostname import normal


@dataclass(frozen=True)
class Directory:
    """A directory: on what it lies (a node, an NFS server, a CSI driver's volume), and its path there."""

    on: tuple[str, ...]
    path: PurePosixPath

    def below(self, part: str) -> "Directory":
        """Return a directory in this one."""
        return Directory(self.on, self.path / part.strip("/"))

    def within(self, other: "Directory") -> bool:
        """Whether it is the other one, or lies in it."""
        return self.on == other.on and self.path.is_relative_to(other.path)

    def overlaps(self, other: "Directory") -> bool:
        """Whether one lies in the other."""
        return self.within(other) or other.within(self)


def source(volume: Manifest) -> str:
    """Name the kind of what a volume's files lie on; empty for a kind that this stack has not."""
    return next((kind for kind in ("hostPath", "local", "nfs", "csi") if kind in volume), "")


def directory(volume: Manifest) -> Directory | None:
    """Find where a volume leads, a pod's or the spec of a PersistentVolume; None for a kind that this stack has not."""
    match volume:
        case {"hostPath": {"path": path}} | {"local": {"path": path}}:
            return Directory(("node",), PurePosixPath(path))
        case {"nfs": {"server": server, "path": path}}:
            return Directory(("nfs", normal(server)), PurePosixPath(path))
        case {"csi": {"driver": driver, "volumeHandle": handle}}:
            return Directory(("csi", driver, handle), PurePosixPath("/"))
    return None


def claim_names(pod: Manifest, workload: Manifest | None = None) -> set[str]:
    """Name the claims that a pod mounts; a StatefulSet has some made for each of its pods."""
    mounted = {(one.get("persistentVolumeClaim") or {}).get("claimName") for one in pod.get("volumes") or ()}
    return {str(name) for name in mounted if name} | set(_of_templates(workload) if workload else ())


def _of_templates(workload: Manifest) -> Iterator[str]:
    spec, name = workload["spec"], workload["metadata"]["name"]
    first = (spec.get("ordinals") or {}).get("start", 0)
    for template in spec.get("volumeClaimTemplates") or ():
        for ordinal in range(first, first + spec.get("replicas", 1)):
            yield f"{template['metadata']['name']}-{name}-{ordinal}"


def kept_by_pods(workload: Manifest, claims: Iterable[Manifest]) -> Iterator[Ref]:
    """List claims that are being deleted and that only a workload's pods keep: with those pods go claim and data."""
    mounted, place = claim_names(workload["spec"]["template"]["spec"], workload), workload["metadata"].get("namespace")
    refs = (Ref.of(claim) for claim in claims if is_going(claim))
    yield from (ref for ref in refs if ref.name in mounted and ref.namespace == place)


def is_released(volume: Manifest, claim: Ref, live: Manifest | None) -> bool:
    """Whether a volume waits for a claim that was deleted. One that another claim has, which may be in use, does not.

    Args:
        volume: the volume.
        claim: the claim that it is meant for.
        live: that claim as it is; None when it does not exist.

    """
    tied = volume["spec"].get("claimRef", {})
    if not tied.get("uid") or (live and live["metadata"].get("uid") == tied["uid"]):
        return False
    meant = (tied.get("namespace"), tied.get("name")) == (claim.namespace, claim.name)
    return meant or volume.get("status", {}).get("phase") == "Released"


def is_default(storage_class: Manifest) -> bool:
    """Whether a claim that names no class gets this one."""
    annotations = storage_class["metadata"].get("annotations") or {}
    return bool(annotations.get("storageclass.kubernetes.io/is-default-class") == "true")
