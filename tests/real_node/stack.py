"""A stack on the real node: what `up` applies, and the commands that a person runs, without an engine."""

import os
import queue
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients import disk_identity, pod_end
from clients.conditions import end_of_job
from clients.kubernetes import OBJECT_MANAGER, Manifest, Ref
from clients.pod_end import End
from components import directory
from components.account_pod import cookie_claim
from components.photo_sync import cron_job_name
from components.plan import Found, Plan, plan
from ops.command import Stack
from ops.icloud_login import icloud_login
from ops.sync_now import manual_run, sync_now
from settings import Settings
from settings.photo_sync import IMPORT_FOLDER
from tests.accounts import APPLE_ID, PASSWORD, household
from tests.lab.conftest import until
from tests.objects import SERVERS
from tests.real_node.cluster import HERE, NODE, Rehearsed

ACCOUNT = "anna"
OWNER = {"uid": 1000, "gid": 1001}


def settings_of(name: str, kubeconfig: Path, **changes: Any) -> Settings:
    """A stack's settings, in namespaces of its own."""
    storage = {
        "kind": "hostPath",
        "node": NODE,
        "path": f"/var/mnt/{name}",
        "owner": OWNER,
        "persistentVolume": f"photos-{name}",
        **changes.pop("storage", {}),
    }
    sync = {"namespace": name, "cookieVolume": {"storageClass": "by-hand"}, **changes}
    settings = household({"name": ACCOUNT}, storage=storage, **sync)
    cluster = settings.cluster.model_copy(update={"kubeconfig": str(kubeconfig), "context": "lab"})
    immich = settings.immich.model_copy(update={"namespace": f"{name}-immich"})
    return settings.model_copy(update={"cluster": cluster, "immich": immich})


@dataclass(frozen=True)
class OnNode:
    """One that is deployed."""

    cluster: Rehearsed
    settings: Settings
    plan: Plan
    stack: Stack

    @classmethod
    def deployed(cls, cluster: Rehearsed, name: str, **changes: Any) -> "OnNode":
        settings = settings_of(name, cluster.address.kubeconfig_file, **changes)
        stack = Stack("test", settings, cluster.api)
        made = cls(cluster, settings, plan(settings, Found(SERVERS), stack.ownership), stack)
        made._deploy()
        return made

    @property
    def photos(self) -> Path:
        """The account's folder."""
        return self.cluster.place(directory.place(self.settings.storage)) / IMPORT_FOLDER

    @property
    def session(self) -> Path:
        """The folder of the account's session."""
        return self.cluster.place(f"/var/session/{self.settings.photo_sync.namespace}")

    def _deploy(self) -> None:
        sync, immich = self.settings.photo_sync.namespace, self.settings.immich.namespace
        self.cluster.tell_apple("PUT", f"accounts/{APPLE_ID}", {"password": PASSWORD})
        self.cluster.core.create_namespace({"metadata": {"name": immich}})
        self._apply(self.plan.photo_sync.manifest)
        disk_identity.settle(self.cluster.api, self.plan.disk_identity, marked=False)
        self._session_volume(sync)
        for managed in self.plan.managed_objects():
            self._apply(managed.manifest)
            if managed is self.plan.directory_job:
                self._await(managed.ref)
        disk_identity.settle(self.cluster.api, self.plan.disk_identity, marked=True)

    def _apply(self, manifest: Manifest) -> None:
        if manifest["kind"] == "Secret":
            manifest = {**manifest, "stringData": {"appleId": APPLE_ID, "password": PASSWORD}}
        self.cluster.api.apply(manifest, OBJECT_MANAGER)

    def _await(self, job: Ref) -> None:
        def ended() -> Manifest | None:
            live = self.cluster.api.get(job)
            assert live
            return end_of_job(live)

        assert until(ended, 60)["type"] == "Complete"

    def _session_volume(self, namespace: str) -> None:
        """A fresh one, which is root's: of the class that the settings name, as a person makes it."""
        self.session.mkdir(parents=True)
        volume = {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "storageClassName": "by-hand",
            "claimRef": {"name": cookie_claim(ACCOUNT), "namespace": namespace},
            "local": {"path": f"/var/session/{namespace}"},
            "nodeAffinity": HERE,
        }
        self.cluster.core.create_persistent_volume({"metadata": {"name": f"session-{namespace}"}, "spec": volume})

    @property
    def cron_job(self) -> Ref:
        return Ref("batch/v1", "CronJob", cron_job_name(ACCOUNT), self.settings.photo_sync.namespace)

    def owners(self) -> set[tuple[int, int]]:
        """Whose the photos are."""
        found = [Path(place, name) for place, _, names in os.walk(self.photos) for name in names]
        return {(status.st_uid, status.st_gid) for status in (file.lstat() for file in found)}

    # What a person does.

    def sign_in(self, *answers: str) -> str:
        """Sign the account in, with these answers to what icloudpd asks."""
        shown: list[str] = []
        typed: queue.SimpleQueue[str] = queue.SimpleQueue()
        for answer in answers:
            typed.put(f"{answer}\n")
        icloud_login(self.stack, None, typed, shown.append, shown.append)
        return "".join(shown)

    def sync(self) -> list[str]:
        """Run a sync to its end, and return its output."""
        said: list[str] = []
        sync_now(self.stack, None, said.append)
        return said

    # A sync that something happens to.

    def start(self, change: Callable[[Manifest], None] = lambda _: None) -> Ref:
        """Start a sync, as `sync-now` does, whose Job is changed before."""
        cron_job = self.cluster.api.get(self.cron_job)
        assert cron_job
        job = manual_run(cron_job)
        job["metadata"]["name"] = f"{job['metadata'].pop('generateName')}{secrets.token_hex(3)}"
        change(job["spec"])
        return Ref.of(self.cluster.api.create(job, OBJECT_MANAGER).object)

    def pod_of(self, job: Ref) -> Manifest | None:
        pods = self.cluster.api.list(Ref("v1", "Pod", "", job.namespace), labelSelector=f"job-name={job.name}")
        return pods[0] if pods else None

    def fetching(self, change: Callable[[Manifest], None] = lambda _: None, photos: int = 500) -> Ref:
        """Start a sync with so many photos to fetch, and wait until the first one is there."""
        self.cluster.tell_apple("PUT", f"accounts/{APPLE_ID}", {"more": self.count() + photos})
        before = self.count()
        job = self.start(change)
        until(lambda: self.count() > before, 90)
        return job

    def count(self) -> int:
        return sum(len(names) for _, _, names in os.walk(self.photos))

    def await_gone(self, job: Ref) -> None:
        """Wait until nothing of it runs: a pod's object stays until its node says so."""
        until(lambda: self.pod_of(job) is None, 60)

    def end(self, job: Ref) -> End:
        """Wait until a sync has ended, and judge it as the commands do."""
        live: dict[str, Manifest] = {}

        def ended() -> Manifest | None:
            live.update({"pod": pod} if (pod := self.pod_of(job)) else {})
            found = self.cluster.api.get(job)
            return end_of_job(found) if found else {}

        condition = until(ended, 120)
        return pod_end.of_job(condition, live.get("pod"))
