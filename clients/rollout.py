"""Waiting until a Deployment runs what its template says, and saying why when it does not."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clients import pod_start
from clients.conditions import holding
from clients.kubernetes import ClusterApi, Manifest, Ref, RefusedError
from clients.pod_start import Failure
from clients.retry import TransientError
from text.visible import VisibleError

_DEFAULT_DEADLINE = 600  # seconds: the API's own default of progressDeadlineSeconds


class RolloutError(VisibleError):
    """`str()` says which pod does not come up, and why."""


@dataclass(frozen=True)
class _State:
    done: bool
    progress: str
    failure: Failure | None = None


def wait(api: ClusterApi, ref: Ref, report: Callable[[str], None]) -> None:
    """Return when every replica of the Deployment is updated and available; report each step of progress once.

    Raises:
        RolloutError: when it can't get there, or not within the Deployment's own progress deadline.

    """
    deadline: float | None = None
    told, failures = "", 0
    while True:
        try:
            live = api.get(ref)
            state = _state(api, ref, live)
        except TransientError as error:  # a moment's absence is no failure of the rollout
            live, state = None, _State(done=False, progress=str(error))
        if state.done:
            return
        if deadline is None:
            seconds = live["spec"].get("progressDeadlineSeconds", _DEFAULT_DEADLINE) if live else _DEFAULT_DEADLINE
            deadline = time.monotonic() + seconds
        if state.progress != told:
            told = state.progress
            report(told)
        failures = failures + 1 if state.failure else 0
        late = time.monotonic() > deadline
        if state.failure and (failures >= state.failure.patience or late):
            raise RolloutError(state.failure.reason)
        if late:
            raise RolloutError(f"{ref} did not become ready in time: {state.progress}")
        time.sleep(pod_start.POLL)


def _state(api: ClusterApi, ref: Ref, live: Manifest | None) -> _State:
    if live is None:
        raise RolloutError(f"{ref} was removed meanwhile")
    spec, status = live["spec"], live.get("status", {})
    wanted = spec.get("replicas", 1)
    if spec.get("paused"):
        paused = Failure(f"{ref} is paused: `kubectl rollout resume` it first")
        return _State(done=False, progress="paused", failure=paused)
    seen = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    if seen and updated == wanted and total == wanted and available == wanted:
        return _State(done=True, progress="")
    old = f", {total - updated} of the old template to go" if total > updated else ""
    if not seen:
        return _State(done=False, progress=f"{ref}: the rollout begins")
    progress = f"{ref}: {updated} of {wanted} pods updated, {available} available{old}"
    try:
        return _State(done=False, progress=progress, failure=next(_failures(api, ref, live), None))
    except RefusedError:  # may not list pods or events: then without their reasons
        return _State(done=False, progress=progress)


def _failures(api: ClusterApi, ref: Ref, live: Manifest) -> Iterator[Failure]:
    if refused := holding(live).get("ReplicaFailure"):
        yield Failure(f"{ref}: {_message(refused)}")
    for condition in live.get("status", {}).get("conditions", []):
        if condition.get("reason") == "ProgressDeadlineExceeded":
            yield Failure(f"{ref}: {_message(condition)}")
    revision = live["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision")
    selector = ",".join(f"{k}={v}" for k, v in live["spec"]["selector"].get("matchLabels", {}).items())
    replica_sets = api.list(Ref("apps/v1", "ReplicaSet", "", ref.namespace), labelSelector=selector)
    current = {
        rs["metadata"]["uid"]
        for rs in replica_sets
        if rs["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision") == revision
        and any(owner["uid"] == live["metadata"]["uid"] for owner in rs["metadata"].get("ownerReferences", []))
    }
    for pod in api.list(Ref("v1", "Pod", "", ref.namespace), labelSelector=selector):
        if any(owner["uid"] in current for owner in pod["metadata"].get("ownerReferences", [])):
            yield from pod_start.failures(api, pod)


def _message(condition: Manifest) -> str:
    return str(condition.get("message") or condition.get("reason") or condition["type"])
