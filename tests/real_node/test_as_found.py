"""A claim that is there, and a mount that the API server adds, as a real kubelet takes them."""

import os
from pathlib import Path

import pytest

from clients.kubernetes import OBJECT_MANAGER, ClusterRefusedError, Manifest, Ref
from clients.result import Code
from components import directory, images, immich_mount, mount_admission, mount_policy
from components.immich_mount import GUARD
from components.immich_server import Server
from components.ownership import Ownership
from components.photo_disk import MARK
from settings.immich import Immich, Mount
from settings.photo_sync import IMPORT_FOLDER
from settings.storage import Existing, HostPath
from tests.accounts import DISK_ID
from tests.lab.conftest import until
from tests.objects import STACK
from tests.real_node.cluster import NODE, Cluster
from tests.real_node.test_startup_check import WAITS, mark

pytestmark = pytest.mark.long

OWNER = {"uid": 1000, "gid": 1001}
CLAIM = "library"


def existing(namespace: str) -> Manifest:
    claim = {"namespace": namespace, "name": CLAIM, "subPath": "icloud"}
    return {"kind": "existing", "claim": claim, "owner": OWNER}


def immich_in(namespace: str) -> Immich:
    """The Immich of a namespace; its pods run another image, so that the container is named."""
    return Immich(namespace=namespace, mount=Mount(kind="admission", container="server"))


def made_by_somebody(cluster: Cluster, namespace: str, *pods: Manifest) -> Path:
    """An unmanaged claim in a namespace, and the directory in it that its owner may write to."""
    cluster.namespace(namespace, *pods)
    place = cluster.place(f"/var/mnt/{namespace}")
    (place / "icloud").mkdir(parents=True)
    os.chown(place / "icloud", 1000, 1001)
    cluster.claim(namespace, CLAIM, {"local": {"path": f"/var/mnt/{namespace}"}})
    return place / "icloud"


@pytest.mark.parametrize("code", [Code.UNMARKED, Code.FOUND])
def test_the_directory_job_in_a_claim_that_is_there(cluster: Cluster, code: Code) -> None:
    name = f"claim-{code}"
    storage = Existing.model_validate(existing(name))
    made = directory.job(storage, (IMPORT_FOLDER,), name, Ownership(STACK), beside_one_made_by_hand=False)
    pod = made["spec"]["template"]["spec"]
    place = made_by_somebody(cluster, name, pod)
    if code == Code.FOUND:
        mark(place)
    cluster.core.create_namespaced_pod(name, {"metadata": {"name": "pod"}, "spec": pod})
    assert cluster.came_to(name) == (int(code != Code.FOUND), code)
    assert [one.name for one in place.iterdir() if one.is_dir()] == ([IMPORT_FOLDER] if code == Code.FOUND else [])
    assert {(one.stat().st_uid, one.stat().st_gid) for one in (place, *place.glob("*/"))} == {(1000, 1001)}


def _admitted(cluster: Cluster, namespace: str, pod: Manifest) -> str:
    """What the API server makes of a pod, as text."""
    metadata = {"name": "tried", "namespace": namespace}
    try:
        return str(
            cluster.api.apply(
                {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}, "test", dry_run=True
            )
        )
    except ClusterRefusedError:  # the policy that denies is in force before the one that adds
        return ""


@pytest.mark.parametrize("kind", ["hostPath", "existing"])
def test_the_mount_at_admission(cluster: Cluster, kind: str) -> None:
    name = f"admitted-{kind.lower()}"
    on_host = {"kind": "hostPath", "node": NODE, "path": f"/var/mnt/{name}/icloud", "owner": OWNER}
    storage = Existing.model_validate(existing(name)) if kind == "existing" else HostPath.model_validate(on_host)
    immich, owner = immich_in(name), Ownership(STACK)
    server = Server(Ref("apps/v1", "Deployment", "immich", name), ("server",))
    fragment = immich_mount.fragment(immich, storage, server, owner)
    place = made_by_somebody(cluster, name, fragment["spec"]["template"]["spec"] | {"containers": []})
    for one in (
        *mount_admission.manifests(immich, (server,), fragment, owner),
        *mount_policy.manifests(immich, (server,), fragment, owner),
    ):
        cluster.api.apply(one, OBJECT_MANAGER)

    at = immich.mount.path
    script = f"grep -q '{DISK_ID}' {at}/{MARK} && ! touch {at}/new && {WAITS}"
    container = {"name": "server", "image": images.BUSYBOX, "command": ["sh", "-c", script]}
    other = {"name": "other", "image": images.BUSYBOX, "command": ["sh", "-c", f"! ls {at} && {WAITS}"]}
    secure = {
        "runAsUser": 1000,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    labels = {"app": "immich"}
    containers = [one | {"securityContext": secure} for one in (other, container)]
    pod: Manifest = {"containers": containers, "terminationGracePeriodSeconds": 1}
    until(lambda: GUARD in _admitted(cluster, name, pod), 30)
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    cluster.apps.create_namespaced_deployment(name, {"metadata": {"name": "immich"}, "spec": spec})

    def checks() -> list[int]:
        pods = cluster.core.list_namespaced_pod(name).items
        return [one.restart_count for pod in pods for one in pod.status.init_container_statuses or ()]

    until(lambda: any(checks()), 90)  # the disk is not marked: the startup check keeps Immich from starting
    mark(place)
    until(lambda: cluster.apps.read_namespaced_deployment("immich", name).status.ready_replicas == 1, 120)
    assert not (place / "new").exists()
    cluster.apps.delete_namespaced_deployment("immich", name, propagation_policy="Foreground")
    until(lambda: not cluster.core.list_namespaced_pod(name).items, 60)
