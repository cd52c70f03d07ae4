"""A namespace whose PodSecurity labels let our pods in: one of ours, or one that somebody else made."""

import pulumi
from pulumi_kubernetes.core.v1 import Namespace

from clients.kubernetes import Manifest
from components import pod_security
from components.ownership import Ownership
from components.pod_security import FoundLevels, Level
from providers.fragment import Fragment


def namespace(name: str, level: Level, ownership: Ownership) -> Manifest:
    """Build a namespace of ours."""
    metadata = {**ownership.metadata("Namespace", name), "labels": pod_security.labels(level)}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def entries(name: str, level: Level, found: FoundLevels, annotations: dict[str, str] | None = None) -> Manifest | None:
    """Build what we state in a namespace that somebody else made; None when there is nothing to state."""
    stated = {
        key: value
        for key, value in {"labels": pod_security.labels_to_add(level, found), "annotations": annotations or {}}.items()
        if value
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **stated}} if stated else None


class OurNamespace(pulumi.ComponentResource):
    """A namespace that comes and goes with the stack."""

    def __init__(self, name: str, manifest: Manifest, opts: pulumi.ResourceOptions) -> None:
        super().__init__("immich-icloud:index:OurNamespace", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self, protect=True)
        made = Namespace(f"{name}-namespace", metadata=manifest["metadata"], opts=inside)
        self.register_outputs({"name": made.metadata.name})


class FoundNamespace(pulumi.ComponentResource):
    """A namespace that was there: only our labels in it are ours."""

    def __init__(self, name: str, entries: Manifest | None, ownership: Ownership, opts: pulumi.ResourceOptions) -> None:
        super().__init__("immich-icloud:index:FoundNamespace", name, None, opts)
        if entries:
            Fragment(f"{name}-labels", ownership.claim(entries), pulumi.ResourceOptions(parent=self))
        self.register_outputs({})
