"""A Job that is run now: to its end, with its reasons, and without anything left when the wait is cut short."""

import contextlib
import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from clients import jobs
from clients.jobs import JobError
from clients.kubernetes import Answer, ClusterApi, ClusterRefusedError, Manifest, Ref, UnreachableError
from tests.fake_jobs import COMPLETE, FAILED, RUNNING, WAITING, Jobs, ended, step
from tests.scripted_server import Said, serving
from tests.unit.test_kubernetes_client import api_at

JOB: Manifest = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "look-", "namespace": "photo-sync"},
    "spec": {"backoffLimit": 0, "template": {"spec": {"containers": [{"name": "look"}]}}},
}


def told(api: ClusterApi) -> list[str]:
    reports: list[str] = []
    jobs.run(api, JOB, reports.append)
    return reports


def test_it_returns_when_the_job_is_complete_and_says_each_step_once() -> None:
    api = Jobs(
        step(), step(WAITING), step(WAITING), step(RUNNING), step(RUNNING), step(ended(0)), step(ended(0), COMPLETE)
    )
    (begins, starts, runs) = told(api)
    (name,) = (job["metadata"]["name"] for job in api.made)
    assert begins == f"Job photo-sync/{name} begins"
    assert starts == f"pod photo-sync/{name}-x is starting"
    assert runs == f"pod photo-sync/{name}-x runs"
    assert name.startswith("look-")
    assert len(name) > len("look-")


def test_a_pod_that_is_lost_with_its_node_is_reported_while_it_is_waited_for() -> None:
    api = Jobs(step(RUNNING), step(RUNNING | {"reason": "NodeLost"}), step(ended(0), COMPLETE))
    assert any(words.endswith("the pod was lost with its node, which does not answer") for words in told(api))


def test_two_runs_are_two_jobs() -> None:
    api = Jobs(step(ended(0), COMPLETE))
    told(api)
    told(api)
    assert len({job["metadata"]["name"] for job in api.made}) == 2


def test_one_that_ended_is_gone_and_holds_no_claim() -> None:
    """Whatever became of its command: the cluster removes it before long."""
    api = Jobs(step(ended(0), COMPLETE))
    told(api)
    assert not api.jobs
    (job,) = api.made
    assert job["spec"]["ttlSecondsAfterFinished"] == 300
    assert "generateName" not in job["metadata"]


def test_one_with_an_owner_is_kept_for_as_long_as_the_owner_says() -> None:
    api = Jobs(step(ended(0), COMPLETE))
    owned = deepcopy(JOB)
    owned["metadata"]["ownerReferences"] = [{"kind": "CronJob", "uid": "1"}]
    jobs.run(api, owned, lambda _: None)
    (job,) = (thing for ref, thing in api.objects.items() if ref.kind == "Job")
    assert "ttlSecondsAfterFinished" not in job["spec"]


REPORT = '{"code":"no-space","message":"no room"}'
LAST_LINE = "2026-11-24 10:49:03 INFO     Downloaded a.jpg"
NO_MEMORY = "the container was killed: it needed more memory than its limit"
EVICTED: Manifest = {"phase": "Failed", "reason": "Evicted", "message": "low on ephemeral-storage. "}
DISRUPTED: Manifest = {
    "conditions": [
        {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC", "message": "node not found"}
    ]
}
TOO_LONG = [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "Job was active longer"}]


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (step(ended(1, "some log\nthe photo disk is not there\n"), FAILED), "the photo disk is not there"),
        (step(ended(1, f"log\n{REPORT}\n"), FAILED), "no room"),
        (step(ended(1, REPORT[:-9]), FAILED), REPORT[:-9]),
        (step(ended(3), FAILED), "its container ended with exit code 3 (Error)"),
        (
            step(ended(137, LAST_LINE, "OOMKilled"), FAILED),
            NO_MEMORY,
        ),
        (step(ended(1, REPORT, "OOMKilled"), FAILED), NO_MEMORY),
        (step(ended(137, LAST_LINE), FAILED), "the container was killed (SIGKILL)"),
        (
            step(ended(137, "The container could not be located", "ContainerStatusUnknown"), FAILED),
            "the container was lost with its node: The container could not be located",
        ),
        (step(EVICTED | ended(137, LAST_LINE), FAILED), "the pod was evicted by its node: low on ephemeral-storage"),
        (step(EVICTED | ended(1, REPORT), FAILED), "the pod was evicted by its node: low on ephemeral-storage"),
        (step(DISRUPTED | ended(1, REPORT), FAILED), "the pod was lost with its node: node not found"),
        (step({"reason": "NodeLost"}, FAILED), "the pod was lost with its node, which does not answer"),
        (step({"reason": "OutOfcpu", "message": "no cpu."}, FAILED), "the pod was ended: OutOfcpu: no cpu"),
        (step({"phase": "Failed", "message": "The node was low on memory"}, FAILED), "The node was low on memory"),
        (step(ended(1, REPORT), TOO_LONG), "the Job was ended by its deadline: Job was active longer"),
        (step(None, TOO_LONG), "the Job was ended by its deadline: Job was active longer"),
        (step(None, FAILED), "Job has reached the specified backoff limit"),
    ],
)
def test_why_it_failed(last: Any, reason: str) -> None:
    api = Jobs(step(WAITING), last)
    with pytest.raises(JobError) as error:
        told(api)
    assert str(error.value) == reason
    assert not api.jobs


