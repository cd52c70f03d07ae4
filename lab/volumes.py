"""Volumes of a stack that an interrupted removal left tied to a claim that it had deleted: no other claim gets them."""

from collections.abc import Iterator
from pathlib import Path

from kubernetes import client

from lab.cluster import connect

_OWNER = "immich-icloud/stack"


def untie(kubeconfig: Path) -> Iterator[str]:
    """Untie each of them, by the patch that preflight names on a real cluster, and yield its name. Its files stay."""
    with connect(kubeconfig) as api:
        core = client.CoreV1Api(api)
        found = core.list_persistent_volume_claim_for_all_namespaces().items
        claims = {(one.metadata.namespace, one.metadata.name) for one in found}
        for volume in core.list_persistent_volume().items:
            tied = volume.spec.claim_ref
            ours = _OWNER in (volume.metadata.annotations or {})
            if ours and tied and tied.uid and (tied.namespace, tied.name) not in claims:
                remove = [
                    {"op": "test", "path": "/spec/claimRef/uid", "value": tied.uid},
                    {"op": "remove", "path": "/spec/claimRef/uid"},
                ]
                core.patch_persistent_volume(volume.metadata.name, remove)
                yield volume.metadata.name
