"""How the photos' Jobs went, account by account, as Jobs and the ends of their logs tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from clients.kubernetes import ClusterApi, Manifest, Ref
from components import photo_sync
from settings import Settings

_LINES = 40  # a run says what counts at its end
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
        log: the end of its log; empty while it runs, and where its pod is gone.

    """

    name: str
    state: State
    began: datetime
    ended: datetime | None = None
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class AccountFacts:
    """An account: its CronJob (None: there is none), and its newest runs, the latest first."""

    name: str
    cron_job: Manifest | None
    runs: tuple[SyncRun, ...] = ()


def read(api: ClusterApi, settings: Settings) -> tuple[AccountFacts, ...]:
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
    ]
    syncs.sort(key=lambda job: str(job["metadata"]["creationTimestamp"]), reverse=True)
    for job in syncs[:_RUNS]:
        end = next(
            (
                condition
                for condition in job.get("status", {}).get("conditions", [])
                if condition["status"] == "True" and condition["type"] in {"Complete", "Failed"}
            ),
            None,
        )
        name, began = job["metadata"]["name"], moment(job["metadata"]["creationTimestamp"])
        if end is None:
            yield SyncRun(name, "running", began)
        else:
            state: State = "complete" if end["type"] == "Complete" else "failed"
            yield SyncRun(name, state, began, moment(end["lastTransitionTime"]), tuple(_log(api, namespace, name)))


def _log(api: ClusterApi, namespace: str, job: str) -> Iterator[str]:
    for pod in api.list(Ref("v1", "Pod", "", namespace), labelSelector=f"batch.kubernetes.io/job-name={job}"):
        if pod["status"].get("phase") in {"Succeeded", "Failed"}:
            place = Ref("v1", "Pod", pod["metadata"]["name"], namespace)
            yield from api.log_end(place, pod["spec"]["containers"][0]["name"], _LINES)


def moment(text: str) -> datetime:
    """Read a time as Kubernetes writes it."""
    return datetime.fromisoformat(text)
