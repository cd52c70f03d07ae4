"""Each kind of pod starts in a namespace that enforces the level that we compute for it; none stricter lets it in."""

from datetime import date
from typing import get_args

import pytest
from kubernetes import client

from clients.kubernetes import Manifest
from clients.result import Result
from components import account_pod, connector, directory, disk_check, list_icloud, photo_sync, pod_security, sign_in
from components.connector import Origin
from components.ownership import Ownership
from components.pod_security import Level
from settings.cloudflare import OwnTunnel
from settings.photo_sync import IMPORT_FOLDER
from tests.accounts import APPLE_ID, PASSWORD, household
from tests.lab.conftest import until
from tests.objects import STACK
from tests.real_node.cluster import NODE, Cluster
from tests.real_node.test_startup_check import WAITS, immich

OWNERSHIP = Ownership(STACK)
TODAY = date(2026, 11, 26)
SETTINGS = household(
    storage={"kind": "local", "node": NODE, "path": "/var/mnt/levels", "owner": {"uid": 1000, "gid": 1001}}
)
STORAGE, (ACCOUNT,) = SETTINGS.storage, SETTINGS.photo_sync.accounts
SYNC = photo_sync.sync(SETTINGS, OWNERSHIP)
assert SYNC
SIGHT = Result(code="unmarked", message="", filesystem="f", fingerprint="f", id="none")
TUNNEL = OwnTunnel(kind="ownTunnel", namespace="n")
JOBS: dict[str, Manifest] = {
    "directory": directory.job(STORAGE, (IMPORT_FOLDER,), "n", OWNERSHIP, beside_one_made_by_hand=False),
    "look": directory.look(STORAGE, "n"),
    "mark": directory.mark(STORAGE, (IMPORT_FOLDER,), "n", OWNERSHIP, SIGHT, "1-a"),
    "disk-check": disk_check.job(SETTINGS, OWNERSHIP),
    "sync": SYNC.accounts[0].cron_job["spec"]["jobTemplate"],
    "sign-in": sign_in.job(ACCOUNT, SETTINGS, OWNERSHIP, TODAY),
    "list": list_icloud.job(ACCOUNT, SETTINGS, OWNERSHIP),
    "connector": connector.connector(TUNNEL, Origin("immich", {}, 2283), OWNERSHIP).deployment,
}
PODS = {name: job["spec"]["template"]["spec"] for name, job in JOBS.items()} | {"immich": immich(STORAGE, WAITS)}
LEVELS: dict[str, Level] = {
    "directory": "privileged", "look": "privileged", "mark": "privileged", "disk-check": "restricted",
    "sync": "restricted", "sign-in": "restricted", "list": "restricted", "connector": "restricted",
    "immich": "baseline",
}  # fmt: skip


def claims(pod: Manifest) -> list[str]:
    return [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_starts_at_its_level(cluster: Cluster, name: str) -> None:
    pod, namespace = PODS[name], f"level-{name}"
    assert pod_security.needed(pod) == LEVELS[name]
    cluster.place("/var/mnt/levels").mkdir(exist_ok=True)
    cluster.namespace(namespace, pod)
    for claim in claims(pod) if "volumes" in pod else ():
        cluster.claim(namespace, claim, {"local": {"path": "/var/mnt/levels"}})
    for secret in (account_pod.credentials_secret(ACCOUNT.name), "cloudflared"):
        content = {"appleId": APPLE_ID, "password": PASSWORD, "token": "of-nobody"}
        cluster.core.create_namespaced_secret(namespace, {"metadata": {"name": secret}, "stringData": content})
    cluster.core.create_namespaced_pod(namespace, {"metadata": {"name": "pod"}, "spec": pod})

    def started() -> bool:
        status = cluster.pod(namespace).status
        states = [one.state for one in (*(status.init_container_statuses or ()), *(status.container_statuses or ()))]
        assert not any(state.terminated and state.terminated.reason == "StartError" for state in states)
        return any(state.running or state.terminated for state in states)

    until(started, 60)
    cluster.core.delete_namespaced_pod("pod", namespace, grace_period_seconds=0)


@pytest.mark.parametrize("name", [name for name, level in LEVELS.items() if level != "restricted"])
def test_a_stricter_level_refuses_it(cluster: Cluster, name: str) -> None:
    order = get_args(Level)
    stricter = order[order.index(LEVELS[name]) + 1]
    metadata = {"name": f"strict-{name}", "labels": pod_security.labels(stricter)}
    cluster.core.create_namespace({"metadata": metadata})
    until(lambda: cluster.core.list_namespaced_service_account(metadata["name"]).items)
    with pytest.raises(client.ApiException, match=f"violates PodSecurity .*{stricter}"):
        cluster.core.create_namespaced_pod(str(metadata["name"]), {"metadata": {"name": "pod"}, "spec": PODS[name]})
