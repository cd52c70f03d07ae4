"""What stays free on the photo disk, and why it is more where the disk is the kubelet's own filesystem."""

from dataclasses import dataclass

from kubernetes.utils.quantity import parse_quantity

# With less than that, in per cent, the kubelet evicts every pod of its node by default, and as the photos stay, it does
# not heal (source: Kubernetes' docs, "Node-pressure Eviction": imagefs, which is more than nodefs; nodefs' inodes).
EVICTS_BELOW = 15
EVICTS_BELOW_INODES = 5
_OWN, _NODES = "10Gi", "20%"
_MIB = 1 << 20


@dataclass(frozen=True)
class Floor:
    """What stays free: MiB, or per cent of space and inodes.

    Attributes:
        own: on a filesystem of the photos' own.
        node: on the kubelet's.

    """

    own: str
    node: str

    def of(self, total: int, *, on_node: bool) -> int:
        """MiB that stay free on a filesystem that has so many."""
        floor = self.node if on_node else self.own
        return total * int(floor[:-1]) // 100 if floor.endswith("%") else int(floor)


def floor(stated: str | None) -> Floor:
    """Read the setting; one that is stated holds everywhere."""
    return Floor(_in_mib(stated or _OWN), _in_mib(stated or _NODES))


def _in_mib(size: str) -> str:
    return size if size.endswith("%") else str(int(parse_quantity(size) / _MIB))