PULL: Manifest = {
    "phase": "Pending",
    "containerStatuses": [{"name": "look", "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}],
}
NO_NODE: Manifest = {
    "phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}],
}


@pytest.mark.parametrize(
    ("api", "reason"),
    [
        (Jobs(step(), event='pods "look" is forbidden'), 'Job photo-sync/{} gets no pod: pods "look" is forbidden'),
        (Jobs(step(PULL)), 'pod photo-sync/{}-x: container "look" does not start: not found'),
        (Jobs(step(NO_NODE)), "pod photo-sync/{}-x finds no node: 0/1 nodes are available"),
        (Jobs(step(WAITING), event="no such directory"), "pod photo-sync/{}-x: no such directory"),
    ],
    ids=["forbidden", "image", "node", "mount"],
)
def test_one_that_does_not_start_is_given_up_and_removed(api: Jobs, reason: str) -> None:
    names: list[str] = []
    api.step = lambda _: names.extend(api.jobs)
    with pytest.raises(JobError) as error:
        told(api)
    assert str(error.value) == reason.format(names[0])
    assert not api.jobs


def test_what_the_kubelet_tries_again_may_pass_and_is_told_once() -> None:
    _, waits, _ = told(Jobs(*[step(PULL)] * 100, step(ended(0), COMPLETE)))
    assert waits.endswith('container "look" does not start: not found')


def test_a_refusal_that_passes_is_no_failure() -> None:
    api = Jobs(*[step()] * 4, step(ended(0), COMPLETE), event="error looking up service account")
    told(api)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), ClusterRefusedError(403, "forbidden"), ValueError("x")])
def test_a_wait_that_is_cut_short_leaves_nothing_running(interruption: BaseException) -> None:
    api = Jobs(step(RUNNING), interruption)
    with pytest.raises(type(interruption)):
        told(api)
    assert not api.jobs
    assert api.writes == ["create", "delete with dependents"]


def test_interrupted_while_it_is_created() -> None:
    api = Jobs(step())

    def interrupt(moment: str) -> None:
        if moment == "after create":
            raise KeyboardInterrupt

    api.step = interrupt
    with pytest.raises(KeyboardInterrupt):
        told(api)
    assert not api.jobs


def test_one_that_is_refused() -> None:
    class Refusing(Jobs):
        def create(self, manifest: Manifest, manager: str) -> Answer:
            raise ClusterRefusedError(403, f"{manifest['kind']} is forbidden to {manager}")

    with pytest.raises(ClusterRefusedError, match="Job is forbidden"):
        told(Refusing(step()))


def test_one_that_was_removed() -> None:
    with pytest.raises(JobError, match=r"Job photo-sync/look-\w+ was removed meanwhile"):
        told(Jobs(step(RUNNING), None))


def test_a_moments_absence_of_the_api_server_is_reported_and_borne() -> None:
    absent = UnreachableError("no Kubernetes API server answers")
    assert str(absent) in told(Jobs(step(RUNNING), absent, absent, step(ended(0), COMPLETE)))


@pytest.mark.parametrize("refusal", [UnreachableError("busy"), ClusterRefusedError(403, "events is forbidden")])
def test_reasons_that_can_not_be_read_are_no_failure(monkeypatch: pytest.MonkeyPatch, refusal: Exception) -> None:
    api = Jobs(*[step(WAITING)] * 3, step(ended(0), COMPLETE))
    listed = api.list

    def no_events(like: Ref, **query: str) -> list[Manifest]:
        if like.kind == "Event":
            raise refusal
        return listed(like, **query)

    monkeypatch.setattr(api, "list", no_events)
    told(api)


def test_a_long_absence_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_ABSENCE", -1.0)
    with pytest.raises(UnreachableError):
        told(Jobs(step(RUNNING), UnreachableError("no Kubernetes API server answers")))


def logged(api: Jobs) -> tuple[list[str], list[str]]:
    lines: list[str] = []
    reports: list[str] = []
    jobs.run(api, JOB, reports.append, lines.append)
    return lines, reports


A, B, C = (f"2026-11-26T10:00:00.00000000{n}Z {text}" for n, text in enumerate(("a", "b", "c: d e")))

NO_LOG = "unable to retrieve container logs for containerd://0f3a"


def test_each_line_of_the_log_is_handed_over() -> None:
    lines, _ = logged(Jobs(step(WAITING), step(RUNNING), step(ended(0), COMPLETE), lines=(A, B, C)))
    assert lines == ["a", "b", "c: d e"]


def test_the_log_of_one_that_ended_at_once_is_handed_over() -> None:
    lines, _ = logged(Jobs(step(ended(0), COMPLETE), lines=(A,)))
    assert lines == ["a"]
    with pytest.raises(JobError):
        logged(failing := Jobs(step(ended(1, "no"), FAILED), lines=(A,)))
    assert failing.lines == []


