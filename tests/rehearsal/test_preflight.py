"""What the cluster cannot take fails preview with a sentence, and nothing is registered."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from clients import jobs
from clients.jobs import JobError
from clients.kubernetes import Manifest, Ref
from engine.run import Run
from ops.new import __main__ as new
from tests.rehearsal.account import HOMELAB
from tests.rehearsal.conftest import (
    CLAIM,
    DEPLOYMENT,
    JOB,
    PHOTO_SYNC,
    VOLUME,
    Bench,
    changed,
    until,
)

FLUX = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
MESSAGE = "Preflight found {}; nothing was changed."


@pytest.fixture(autouse=True)
def as_it_was(bench: Bench) -> Iterator[None]:
    before = bench.plane.kubeconfig.read_text()
    yield
    bench.plane.kubeconfig.write_text(before)
    bench.reset_settings()


def problems(run: Run) -> list[str]:
    """The sentences of the one error, after making sure that there is one error and nothing was registered."""
    assert not run.succeeded
    assert changed(run) == []
    (error,) = run.errors
    assert "Traceback" not in error
    heading, *sentences = error.splitlines()
    count = "a problem" if len(sentences) == 1 else f"{len(sentences)} problems"
    assert heading in {MESSAGE.format(count), f"The stack file has {count}; nothing was changed."}
    return [sentence.removeprefix("  - ") for sentence in sentences]


def test_everything_that_is_missing_is_named_at_once(bench: Bench) -> None:
    def change(settings: dict[str, Any]) -> None:
        settings["immich"] = {"deployment": "immich", "service": {"name": "immich-server", "port": 2283}}
        settings["storage"]["node"] = "talos-2"

    bench.set(change)
    assert problems(bench.run("preview")) == [
        "immich-icloud:immich.deployment: namespace immich has no Deployment, StatefulSet or DaemonSet immich. "
        "`kubectl get deployments,statefulsets,daemonsets -n immich` lists the existing ones",
        "immich-icloud:immich.service.port: Service immich/immich-server has no port 2283. It has: 3001",
        "immich-icloud:storage.node: the cluster has no node talos-2 (label kubernetes.io/hostname). "
        "It has: talos-1ca-62z",
    ]


def test_the_file_of_make_new_passes_preview(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(bench.plane.kubeconfig))
    typed = iter(["", "", "", "", "ingress nginx, none", ""])
    text = new.questions(new.Questions(lambda _: next(typed), again=False))
    (salt,) = (line for line in bench.stack_file.read_text().splitlines() if line.startswith("encryptionsalt: "))
    bench.stack_file.write_text(f"{text}{salt}\n")
    run = bench.run("preview")
    assert run.succeeded, run.errors


def test_missing_container_and_service(bench: Bench) -> None:
    bench.set(
        lambda s: s.update(
            immich={"deployment": "immich-server", "service": {"name": "immich"}, "mount": {"container": "server"}}
        )
    )
    assert problems(bench.run("preview")) == [
        "immich-icloud:immich.mount.container: Deployment immich/immich-server has no container server. "
        "It has: immich-server",
        "immich-icloud:immich.service.name: namespace immich has no Service immich. "
        "`kubectl get services -n immich` lists the existing ones",
    ]


def test_missing_namespace(bench: Bench) -> None:
    bench.set(lambda s: s.update(immich={"namespace": "photos"}))
    assert problems(bench.run("preview")) == [
        "immich-icloud:immich.namespace: the cluster has no namespace photos. "
        "Deploy Immich first, or name its namespace"
    ]


def test_unknown_context(bench: Bench) -> None:
    bench.set(lambda s: s["cluster"].update(context="admin@homelab"))
    (problem,) = problems(bench.run("preview"))
    assert problem.startswith("immich-icloud:cluster.context: ")
    assert problem.endswith('has no context "admin@homelab". It has: lab')


def test_unreachable_cluster(bench: Bench) -> None:
    kubeconfig = bench.plane.kubeconfig
    server = next(line for line in kubeconfig.read_text().splitlines() if "server:" in line)
    kubeconfig.write_text(kubeconfig.read_text().replace(server, "    server: https://127.0.0.1:1"))
    (problem,) = problems(bench.run("preview"))
    assert problem.startswith('no Kubernetes API server answers at https://127.0.0.1:1 (context "lab" of ')


def test_objects_that_are_not_ours_and_a_host_that_is_served(bench: Bench) -> None:
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": VOLUME.name},
        "spec": {
            "capacity": {"storage": "1Ti"},
            "accessModes": ["ReadWriteMany"],
            "hostPath": {"path": "/var/mnt/elsewhere", "type": "Directory"},
            "storageClassName": "",
        },
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PHOTO_SYNC.name, "labels": FLUX}}
    bench.cluster.apply(namespace, "kustomize-controller")
    bench.cluster.apply(volume, "kubectl")
    bench.set(lambda s: s.update(host="mealie.coultonf.com"))
    adopt = "To adopt it, set immich-icloud:adoptExisting to true for one `up`, or choose another immich-icloud:"
    flux = "Namespace photo-sync is managed by Flux (Kustomization flux-system/apps)"
    said = problems(bench.run("preview"))
    assert [one for one in said if one.startswith(flux)]
    assert [one for one in said if not one.startswith(flux)] == [
        "immich-icloud:host: mealie.coultonf.com is served by Ingress mealie/mealie already. "
        "Choose another host, remove it before `up`, or leave the route to it: immich-icloud:route with kind: none",
        "PersistentVolume icloud-photos-shared exists and is not managed by this stack. "
        f"{adopt}storage.persistentVolume",
        "the tunnel has a rule for this host that is not managed by this stack: mealie.coultonf.com → "
        "http://ingress-nginx-controller.ingress-nginx.svc.cluster.local:80. "
        "To adopt it, set immich-icloud:adoptExisting to true for one `up`, or remove it in the dashboard",
        "immich-icloud:host: a DNS record exists that is not managed by this stack: "
        f"CNAME mealie.coultonf.com → {HOMELAB}.cfargotunnel.com. "
        "To adopt it, set immich-icloud:adoptExisting to true for one `up`, or remove it at Cloudflare",
    ]

    # Adopted, its values have to be those that it has.
    bench.reset_settings()
    bench.set(lambda s: s.update(adoptExisting=True))
    said = problems(bench.run("preview"))
    assert [one for one in said if one.startswith(flux)]
    assert [one for one in said if not one.startswith(flux)] == [
        'PersistentVolume icloud-photos-shared: hostPath.path is "/var/mnt/elsewhere" and can\'t be changed to '
        '"/var/mnt/icloud-photos". Set immich-icloud:storage.path to the existing value. '
        "To move photos to another disk: docs/photos.md#moving-to-another-disk",
        'PersistentVolume icloud-photos-shared: hostPath.type is "Directory" and can\'t be changed to unset. '
        "Set immich-icloud:storage.hostPathType to the existing value",
    ]
    bench.delete(VOLUME)
    bench.delete(PHOTO_SYNC)


def test_an_entry_that_another_manager_states(bench: Bench) -> None:
    volume = {"name": "icloud-import", "emptyDir": {}}
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": DEPLOYMENT.name, "namespace": DEPLOYMENT.namespace},
        "spec": {"template": {"spec": {"volumes": [volume]}}},
    }
    bench.cluster.apply(theirs, "helm")
    assert problems(bench.run("preview")) == [
        'Deployment immich/immich-server: "helm" already states volumes[icloud-import]. '
        "Remove it there, or choose another name or path here"
    ]
    bench.cluster.apply({**theirs, "spec": {}}, "helm")


LARGE = {"limits": {"cpu": "10m"}, "requests": {"ephemeral-storage": "1Gi"}}
TRIED: Manifest = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "tried-", "namespace": PHOTO_SYNC.name},
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "tried", "image": "busybox", "resources": LARGE}],
            }
        }
    },
}


def quota(bench: Bench, hard: dict[str, str]) -> None:
    """Put a quota into a photo-sync namespace of this stack; its controller, which the lab does not run, counts it."""
    mark = {"immich-icloud/stack": f"immich-icloud/{bench.stack}"}
    metadata = {"name": PHOTO_SYNC.name, "annotations": mark}
    bench.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, "kubectl")
    core, named = client.CoreV1Api(bench.api), {"name": "small", "namespace": PHOTO_SYNC.name}
    made = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": named, "spec": {"hard": hard}}
    bench.cluster.apply(made, "kubectl")
    counted = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
    core.patch_namespaced_resource_quota_status(**named, body=counted)
    account = Ref("v1", "ServiceAccount", "default", PHOTO_SYNC.name)
    until(lambda: bench.cluster.get(account) is not None, "pods have an account")


def test_what_would_fail_in_up_is_foreseen(bench: Bench) -> None:
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "large", "namespace": "immich"},
        "spec": {"limits": [{"type": "Container", "min": {"memory": "128Mi"}}]},
    }
    node = Ref("v1", "Node", "talos-1ca-62z")
    bench.cluster.apply(limits, "kubectl")
    quota(bench, {"limits.cpu": "1", "requests.ephemeral-storage": "1Mi", "requests.storage": "1Mi"})
    bench.cluster.patch(node, {"spec": {"unschedulable": True}}, "kubectl")
    bench.cluster.patch(DEPLOYMENT, {"spec": {"paused": True}}, "kubectl")
    bench.set(lambda s: s.update(route={"kind": "ingress", "className": "traefik"}))
    try:
        said = "\n".join(problems(bench.run("preview")))
        gateway = {"kind": "gateway", "gateway": "public", "gatewayNamespace": "gateways"}
        bench.set(lambda s: s.update(route=gateway))
        assert "immich-icloud:route.kind: the API server has no HTTPRoute" in "\n".join(problems(bench.run("preview")))
        # Where it was not foreseen, the Job controller's event says it while the command still waits.
        with pytest.raises(
            JobError, match=r"^Job photo-sync/tried-\w+ gets no pod: .*exceeded quota: small, .*ephemeral"
        ):
            jobs.run(bench.cluster, TRIED, print)
    finally:
        bench.delete(Ref.of(limits))
        bench.delete(PHOTO_SYNC)
        bench.cluster.patch(node, {"spec": {"unschedulable": False}}, "kubectl")
        bench.cluster.patch(DEPLOYMENT, {"spec": {"paused": None}}, "kubectl")
    assert "immich-icloud:route.className: the cluster has no IngressClass traefik" in said
    assert "minimum memory usage per Container is 128Mi, but request is 16Mi" in said
    assert "would start a pod on the node talos-1ca-62z, which accepts no pods: it is cordoned" in said
    assert "Deployment immich/immich-server is paused" in said
    assert re.search(
        rf"Job {JOB.namespace}/{JOB.name}: the API server refuses its pod: .*must specify limits.cpu", said
    )
    assert re.search(
        rf"{CLAIM} .*the API server refuses it: .*exceeded quota: small, requested: requests.storage=", said
    )


def test_a_broken_stack_file_has_no_traceback(bench: Bench) -> None:
    def change(settings: dict[str, Any]) -> None:
        settings["host"] = "https://immich.coultonf.com/"
        settings["storage"]["pth"] = settings["storage"].pop("path")

    bench.set(change)
    host, missing, unknown = problems(bench.run("preview"))
    assert host.startswith(
        'immich-icloud:host: "https://immich.coultonf.com/" is not allowed. Allowed: a full host name'
    )
    assert missing.startswith("immich-icloud:storage.path: is missing. Needed: ")
    assert unknown.startswith("immich-icloud:storage.pth: unknown key. Did you mean path?")


@pytest.mark.parametrize("package", ["kubernetes", "cloudflare"])
def test_a_resource_without_a_provider_is_refused(bench: Bench, tmp_path: Path, package: str) -> None:
    token = {"kubernetes": "kubernetes:core/v1:ConfigMap", "cloudflare": "cloudflare:index/dnsRecord:DnsRecord"}[
        package
    ]
    program = tmp_path / "__main__.py"
    program.write_text(f"import pulumi\npulumi.CustomResource({token!r}, 'stray', {{}})\n")
    run = bench.engine(program).run("preview")
    assert not run.succeeded
    assert any("Default provider for" in error and "disabled" in error for error in run.errors), run.errors
