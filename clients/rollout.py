"""Waiting until a workload runs what its template says, and saying why when it does not."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clients import pod_end, pod_start
from clients.conditions import holding, is_going, is_ready
from clients.kubernetes import ClusterApi, ClusterRefusedError, Manifest, Ref
from clients.pod_start import Failure
from clients.progress import Progress
from clients.retry import TransientError
from text.visible import VisibleError

_DEPLOYED = "deployment.kubernetes.io/revision"
_REVISION = "controller-revision-hash"  # a label of a StatefulSet's and a DaemonSet's pods
_DEFAULT_DEADLINE = 600  # seconds: the API's own default of progressDeadlineSeconds


class RolloutError(VisibleError):
    """`str()` says which pod does not come up, and why."""


@dataclass(frozen=True)
class _State:
    done: bool
    progress: str
    failure: Failure | None = None


def wait(api: ClusterApi, ref: Ref, report: Callable[[str], None], *, forced: bool = False) -> None:
    """Return when every replica of the workload is updated and available; report each step of progress once.

    `forced`: whether pods of another template that are not ready are deleted. A StatefulSet waits for them forever,
    even when its template was restored (source: kubernetes.io, StatefulSets, "Forced rollback").

    Raises:
        RolloutError: when it can't get there, or not within the progress deadline (a Deployment has its own).

    """
    deadline: float | None = None
    progress, failures = Progress(report), 0
    while True:
        try:
            live = api.get(ref)
            state = _state(api, ref, live)
            if forced and live and live["kind"] == "StatefulSet":
                _delete_stuck(api, ref, live)
        except TransientError as error:  # a moment's absence is no failure of the rollout
            live, state = None, _State(done=False, progress=str(error))
        if state.done:
            return
        if deadline is None:
            seconds = live["spec"].get("progressDeadlineSeconds", _DEFAULT_DEADLINE) if live else _DEFAULT_DEADLINE
            deadline = time.monotonic() + seconds
        progress.tell(state.progress)
        if state.failure:  # in the scheduler's, the quota's or the kubelet's words, long before it is given up
            progress.tell(state.failure.reason)
        failures = failures + 1 if state.failure else 0
        late = time.monotonic() > deadline
        if state.failure and (failures >= state.failure.patience or late):
            raise RolloutError(state.failure.reason)
        if late:
            raise RolloutError(f"{ref} did not become ready in time: {state.progress}")
        time.sleep(pod_start.POLL)


def _delete_stuck(api: ClusterApi, ref: Ref, live: Manifest) -> None:
    if live.get("status", {}).get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return
    revision = live.get("status", {}).get("updateRevision")
    for pod in api.list(Ref("v1", "Pod", "", ref.namespace), labelSelector=f"{_REVISION}!={revision}"):
        if live["metadata"]["uid"] in _owners(pod) and not is_ready(pod) and not is_going(pod):
            api.delete_with_dependents(Ref.of(pod))


def _state(api: ClusterApi, ref: Ref, live: Manifest | None) -> _State:
    if live is None:
        raise RolloutError(f"{ref} was removed meanwhile")
    seen = live.get("status", {}).get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
    counts = _counts(live)
    if seen and (counts.done or on_delete(live)):
        return _State(done=True, progress="")
    if live["spec"].get("paused"):
        paused = Failure(f"{ref} is paused: `kubectl rollout resume` it first")
        return _State(done=False, progress="paused", failure=paused)
    if number := partition(live):
        held = Failure(f"{ref} updates only pods from number {number} on: set its partition to 0 first")
        return _State(done=False, progress="partitioned", failure=held)
    old = f", {counts.total - counts.updated} of the old template to go" if counts.total > counts.updated else ""
    if not seen:
        return _State(done=False, progress=f"{ref}: the rollout begins")
    progress = f"{ref}: {counts.updated} of {counts.wanted} pods updated, {counts.available} available{old}"
    try:
        return _State(done=False, progress=progress, failure=next(_failures(api, ref, live), None))
    except ClusterRefusedError:  # may not list pods or events: then without their reasons
        return _State(done=False, progress=progress)


@dataclass(frozen=True)
class _Counts:
    wanted: int
    updated: int
    total: int
    available: int

    @property
    def done(self) -> bool:
        return self.updated == self.total == self.available == self.wanted


def _counts(live: Manifest) -> _Counts:
    """Read a workload's status; a DaemonSet has other words for the same."""
    spec, status = live["spec"], live.get("status", {})
    if live["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
        return _Counts(wanted, updated, status.get("currentNumberScheduled", 0), available)
    wanted, total = spec.get("replicas", 1), status.get("replicas", 0)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if live["kind"] == "StatefulSet" and status.get("currentRevision") == status.get("updateRevision"):
        updated = total  # once all are updated, it counts them as current
    return _Counts(wanted, updated, total, available)


def replicas(live: Manifest) -> int:
    """Count the pods that a workload is to have."""
    return _counts(live).wanted


def pods(api: ClusterApi, live: Manifest) -> list[Manifest]:
    """List a workload's pods of any revision, by their owner: the selector may take pods of others, too."""
    owners = {live["metadata"]["uid"]}
    if live["kind"] == "Deployment":
        owners = {rs["metadata"]["uid"] for rs in _replica_sets(api, live)}
    return [pod for pod in _selected(api, live, "v1", "Pod") if owners & _owners(pod)]


def partition(live: Manifest) -> int:
    """Return the number below which a StatefulSet's pods stay as they are; 0 where it updates all of them."""
    spec = live["spec"]
    number = int(((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0)
    return number if number > (spec.get("ordinals") or {}).get("start", 0) and not on_delete(live) else 0


def on_delete(live: Manifest) -> bool:
    """Whether a workload's owner replaces its pods by hand."""
    return live["kind"] != "Deployment" and "OnDelete" in live["spec"].get("updateStrategy", {}).values()


def _failures(api: ClusterApi, ref: Ref, live: Manifest) -> Iterator[Failure]:
    if refused := holding(live).get("ReplicaFailure"):
        # A policy that has just been changed or removed is in force for a moment longer.
        yield Failure(f"{ref}: {_message(refused)}", retried="ValidatingAdmissionPolicy" in _message(refused))
    for condition in live.get("status", {}).get("conditions", []):
        if condition.get("reason") == "ProgressDeadlineExceeded":
            yield Failure(f"{ref}: {_message(condition)}")
    if live["kind"] == "Deployment":
        revision = live["metadata"].get("annotations", {}).get(_DEPLOYED)
        current = {
            rs["metadata"]["uid"]
            for rs in _replica_sets(api, live)
            if rs["metadata"].get("annotations", {}).get(_DEPLOYED) == revision
        }
        updated = [pod for pod in _selected(api, live, "v1", "Pod") if current & _owners(pod)]
    else:
        # A Deployment has a condition for it, and the others an event.
        yield from (Failure(f"{ref}: {words}", retried=True) for _, words in pod_start.refusals(api, live))
        revision = live.get("status", {}).get("updateRevision")  # none of a DaemonSet, of which all pods count
        updated = [
            pod for pod in pods(api, live) if revision in {None, pod["metadata"].get("labels", {}).get(_REVISION)}
        ]
    for pod in updated:
        yield from pod_start.failures(api, pod)
    # What a node has taken back stays; of what came after it, that says nothing.
    newest = max(updated, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), default={})
    if newest.get("status", {}).get("phase") == "Failed":
        yield Failure(f"{pod_start.name(newest)}: {pod_end.of(newest).reason}", retried=True)


def _owners(thing: Manifest) -> set[str]:
    return {owner["uid"] for owner in thing["metadata"].get("ownerReferences", [])}


def _replica_sets(api: ClusterApi, deployment: Manifest) -> list[Manifest]:
    uid = deployment["metadata"]["uid"]
    return [rs for rs in _selected(api, deployment, "apps/v1", "ReplicaSet") if uid in _owners(rs)]


def _selected(api: ClusterApi, live: Manifest, api_version: str, kind: str) -> list[Manifest]:
    labels = live["spec"]["selector"].get("matchLabels", {})
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    return api.list(Ref(api_version, kind, "", live["metadata"]["namespace"]), labelSelector=selector)


def _message(condition: Manifest) -> str:
    return str(condition.get("message") or condition.get("reason") or condition["type"])
