"""A Job that is run now and waited for."""

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from clients import pod_end, pod_start, result
from clients.conditions import end_of_job
from clients.kubernetes import OBJECT_MANAGER, ClusterApi, ClusterError, ClusterRefusedError, Manifest, Ref
from clients.pod_end import End
from clients.pod_start import Failure
from clients.progress import Progress
from clients.result import Result
from clients.retry import TransientError
from text.visible import VisibleError

_KEPT = 300  # seconds that one whose command was killed stays after its end
_ABSENCE = 120.0  # seconds without an API server that are no failure of the Job

_NOT_FOUND, _CONFLICT = 404, 409
# Of each line of a log that was asked for with times. What has none is not the container's: a runtime that can't read
# the log of an evicted pod answers with a sentence of its own.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

Report = Callable[[str], None]


class JobError(VisibleError):
    """The Job failed, or never started. `str()` says what ended it, what it reported, or what stood in its way."""


def run(api: ClusterApi, job: Manifest, report: Report, log: Callable[[str], None] | None = None) -> Result | None:
    """Create a Job, and return what it reported when it is complete.

    Job and pods are deleted when it has ended, or when an exception ends the wait: a claim stays as long as any pod
    names it, and the stack could not be removed. Only one that has an owner stays for as long as that one says.

    Args:
        api: the cluster.
        job: the Job, with `metadata.generateName` in place of a name.
        report: gets each step of progress once, as a sentence.
        log: gets each line of the pod's log as it comes, but for the result.

    Raises:
        JobError: when the Job fails, when it is removed meanwhile, or when its pod does not start.
        ClusterError: when the API server refuses, or does not answer for two minutes.

    """
    follower = _Log(api, log, report) if log else None
    with _created(api, job, report) as made:
        condition, end = _Wait(api, made, report).until_it_ends(follower)
        if not made["metadata"].get("ownerReferences"):
            _remove(api, Ref.of(made), report)
    if condition["type"] == "Failed":
        raise JobError(end.reason)
    return end.result


@contextlib.contextmanager
def running(api: ClusterApi, job: Manifest, report: Report) -> Iterator[Manifest]:
    """Create a Job for as long as a `with` block lasts, which begins when its pod runs and gets the pod.

    Raises:
        JobError: when the Job ends before that, or when its pod does not start.
        ClusterError: when the API server refuses, or does not answer for two minutes.

    """
    with _created(api, job, report) as made:
        yield _Wait(api, made, report).until_it_runs()
        _remove(api, Ref.of(made), report)


@contextlib.contextmanager
def _created(api: ClusterApi, job: Manifest, report: Report) -> Iterator[Manifest]:
    """Create a Job; an exception removes it, even one that came before the API server's answer."""
    named = _named(job)
    try:
        yield _create(api, named)
    except BaseException:
        _remove(api, Ref.of(named), report)
        raise


def _create(api: ClusterApi, named: Manifest) -> Manifest:
    try:
        return api.create(named, OBJECT_MANAGER).object
    except ClusterRefusedError as refused:
        # The name is unique: an attempt whose answer was lost created it, and a webhook has changed it since.
        live = api.get(Ref.of(named)) if refused.status == _CONFLICT else None
        if live is None:
            raise
        return live


def _named(job: Manifest) -> Manifest:
    """Give the Job its name, here rather than at the API server: who is interrupted still knows what to remove."""
    metadata = {**job["metadata"], "name": f"{job['metadata']['generateName']}{secrets.token_hex(3)}"}
    del metadata["generateName"]
    kept = {} if metadata.get("ownerReferences") else {"ttlSecondsAfterFinished": _KEPT}
    return {**job, "metadata": metadata, "spec": {**kept, **job["spec"]}}


def _remove(api: ClusterApi, ref: Ref, report: Report) -> None:
    try:
        api.delete_with_dependents(ref)
    except ClusterError as error:
        if not (isinstance(error, ClusterRefusedError) and error.status == _NOT_FOUND):
            report(f"{ref} may go on. Remove it: kubectl delete job -n {ref.namespace} {ref.name} ({error})")


