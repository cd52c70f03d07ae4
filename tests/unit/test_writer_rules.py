"""What else writes to the photo disk: named at preview, and refused where two icloudpds would share a folder."""

from copy import deepcopy
from typing import Any

import pytest

from clients.kubernetes import ClusterRefusedError, Manifest, Ref
from components.ownership import Ownership
from components.plan import Found, plan
from observe.lists import Lists
from observe.writers import WritersSeen, read_writers
from preflight import writer_rules
from settings import Settings
from tests.accounts import household
from tests.fake_cluster import FakeCluster
from tests.findings import told
from tests.objects import SERVERS, STACK
from tests.unit.configured import configured
from text.finding import Finding

PHOTOS: Manifest = {"persistentVolumeClaim": {"claimName": "icloud-photos"}}
ON_DISK: Manifest = {"hostPath": {"path": "/var/mnt/photos"}}
OFFICIAL, FORK = "icloudpd/icloudpd:1.32.3", "docker.io/boredazfcuk/icloudpd@sha256:00"
RCLONE = "rclone/rclone:1.76.0"
SYNCING, BARE = household(), configured()


def pod(volume: Manifest = PHOTOS, image: str = OFFICIAL, *arguments: str, env: str = "", **mount: Any) -> Manifest:
    container = {
        "name": "one",
        "image": image,
        "args": list(arguments),
        "env": [{"name": "download_path", "value": env}] if env else [],
        "volumeMounts": [{"name": "v", "mountPath": "/data", **mount}],
    }
    return {"containers": [container], "volumes": [{"name": "v", **volume}]}


