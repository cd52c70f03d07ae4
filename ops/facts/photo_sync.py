"""How the photos' Jobs went, account by account, as the status of Jobs and pods tells."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from clients import pod_end
from clients.conditions import end_of_job
from clients.kubernetes import ClusterApi, Manifest, Ref
from clients.pod_end import End
from components import photo_sync
from settings import Settings

_JOB_NAME = "batch.kubernetes.io/job-name"
_RUNS = 3  # the newest; a CronJob keeps no more of a kind

State = Literal["running", "complete", "failed"]


@dataclass(frozen=True)
class SyncRun:
    """One run.

    Attributes:
        name: the Job's.
        state: how it ended, if it has.
        began: when it was made.
        ended: when it ended; None while it runs.
        end: how its pod ended; empty while it runs.

    """

    name: str
    state: State
    began: datetime
    ended: datetime | None = None
    end: End = field(default_factory=End)


@dataclass(frozen=True)
class AccountFacts:
    """An account: its CronJob (None: there is none), and its newest runs, the latest first."""

    name: str
    cron_job: Manifest | None
    runs: tuple[SyncRun, ...] = ()


def read_accounts(api: ClusterApi, settings: Settings) -> tuple[AccountFacts, ...]:
    """Read them.

    Raises:
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    namespace = settings.photo_sync.namespace
    return tuple(
        AccountFacts(
            account.name,
            api.get(Ref("batch/v1", "CronJob", photo_sync.cron_job_name(account.name), namespace)),
            tuple(_runs(api, namespace, account.name)),
        )
        for account in settings.photo_sync.accounts
    )


def _runs(api: ClusterApi, namespace: str, account: str) -> Iterator[SyncRun]:
    labelled = f"{photo_sync.ACCOUNT}={account}"
    syncs = [
        job
        for job in api.list(Ref("batch/v1", "Job", "", namespace), labelSelector=labelled)
        if job["metadata"]["name"].startswith(photo_sync.cron_job_name(account))
        and "creationTimestamp" in job["metadata"]
    ]
    syncs.sort(key=lambda job: str(job["metadata"]["creationTimestamp"]), reverse=True)
    pods = api.list(Ref("v1", "Pod", "", namespace), labelSelector=labelled)
    for job in syncs[:_RUNS]:
        name, began = job["metadata"]["name"], moment(job["metadata"]["creationTimestamp"])
        condition = end_of_job(job)
        if condition is None:
            yield SyncRun(name, "running", began)
            continue
        pod = next((pod for pod in pods if pod["metadata"].get("labels", {}).get(_JOB_NAME) == name), None)
        state: State = "complete" if condition["type"] == "Complete" else "failed"
        ended = moment(condition.get("lastTransitionTime") or job["metadata"]["creationTimestamp"])
        yield SyncRun(name, state, began, ended, pod_end.of_job(condition, pod))


def moment(text: str) -> datetime:
    """Read a time as Kubernetes writes it."""
    return datetime.fromisoformat(text)
