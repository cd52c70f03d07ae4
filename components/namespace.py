"""A namespace whose PodSecurity labels let our pods in: one of this stack, or one that exists already."""

from clients.kubernetes import Manifest, Ref
from components import pod_security
from components.ownership import Ownership
from components.pod_security import FoundLevels, Level


def namespace(name: str, level: Level, ownership: Ownership) -> Manifest:
    """Build a namespace of this stack."""
    return ownership.whole(Ref("v1", "Namespace", name), labels=pod_security.labels(level))


def entries(name: str, level: Level, found: FoundLevels, annotations: dict[str, str] | None = None) -> Manifest | None:
    """Build what we state in a namespace that exists already; None when there is nothing to state."""
    stated = {
        key: value
        for key, value in {"labels": pod_security.labels_to_add(level, found), "annotations": annotations or {}}.items()
        if value
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **stated}} if stated else None