def workload(kind: str, spec: Manifest, namespace: str = "photo-sync", **more: Any) -> Manifest:
    """A workload of a kind that makes this pod."""
    template: Manifest = {"metadata": {}, "spec": spec}
    inner = {"CronJob": {"jobTemplate": {"spec": {"template": template}}}, "Pod": spec}.get(
        kind, {"template": template}
    )
    version = {"CronJob": "batch/v1", "Job": "batch/v1", "Pod": "v1"}.get(kind, "apps/v1")
    metadata = {"name": "older", "namespace": namespace, **more.pop("metadata", {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": {**inner, **more}}


def found(settings: Settings, *workloads: Manifest, volumes: tuple[Manifest, ...] = ()) -> list[Finding]:
    ours = plan(settings, Found(SERVERS), Ownership(STACK))
    return list(writer_rules.findings(settings, WritersSeen(workloads, volumes), ours))


def codes(settings: Settings, *workloads: Manifest, volumes: tuple[Manifest, ...] = ()) -> list[str]:
    return [code for code, _ in told(found(settings, *workloads, volumes=volumes))]


def test_an_export_is_the_same_in_other_letters() -> None:
    nas = {"kind": "nfs", "server": "nas.lan", "path": "/export/photos", "owner": {"uid": 1000, "gid": 1000}}
    other = workload("Deployment", pod({"nfs": {"server": "NAS.lan.", "path": "/export/photos/"}}))
    assert codes(household(storage=nas), other) == ["second-icloudpd"]


@pytest.mark.parametrize("kind", ["CronJob", "Deployment", "StatefulSet", "DaemonSet", "Job", "Pod"])
@pytest.mark.parametrize("image", [OFFICIAL, FORK, "registry.lan:5000/mirror/docker-icloudpd:latest"])
def test_a_second_icloudpd_is_refused_where_this_stack_syncs(kind: str, image: str) -> None:
    other = workload(kind, pod(image=image))
    assert codes(SYNCING, other) == ["second-icloudpd"]
    assert codes(BARE, other) == ["other-writer"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (pod(PHOTOS, OFFICIAL, "-d", "/data/icloud-import"), "second-icloudpd"),
        (pod(PHOTOS, OFFICIAL, "--directory=/data/icloud-import/2026"), "second-icloudpd"),
        (pod(PHOTOS, OFFICIAL, "sh", "-c", "icloudpd --directory /data/icloud-import -u a"), "second-icloudpd"),
        (pod(PHOTOS, FORK, env="/data/icloud-import"), "second-icloudpd"),
        (pod(PHOTOS, OFFICIAL, "-d", "/data", subPath="icloud-import"), "second-icloudpd"),
        (pod() | {"initContainers": pod()["containers"], "containers": [{"name": "app"}]}, "second-icloudpd"),
        (pod(ON_DISK, OFFICIAL, "-d", "/data/icloud-import"), "second-icloudpd"),
        (pod({"hostPath": {"path": "/var/mnt"}}, OFFICIAL, "-d", "/data/photos/icloud-import"), "second-icloudpd"),
        (pod(PHOTOS, RCLONE, "copy", "icloud:PrimarySync/All Photos", "/data/icloud-import"), "second-icloudpd"),
        (
            pod(PHOTOS, RCLONE, "-P", "sync", "--config", "/c", "i:x", "--log-file", "/l", "/data/icloud-import"),
            "second-icloudpd",
        ),
        (pod(PHOTOS, "alpine", "sh", "-c", "apk add rclone; rclone move i:x /data/icloud-import"), "second-icloudpd"),
        (pod(PHOTOS, RCLONE, "sync", "nas:photos", "/data"), "second-icloudpd"),  # it would delete the folder
        (pod(PHOTOS, RCLONE, "move", "/data", "b2:bucket"), "second-icloudpd"),
        (pod(PHOTOS, RCLONE, "bisync", "/data", "b2:bucket", "--config", "/c"), "second-icloudpd"),
        (pod(PHOTOS, RCLONE, "sh", "-c", "rclone copy a:b /data/ben; rclone sync c:d /data;"), "second-icloudpd"),
        (pod(PHOTOS, RCLONE, "move", "icloud:PrimarySync", "/data"), "other-writer"),
        (pod(PHOTOS, RCLONE, "sync", "nas:photos", "/data/ben"), "other-writer"),
        (pod(PHOTOS, RCLONE, "copy", "icloud:PrimarySync", "/data"), "other-writer"),
        (pod(PHOTOS, RCLONE, "copy", "icloud:PrimarySync", "/data/ben"), "other-writer"),
        (pod(PHOTOS, RCLONE, "sync", "/data/icloud-import", "b2:bucket"), "other-writer"),
        (pod(PHOTOS, RCLONE, "rcd"), "other-writer"),
        (pod(PHOTOS, OFFICIAL, "-d", "/data/ben"), "other-writer"),
        (pod(PHOTOS, FORK, env="/data/ben"), "other-writer"),
        (pod(PHOTOS, OFFICIAL, "-d", "/data"), "other-writer"),
        (pod(PHOTOS, "syncthing/syncthing"), "other-writer"),
        (pod({"hostPath": {"path": "/var/mnt/photos/icloud-import"}}, "busybox"), "other-writer"),
    ],
)
def test_where_it_writes(spec: Manifest, expected: str) -> None:
    assert codes(SYNCING, workload("CronJob", spec)) == [expected]


@pytest.mark.parametrize(
    "spec",
    [
        pod(PHOTOS, OFFICIAL, readOnly=True),
        pod({"emptyDir": {}}),
        pod({"hostPath": {"path": "/var/mnt/photos-old"}}),
        pod({"hostPath": {"path": "/var/mnt"}}, OFFICIAL, "-d", "/data/else"),
        pod({"hostPath": {"path": "/"}}, "prom/node-exporter"),
        pod() | {"nodeSelector": {"kubernetes.io/hostname": "talos-9"}},
        {"containers": [{"name": "app"}]},
    ],
    ids=["read-only", "not the disk", "beside it", "another directory", "a parent", "another node", "none"],
)
def test_what_does_not_write_there(spec: Manifest) -> None:
    assert codes(SYNCING, workload("Deployment", spec)) == []


def test_another_claim_of_the_same_directory() -> None:
    volume: Manifest = {"spec": {**ON_DISK, "claimRef": {"namespace": "icloudpd", "name": "photos"}}}
    other = workload("Deployment", pod({"persistentVolumeClaim": {"claimName": "photos"}}), "icloudpd")
    assert codes(SYNCING, other, volumes=(volume, {"spec": ON_DISK})) == ["second-icloudpd"]
    assert codes(SYNCING, other) == []


def test_what_is_this_stacks_own_or_immichs_is_none() -> None:
    ours = plan(SYNCING, Found(SERVERS), Ownership(STACK))
    own = [managed.manifest for managed in ours.managed_objects() if managed.ref.kind in {"CronJob", "Job"}]
    by_hand = deepcopy(own[0])
    by_hand["metadata"] = {"name": "look-at-disk-x", "namespace": "photo-sync"}
    immich = workload("Deployment", pod(ON_DISK), "immich", metadata={"name": "immich-server"})
    assert len(own) == 2
    assert codes(SYNCING, *own, by_hand, immich) == []


@pytest.mark.parametrize(
    ("kind", "metadata", "retire"),
    [
        ("CronJob", {}, 'kubectl patch cronjob -n photo-sync older -p \'{"spec":{"suspend":true}}\''),
        ("Deployment", {}, "kubectl scale deployment -n photo-sync older --replicas=0"),
        ("Pod", {}, "kubectl delete pod -n photo-sync older"),
        ("CronJob", {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, "set spec.suspend to true in git"),
        ("Deployment", {"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}, "set spec.replicas to 0 in git"),
    ],
)
def test_how_it_is_retired(kind: str, metadata: Manifest, retire: str) -> None:
    (finding,) = found(SYNCING, workload(kind, pod(), metadata=metadata))
    assert finding.values["retire"] == retire


# the look


@pytest.mark.parametrize(
    ("retired", "more"),
    [
        (workload("CronJob", pod(), suspend=True), {}),
        (workload("Deployment", pod(), replicas=0), {}),
        (workload("Job", pod()), {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}),
        (workload("Pod", pod()), {"status": {"phase": "Failed"}}),
        (workload("Pod", pod(), metadata={"ownerReferences": [{"kind": "ReplicaSet", "controller": True}]}), {}),
    ],
    ids=["suspended", "scaled to 0", "complete", "failed", "of another workload"],
)
def test_what_is_retired_or_counted_already_is_left_out(retired: Manifest, more: Manifest) -> None:
    class OneOfAll(FakeCluster):
        def list(self, like: Ref, **query: str) -> list[Manifest]:  # noqa: ARG002 (all of them)
            return [retired | more] if like.kind == retired["kind"] else []

    assert read_writers(Lists(OneOfAll())).workloads == ()


def test_what_may_not_be_listed_is_not_known() -> None:
    class Forbidding(FakeCluster):
        def list(self, like: Ref, **query: str) -> list[Manifest]:
            if like.kind in {"Pod", "PersistentVolume"}:
                raise ClusterRefusedError(403, f"{like.kind} is forbidden")
            return super().list(like, **query)

    seen = read_writers(Lists(Forbidding()))
    ours = plan(SYNCING, Found(SERVERS), Ownership(STACK))
    assert [code for code, _ in told(writer_rules.findings(SYNCING, seen, ours))] == ["not-known"] * 2
