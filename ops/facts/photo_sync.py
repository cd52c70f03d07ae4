"""How the photos' Jobs went, account by account, as the status of Jobs and pods tells."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from clients import pod_end, pod_start
from clients.conditions import end_of_job
from clients.kubernetes import ClusterApi, ClusterRefusedError, Manifest, Ref
from clients.pod_end import End
from components import account_pod, photo_sync
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
        blocked: what keeps its pod from being made, or from starting; empty where nothing does, or none may be read.

    """

    name: str
    state: State
    began: datetime
    ended: datetime | None = None
    end: End = field(default_factory=End)
    blocked: str = ""


@dataclass(frozen=True)
class AccountFacts:
    """How an account is synchronised.

    Attributes:
        name: the account's.
        cron_job: its CronJob; None: there is none.
        runs: its newest runs, the latest first.
        refused: why its CronJob could not make a Job since; empty where nothing is known of that.

    """

    name: str
    cron_job: Manifest | None
    runs: tuple[SyncRun, ...] = ()
    refused: str = ""


def read_accounts(api: ClusterApi, settings: Settings) -> tuple[AccountFacts, ...]:
    """Read them.

    Raises:
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    return tuple(_account(api, settings.photo_sync.namespace, one.name) for one in settings.photo_sync.accounts)


def _account(api: ClusterApi, namespace: str, name: str) -> AccountFacts:
    cron_job = api.get(Ref("batch/v1", "CronJob", photo_sync.cron_job_name(name), namespace))
    runs = tuple(_runs(api, namespace, name))
    return AccountFacts(name, cron_job, runs, _refused(api, cron_job, runs) if cron_job else "")


def _refused(api: ClusterApi, cron_job: Manifest, runs: tuple[SyncRun, ...]) -> str:
    try:
        refusals = pod_start.refusals(api, cron_job)
    except ClusterRefusedError:
        return ""
    return next((words for when, words in refusals if not runs or datetime.fromisoformat(when) > runs[0].began), "")


def _runs(api: ClusterApi, namespace: str, account: str) -> Iterator[SyncRun]:
    labelled = f"{account_pod.ACCOUNT}={account}"
    syncs = [
        job
        for job in api.list(Ref("batch/v1", "Job", "", namespace), labelSelector=labelled)
        if job["metadata"]["name"].startswith(photo_sync.cron_job_name(account))
        and "creationTimestamp" in job["metadata"]
    ]
    syncs.sort(key=lambda job: str(job["metadata"]["creationTimestamp"]), reverse=True)
    pods = api.list(Ref("v1", "Pod", "", namespace), labelSelector=labelled)
    for job in syncs[:_RUNS]:
        name, began = job["metadata"]["name"], datetime.fromisoformat(job["metadata"]["creationTimestamp"])
        pod = next((pod for pod in pods if pod["metadata"].get("labels", {}).get(_JOB_NAME) == name), None)
        condition = end_of_job(job)
        if condition is None:
            yield SyncRun(name, "running", began, blocked=_blocked(api, job, pod))
            continue
        state: State = "complete" if condition["type"] == "Complete" else "failed"
        ended = datetime.fromisoformat(condition.get("lastTransitionTime") or job["metadata"]["creationTimestamp"])
        yield SyncRun(name, state, began, ended, pod_end.of_job(condition, pod))


def _blocked(api: ClusterApi, job: Manifest, pod: Manifest | None) -> str:
    try:
        return next((failure.reason for failure in pod_start.of_job(api, job, pod)), "")
    except ClusterRefusedError:
        return ""
