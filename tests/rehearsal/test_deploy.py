"""The stack on a cluster as ArgoCD made it: deploy, deploy again, drift, share with others, remove. In this order."""

import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from kubernetes import client

from clients.kubernetes import ClusterRefusedError, Manifest, Ref
from components.photo_disk import MARK
from engine import change_policy
from lab import world
from lab.cloudflare.world import TOKEN
from lab.immich.world import API_KEY
from ops.deploy import logged
from settings.photo_sync import IMPORT_FOLDER
from tests.rehearsal.account import HOMELAB
from tests.rehearsal.conftest import (
    CLAIM,
    DEPLOYMENT,
    IMMICH,
    INGRESS,
    JOB,
    MIRROR,
    PHOTO_SYNC,
    RECORD,
    VOLUME,
    Bench,
    changed,
)

PHOTOS = True

BY_HAND = "kubectl-patch"
LEVELS = {f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "warn", "audit")}


def test_a_pod_with_a_host_path_is_refused_before_the_label(bench: Bench, found: dict[str, Manifest]) -> None:
    assert found
    with pytest.raises(ClusterRefusedError, match="hostPath volumes"):
        bench.cluster.apply(_pod_with_host_path(), "test", dry_run=True)


def test_first_up_makes_everything(bench: Bench, found: dict[str, Manifest]) -> None:
    assert found
    run = bench.up()
    assert {operation for operation, _ in changed(run)} == {"create"}
    (library,) = run.outputs.pop("libraries")
    assert library["import_paths"] == ["/external/icloud/icloud-import"]
    assert run.outputs == {
        "library_settings": {"scan_schedule": "0 4 1 * *", "watch": True},
        "accounts": [
            {
                "name": "coulton",
                "folder": "/external/icloud/icloud-import",
                "cron_job": "photo-sync/icloud-sync-coulton",
                "schedule": "0 2 1 * * (Etc/UTC)",
            }
        ],
        "immich_url": "https://immich.coultonf.com",
        "internal_url": "http://immich-server.immich.svc.cluster.local:3001",
        "namespaces": {"immich": "immich", "photo_sync": "photo-sync"},
        "claim": "photo-sync/icloud-photos",
        "library_path": "/external/icloud/icloud-import",
        "mounted_into": "Deployment immich/immich-server, container immich-server",
        "route_kind": "sharedTunnel",
        "dns_record": "immich.coultonf.com",
        "dns_target": f"{HOMELAB}.cfargotunnel.com",
        "tunnel_id": HOMELAB,
        "next_steps": [
            "Sign account coulton in, with the code that Apple sends, and fetch its first photos: "
            "`make icloud-login STACK=lab ACCOUNT=coulton && make sync-now STACK=lab ACCOUNT=coulton`"
        ],
    }


def test_namespaces_have_their_labels(bench: Bench) -> None:
    for namespace in (IMMICH, PHOTO_SYNC):
        labels = bench.get(namespace)["metadata"]["labels"]
        assert labels.items() >= LEVELS.items()


def test_a_pod_with_a_host_path_is_admitted_after_the_label(bench: Bench) -> None:
    assert bench.cluster.apply(_pod_with_host_path(), "test", dry_run=True).object


def test_the_directory_job_has_run(bench: Bench) -> None:
    assert bench.get(JOB)["status"]["succeeded"] == 1
    directory = bench.home / "disk" / "var" / "mnt" / "icloud-photos"
    assert {entry.name for entry in directory.iterdir()} == {MARK, IMPORT_FOLDER}


