"""All that runs in the cluster and could write to the photo disk, and the volumes by which it could."""

from dataclasses import dataclass
from typing import Final

from clients.conditions import end_of_job, is_over
from clients.kubernetes import Manifest, Ref
from observe.lists import Lists
from text.resource_types import WORKLOADS

_KINDS: Final = (
    Ref("batch/v1", "CronJob", ""),
    *(Ref("apps/v1", kind, "") for kind in WORKLOADS),
    Ref("batch/v1", "Job", ""),
    Ref("v1", "Pod", ""),
)


@dataclass(frozen=True)
class WritersSeen:
    """What could write.

    Attributes:
        workloads: those that have pods or will have some, whose pods no other workload makes.
        volumes: all PersistentVolumes.
        forbidden: what may not be read, in the API server's words.

    """

    workloads: tuple[Manifest, ...] = ()
    volumes: tuple[Manifest, ...] = ()
    forbidden: tuple[str, ...] = ()


def read_writers(lists: Lists) -> WritersSeen:
    """Read them.

    Raises:
        ClusterError: when the API server can't be reached.

    """
    forbidden: list[str] = []
    workloads = tuple(one for kind in _KINDS for one in lists.of(kind, forbidden) or () if _runs(one))
    volumes = lists.of(Ref("v1", "PersistentVolume", ""), forbidden)
    return WritersSeen(workloads, tuple(volumes or ()), tuple(forbidden))


def _runs(workload: Manifest) -> bool:
    if any(owner.get("controller") for owner in workload["metadata"].get("ownerReferences", [])):
        return False
    spec = workload["spec"]
    match workload["kind"]:
        case "CronJob":
            return not spec.get("suspend")
        case "Job":
            return not spec.get("suspend") and end_of_job(workload) is None
        case "Pod":
            return not is_over(workload)
    return bool(spec.get("replicas") != 0)