@dataclass
class _Wait:
    api: ClusterApi
    job: Manifest
    report: Report
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.progress = Progress(self.report)

    def until_it_ends(self, follower: "_Log | None") -> tuple[Manifest, End]:
        """Return the condition that ends the Job, and how its pod ended."""
        looks = self._looks()
        while True:
            job, pod = next(looks)
            if follower and pod:
                for container in _begun(pod):
                    follower.hand_over(pod, container)
            if condition := end_of_job(job):
                return condition, pod_end.of_job(condition, pod)

    def until_it_runs(self) -> Manifest:
        """Return the Job's pod."""
        looks = self._looks()
        while True:
            job, pod = next(looks)
            if condition := end_of_job(job):
                raise JobError(pod_end.of_job(condition, pod).reason)
            if pod and any("running" in state for state in _states(pod)):
                return pod

    def _looks(self) -> Iterator[tuple[Manifest, Manifest | None]]:
        """Look again and again, for as long as the pod has started or may start."""
        failing, absent_since = 0, None
        while True:
            try:
                job, pod = self._look()
                absent_since = None
            except TransientError as error:
                absent_since = absent_since or time.monotonic()
                if time.monotonic() - absent_since > _ABSENCE:
                    raise
                self.progress.tell(str(error))
            else:
                self.progress.tell(_progress(Ref.of(job), pod))
                yield job, pod
                failure = None if pod and _started(pod) else self._failure(pod)
                if failure:
                    self.progress.tell(failure.reason)
                failing = failing + 1 if failure else 0
                if failure and failing >= failure.patience:
                    raise JobError(failure.reason)
            time.sleep(pod_start.POLL)

    def _look(self) -> tuple[Manifest, Manifest | None]:
        ref = Ref.of(self.job)
        job = self.api.get(ref)
        if job is None:
            raise JobError(f"{ref} was removed meanwhile")
        selector = f"batch.kubernetes.io/controller-uid={self.job['metadata']['uid']}"
        pods = self.api.list(Ref("v1", "Pod", "", ref.namespace), labelSelector=selector)
        return job, max(pods, key=lambda pod: pod["metadata"].get("creationTimestamp", ""), default=None)

    def _failure(self, pod: Manifest | None) -> Failure | None:
        """Find what keeps the pod from starting, where that may be read and an answer comes."""
        try:
            return next(pod_start.of_job(self.api, self.job, pod), None)
        except (TransientError, ClusterRefusedError):
            return None


def _progress(ref: Ref, pod: Manifest | None) -> str:
    if pod is None:
        return f"{ref} begins"
    end = pod_end.of(pod)
    if end.cut_short:  # a pod of a node that does not answer goes on, as far as is known
        return f"{pod_start.name(pod)}: {end.reason}"
    return f"{pod_start.name(pod)} {'runs' if any(_begun(pod)) else 'is starting'}"


def _states(pod: Manifest) -> Iterator[Manifest]:
    for container in pod.get("status", {}).get("containerStatuses", []):
        yield container.get("state", {})


def _begun(pod: Manifest) -> Iterator[str]:
    """Name its containers that have started, in the order in which they do."""
    for container in pod_end.containers(pod.get("status", {})):
        if {"running", "terminated"} & set(container.get("state", {})):
            yield container["name"]


def _started(pod: Manifest) -> bool:
    return any("running" in state or "terminated" in state for state in _states(pod))


@dataclass
class _Log:
    """Hands over containers' logs, each line once, however often the connection breaks."""

    api: ClusterApi
    show: Callable[[str], None]
    report: Report
    last: dict[tuple[str, str], str] = field(default_factory=dict)  # by pod and container: the time of its last line
    complaint: str = ""

    def hand_over(self, pod: Manifest, container: str) -> None:
        """Return when the log ends, or when nothing has come for a while."""
        ref = Ref("v1", "Pod", pod["metadata"]["name"], pod["metadata"]["namespace"])
        place = (pod["metadata"]["uid"], container)
        try:
            for line in self.api.log(ref, container, self.last.get(place)):
                moment, _, text = line.partition(" ")
                # The API counts in whole seconds.
                if _MOMENT.fullmatch(moment) and moment > self.last.get(place, ""):
                    self.last[place] = moment
                    if result.parse(text) is None:
                        self.show(text)
        except ClusterError as error:
            if str(error) != self.complaint:
                self.complaint = str(error)
                self.report(f"the log of {pod_start.name(pod)} can't be read now: {error}")