def test_volume_and_claim_are_bound(bench: Bench) -> None:
    volume, claim = bench.get(VOLUME), bench.get(CLAIM)
    assert (volume["status"]["phase"], claim["status"]["phase"]) == ("Bound", "Bound")
    assert volume["spec"]["claimRef"]["uid"] == claim["metadata"]["uid"]
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_immich_has_the_mount_beside_its_own(bench: Bench, found: dict[str, Manifest]) -> None:
    before = found["Deployment immich/immich-server"]["spec"]["template"]["spec"]
    pod = bench.pod()
    ours = {"name": "icloud-import", "hostPath": {"path": "/var/mnt/icloud-photos", "type": "Directory"}}
    assert [v for v in pod["volumes"] if v["name"] == "icloud-import"] == [ours]
    assert [v for v in pod["volumes"] if v["name"] != "icloud-import"] == before["volumes"]
    mounts = pod["containers"][0]["volumeMounts"]
    mount = {"name": "icloud-import", "mountPath": "/external/icloud", "readOnly": True}
    assert [m for m in mounts if m["name"] == "icloud-import"] == [mount]
    assert [m for m in mounts if m["name"] != "icloud-import"] == before["containers"][0]["volumeMounts"]
    assert [c["name"] for c in pod["initContainers"]] == ["require-photo-disk"]


def test_the_ingress_leads_to_immichs_service(bench: Bench) -> None:
    (rule,) = bench.get(INGRESS)["spec"]["rules"]
    assert rule["host"] == "immich.coultonf.com"
    (path,) = rule["http"]["paths"]
    assert path["backend"] == {"service": {"name": "immich-server", "port": {"number": 3001}}}


def test_second_up_changes_nothing(bench: Bench) -> None:
    generation = bench.get(DEPLOYMENT)["metadata"]["generation"]
    _as_after_a_sync(bench)
    run = bench.up()
    assert changed(run) == []
    assert bench.get(DEPLOYMENT)["metadata"]["generation"] == generation
    assert run.outputs["next_steps"] == [], "nobody has to sign in for a first sync any more"


def test_drift_shows_as_properties_and_is_repaired(bench: Bench) -> None:
    mount = {"name": "icloud-import", "mountPath": "/external/icloud", "readOnly": False}
    writable = {"spec": {"template": {"spec": {"containers": [deepcopy(bench.pod()["containers"][0])]}}}}
    mounts = writable["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    mounts[[m["name"] for m in mounts].index("icloud-import")] = mount
    bench.cluster.patch(DEPLOYMENT, writable, BY_HAND)
    bench.cluster.patch(IMMICH, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}, BY_HAND)
    bench.cluster.patch(INGRESS, {"spec": {"ingressClassName": "traefik"}}, BY_HAND)

    preview = bench.run("preview")
    assert preview.succeeded, preview.errors
    assert {step.name: dict(step.differences) for step in preview.changed} == {
        "immich-labels": {"fragment.metadata.labels.pod-security.kubernetes.io/enforce": ("baseline", "privileged")},
        "immich-mount-fragment": {
            "fragment.spec.template.spec.containers[0].volumeMounts[0].readOnly": (None, True),
        },
        "route-ingress": {"spec.ingressClassName": ("traefik", "nginx")},
    }

    bench.up()
    mounts = {mount["name"]: mount for mount in bench.pod()["containers"][0]["volumeMounts"]}
    assert mounts["icloud-import"]["readOnly"]
    assert bench.get(IMMICH)["metadata"]["labels"].items() >= LEVELS.items()
    assert bench.get(INGRESS)["spec"]["ingressClassName"] == "nginx"


def test_what_was_removed_is_made_again(bench: Bench) -> None:
    bench.delete(INGRESS)
    assert changed(bench.up()) == [("create", "route-ingress")]


def test_argocd_and_we_leave_each_other_alone(bench: Bench) -> None:
    ours = bench.pod()
    world.argocd_syncs(bench.plane.kubeconfig, "found")
    assert bench.pod() == ours
    theirs = bench.get(DEPLOYMENT)["metadata"]["labels"]
    assert changed(bench.up()) == []
    assert bench.get(DEPLOYMENT)["metadata"]["labels"] == theirs


@pytest.fixture
def restored_kubeconfig(bench: Bench) -> Iterator[None]:
    before = bench.plane.kubeconfig.read_text()
    yield
    bench.plane.kubeconfig.write_text(before)


@pytest.mark.usefixtures("restored_kubeconfig")
def test_another_address_of_the_same_server_changes_nothing(bench: Bench) -> None:
    kubeconfig = bench.plane.kubeconfig
    kubeconfig.write_text(kubeconfig.read_text().replace("https://127.0.0.1:", "https://localhost:"))
    assert changed(bench.up()) == []