def test_what_has_no_time_is_no_line_of_the_log() -> None:
    """A runtime's answer for an evicted pod; sent back as a time, the API server refuses it."""
    api = Jobs(step(RUNNING), step(RUNNING), step(EVICTED, FAILED), lines=(A, NO_LOG, "quiet", B, NO_LOG))
    lines: list[str] = []
    with pytest.raises(JobError):
        jobs.run(api, JOB, lambda _: None, lines.append)
    assert lines == ["a", "b"]
    assert set(api.asked[1:]) == {A.split()[0]}


def test_the_report_is_no_line_to_be_shown() -> None:
    lines, _ = logged(Jobs(step(ended(0, REPORT), COMPLETE), lines=(A, A.replace("0Z a", f"5Z {REPORT}"))))
    assert lines == ["a"]
    result = jobs.run(Jobs(step(ended(0, REPORT), COMPLETE)), JOB, lambda _: None)
    assert result
    assert (result.code, result.message) == ("no-space", "no room")


@pytest.mark.parametrize("interruption", ["breaks", "quiet"])
def test_a_log_that_breaks_goes_on_where_it_was(interruption: str) -> None:
    """The API server knows whole seconds, so that lines come again."""
    api = Jobs(step(RUNNING), step(RUNNING), step(ended(0), COMPLETE), lines=(A, B, interruption, A, B, C))
    lines, _ = logged(api)
    assert lines == ["a", "b", "c: d e"]
    assert api.asked[:2] == [None, B.split()[0]]


def test_a_log_that_may_not_be_read_is_reported_once() -> None:
    api = Jobs(step(RUNNING), step(RUNNING), step(ended(0), COMPLETE), lines=("refused", "refused"))
    _, reports = logged(api)
    assert len([words for words in reports if "can't be read now: pods/log is forbidden" in words]) == 1


def test_a_job_for_as_long_as_it_is_needed() -> None:
    api = Jobs(step(), step(WAITING), step(RUNNING))
    with jobs.running(api, JOB, lambda _: None) as pod:
        assert pod["metadata"]["name"] == f"{api.jobs[0]}-x"
    assert not api.jobs


def test_it_is_removed_whatever_ends_its_need() -> None:
    api = Jobs(step(RUNNING))
    with pytest.raises(KeyboardInterrupt), jobs.running(api, JOB, lambda _: None):
        raise KeyboardInterrupt
    assert not api.jobs


def test_one_that_ends_before_it_is_needed() -> None:
    api = Jobs(step(ended(1, "no"), FAILED))
    with pytest.raises(JobError, match="no"), jobs.running(api, JOB, lambda _: None):
        pytest.fail("it does not run")
    assert not api.jobs


# The calls themselves, on a socket.


@contextlib.contextmanager
def answering(folder: Path, answer: Said) -> Iterator[tuple[ClusterApi, list[tuple[str, str, bytes]]]]:
    """An API server that gives this answer; method, path and body of each request."""
    requests = list[tuple[str, str, bytes]]()

    def answered(*request: Any) -> Said:
        requests.append(request)
        return answer

    with serving(answered) as server:
        yield api_at(folder, server.address), requests


def chunked(*chunks: str) -> Said:
    body = "".join(f"{len(chunk.encode()):x}\r\n{chunk}\r\n" for chunk in chunks)
    return Said(body=body.encode(), headers=(("Transfer-Encoding", "chunked"),), cut=True)


POD = Ref("v1", "Pod", "look-x", "photo-sync")


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.usefixtures("no_proxy")
def test_a_log_comes_in_lines_however_it_is_cut(tmp_path: Path) -> None:
    cut = chunked("t1 an", "na\nt2 b\nt3 ", "ü\nlast", "")
    with answering(tmp_path, cut) as (api, requests):
        assert list(api.log(POD, "look", "2026-11-26T10:00:00.1Z")) == ["t1 anna", "t2 b", "t3 ü", "last"]
    ((_, asked, _),) = requests
    assert asked.startswith("/api/v1/namespaces/photo-sync/pods/look-x/log?container=look&follow=true&timestamps=true")
    assert asked.endswith("&sinceTime=2026-11-26T10%3A00%3A00.1Z")


@pytest.mark.usefixtures("no_proxy")
def test_a_log_that_breaks_off(tmp_path: Path) -> None:
    with answering(tmp_path, chunked("t1 a\n")) as (api, _), pytest.raises(UnreachableError):
        list(api.log(POD, "look"))


@pytest.mark.usefixtures("no_proxy")
def test_a_job_is_deleted_with_its_pods(tmp_path: Path) -> None:
    with answering(tmp_path, Said(body=b'{"kind":"Status"}')) as (api, requests):
        api.delete_with_dependents(Ref("batch/v1", "Job", "look", "photo-sync"))
    ((method, path, body),) = requests
    assert (method, path.partition("?")[0]) == ("DELETE", "/apis/batch/v1/namespaces/photo-sync/jobs/look")
    assert json.loads(body) == {"propagationPolicy": "Background"}
