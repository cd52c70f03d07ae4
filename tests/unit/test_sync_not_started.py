"""A sync that does not start: what the API server, the scheduler or the kubelet says of it, and since when."""

import pytest

from clients.kubernetes import ClusterRefusedError, Manifest, Ref
from ops.facts.photo_sync import AccountFacts, read_accounts
from tests.accounts import household
from tests.fake_cluster import FakeCluster

QUOTA = "exceeded quota: few, requested: pods=1, used: pods=0, limited: pods=0"
PENDING: Manifest = {
    "phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}],
}
RUNNING: Manifest = {"phase": "Running", "containerStatuses": [{"name": "icloudpd", "state": {"running": {}}}]}


def at(minute: int) -> str:
    return f"2026-11-27T12:{minute:02}:00Z"


def made(api: FakeCluster, kind: str, name: str, **more: object) -> None:
    labels = {"immich-icloud/account": "anna", "batch.kubernetes.io/job-name": "icloud-sync-anna-1"}
    metadata = {"name": name, "namespace": "photo-sync", "uid": name, "labels": labels, "creationTimestamp": at(10)}
    version = {"CronJob": "batch/v1", "Job": "batch/v1"}.get(kind, "v1")
    thing = {"apiVersion": version, "kind": kind, "metadata": metadata, **more}
    api.objects[Ref.of(thing)] = thing


def event(api: FakeCluster, about: str, minute: int, words: str, **times: object) -> None:
    said: Manifest = {"involvedObject": {"uid": about}, "reason": "FailedCreate", "message": words}
    made(api, "Event", f"{about}-{minute}", **said, **(times or {"lastTimestamp": at(minute)}))


def read(api: FakeCluster) -> AccountFacts:
    (found,) = [one for one in read_accounts(api, household()) if one.name == "anna"]
    return found


@pytest.fixture
def api() -> FakeCluster:
    """A CronJob that has made one Job, at ten past."""
    cluster = FakeCluster()
    made(cluster, "CronJob", "icloud-sync-anna", spec={})
    made(cluster, "Job", "icloud-sync-anna-1", status={})
    return cluster


def test_a_cron_job_is_refused_since_its_newest_job(api: FakeCluster) -> None:
    event(api, "icloud-sync-anna", 12, f"Error creating job: {QUOTA}")
    event(api, "icloud-sync-anna", 11, "an older one")
    assert read(api).refused == f"Error creating job: {QUOTA}"


def test_a_job_that_was_made_since_ends_the_refusal(api: FakeCluster) -> None:
    event(api, "icloud-sync-anna", 9, f"Error creating job: {QUOTA}")
    assert not read(api).refused


@pytest.mark.parametrize(
    "times",
    [{"eventTime": at(11)}, {"eventTime": at(9), "series": {"lastObservedTime": at(11)}}],
    ids=["once", "often"],
)
def test_an_event_of_the_newer_api_counts(api: FakeCluster, times: Manifest) -> None:
    event(api, "icloud-sync-anna", 11, QUOTA, **times)
    assert read(api).refused == QUOTA


def test_a_job_without_a_pod_says_why(api: FakeCluster) -> None:
    event(api, "icloud-sync-anna-1", 11, f"Error creating: pods is forbidden: {QUOTA}")
    (run,) = read(api).runs
    assert run.blocked == f"Job photo-sync/icloud-sync-anna-1 gets no pod: Error creating: pods is forbidden: {QUOTA}"


@pytest.mark.parametrize(
    ("status", "blocked"),
    [(PENDING, "pod photo-sync/p finds no node: 0/1 nodes are available"), (RUNNING, "")],
    ids=["pending", "running"],
)
def test_a_pod_that_does_not_start_says_why(api: FakeCluster, status: Manifest, blocked: str) -> None:
    event(api, "icloud-sync-anna-1", 11, QUOTA)  # which has passed, as there is a pod
    made(api, "Pod", "p", status=status)
    (run,) = read(api).runs
    assert run.blocked == blocked


def test_events_that_may_not_be_read_are_not_known(api: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    event(api, "icloud-sync-anna", 12, QUOTA)
    event(api, "icloud-sync-anna-1", 12, QUOTA)
    may_list = api.list

    def no_events(like: Ref, **query: str) -> list[Manifest]:
        if like.kind == "Event":
            raise ClusterRefusedError(403, "events is forbidden")
        return may_list(like, **query)

    monkeypatch.setattr(api, "list", no_events)
    found = read(api)
    assert (found.refused, [run.blocked for run in found.runs]) == ("", [""])