@pytest.mark.usefixtures("restored_kubeconfig")
def test_a_rotated_token_breaks_neither_preview_nor_up(bench: Bench) -> None:
    for account in ("first", "second"):
        _become(bench, account)
        assert changed(bench.up()) == []
        bench.delete(Ref("v1", "ServiceAccount", account, "kube-system"))
    _become(bench, "third")
    preview = bench.run("preview")
    assert preview.succeeded, preview.errors
    assert changed(preview) == []


def test_on_another_machine_the_stack_goes_on_from_its_backup(bench: Bench, tmp_path: Path) -> None:
    """docs/backup.md: the two files, the passphrase, and nothing else of this machine; removal comes next."""
    bench.pulumi("stack", "export", "--stack", bench.stack, "--file", str(tmp_path / "state.json"))
    shutil.copy(bench.stack_file, tmp_path)
    for secret in (TOKEN, API_KEY):
        assert secret not in (tmp_path / "state.json").read_text()
    bench.stack_file.unlink()
    for place in ("state", "pulumi"):
        shutil.rmtree(bench.home / place)
    (bench.home / "state").mkdir()

    shutil.copy(tmp_path / bench.stack_file.name, bench.stack_file)
    bench.pulumi("stack", "init", bench.stack)
    bench.pulumi("stack", "import", "--stack", bench.stack, "--file", str(tmp_path / "state.json"))
    assert bench.stack_file.read_text() == (tmp_path / bench.stack_file.name).read_text()
    preview = bench.run("preview")
    assert preview.succeeded, preview.errors
    assert changed(preview) == []


def test_the_clis_event_log_trips_the_guards(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    removal = ["destroy", "--preview-only", "--run-program=false", "--refresh=false", "--diff", "--ignore-protect"]
    with bench.engine().entered():
        run = logged("destroy", [str(bench.tools.pulumi), *removal, "--stack", bench.stack], {})
    assert (run.succeeded, run.complete) == (True, True)
    assert list(tmp_path.iterdir()) == []
    assert {(one.step.operation, one.step.name) for one in change_policy.tripped(run.steps)} == {
        ("delete", "photos-volume"),
        ("delete", "photos-claim"),
        ("delete", "sync-cookies-coulton"),
        ("delete", "photo-sync-namespace"),
        ("delete", "directory-record"),
        ("retain", "library"),
    }
    assert "rehearsal-opens-nothing-real" not in f"{run}{capfd.readouterr()}"  # the account's password


def test_destroy_restores_what_was_found(bench: Bench, found: dict[str, Manifest]) -> None:
    """All but the ConfigMap that knows the photo disk from any other one: the next `up` goes on with it."""
    bench.destroy()
    left = bench.everything()
    assert left.pop("ConfigMap immich/icloud-directory")["data"].keys() == {"id", "marked"}
    assert left == found


def test_the_next_up_knows_the_disk(bench: Bench) -> None:
    before = bench.get(MIRROR)["data"]
    bench.set(lambda settings: settings.pop("cloudflare"))
    bench.up()
    assert bench.get(MIRROR)["data"] == before
    assert bench.get(RECORD)["data"] == before | {"made": "true"}


def _as_after_a_sync(bench: Bench) -> None:
    """What Kubernetes' own controller writes when a Job of the CronJob has succeeded."""
    status = {"status": {"lastSuccessfulTime": "2026-11-26T12:00:00Z"}}
    client.BatchV1Api(bench.api).patch_namespaced_cron_job_status("icloud-sync-coulton", "photo-sync", status)


def _pod_with_host_path() -> Manifest:
    container = {"name": "probe", "image": "probe"}
    volume = {"name": "disk", "hostPath": {"path": "/var/mnt"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "namespace": "immich"},
        "spec": {"containers": [container], "volumes": [volume]},
    }


def _become(bench: Bench, account: str) -> None:
    """Use a service account's token from now on."""
    token = bench.token_for(account)
    kubeconfig = yaml.safe_load(bench.plane.kubeconfig.read_text())
    kubeconfig["users"][0]["user"] = {"token": token}
    bench.plane.kubeconfig.write_text(yaml.safe_dump(kubeconfig))
