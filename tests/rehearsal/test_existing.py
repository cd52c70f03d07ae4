"""A claim that is there, in Immich's namespace: used, and left as it was before. In this order."""

from typing import Any

import pytest

from clients.kubernetes import Manifest, Ref
from tests.rehearsal.conftest import DEPLOYMENT, IMMICH, Bench, MakeBench, changed, stated, until

VOLUME = Ref("v1", "PersistentVolume", "photos-by-hand")
CLAIM = Ref("v1", "PersistentVolumeClaim", "photos", "immich")
SUB_PATH = "icloud"
# By another class than any of this stack's, and of a kind of volume that it does not create.
MADE: list[Manifest] = [
    {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": VOLUME.name},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "capacity": {"storage": "1Ti"},
            "hostPath": {"path": "/var/mnt/by-hand", "type": "DirectoryOrCreate"},
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": "manual",
        },
    },
    {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM.name, "namespace": CLAIM.namespace},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Ti"}},
            "storageClassName": "manual",
            "volumeName": VOLUME.name,
        },
    },
]


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Bench:
    bench = make_bench("found")
    for thing in MADE:
        bench.cluster.create(thing, "kubectl-create")
    until(lambda: bench.get(CLAIM)["status"].get("phase") == "Bound", f"{CLAIM} is bound")

    def use_it(settings: dict[str, Any]) -> None:
        claim = {"namespace": CLAIM.namespace, "name": CLAIM.name, "subPath": SUB_PATH}
        settings["storage"] = {"kind": "existing", "claim": claim, "owner": {"uid": 1000, "gid": 1000}}
        settings["adoptExisting"] = True  # what is in it is the right directory

    bench.set(use_it)
    part = bench.home / "disk" / "var/mnt/by-hand" / SUB_PATH
    part.mkdir(parents=True)
    part.chmod(0o777)
    return bench


def test_up_mounts_the_part_of_the_claim(bench: Bench, found: dict[str, Manifest]) -> None:
    run = bench.up()
    assert any("photos-by-hand has the reclaim policy Delete" in warning for warning in run.warnings)
    pod = bench.pod()
    (source,) = (one for one in pod["volumes"] if one["name"] == "icloud-import")
    assert source["persistentVolumeClaim"] == {"claimName": CLAIM.name, "readOnly": True}
    mounts = [one for container in pod["containers"] for one in container["volumeMounts"]]
    assert [one["subPath"] for one in mounts if one["name"] == "icloud-import"] == [SUB_PATH]
    for ref in (VOLUME, CLAIM, IMMICH):
        assert stated(bench.get(ref)) == found[f"{ref.kind} {ref.namespace or ''}/{ref.name}"]
    assert bench.cluster.get(Ref("v1", "Namespace", "photo-sync")) is None


def test_a_second_up_changes_nothing(bench: Bench) -> None:
    generation = bench.get(DEPLOYMENT)["metadata"]["generation"]
    assert changed(bench.up()) == []
    assert bench.get(DEPLOYMENT)["metadata"]["generation"] == generation


def test_removal_leaves_the_claim_and_all_else_that_was_there(bench: Bench, found: dict[str, Manifest]) -> None:
    bench.destroy()
    left = bench.everything()
    mirror = left.pop("ConfigMap immich/icloud-disk-id")
    assert mirror["data"]["id"]
    assert left == found
