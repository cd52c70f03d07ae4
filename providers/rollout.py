"""Waiting until a Deployment runs what its template says, and saying why when it does not."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from providers.cluster_api import ClusterApi, Manifest, Ref, UnreachableError

_POLL = 0.5  # seconds
_PATIENCE = 5  # polls that a failure has to last: a pod may be refused while its service account is being made
_DEFAULT_DEADLINE = 600  # seconds: the API's own default of progressDeadlineSeconds
_NEVER_STARTS = {
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
}


class RolloutError(Exception):
    """`str()` says which pod does not come up, and why."""


@dataclass(frozen=True)
class _State:
    done: bool
    progress: str
    failure: str | None = None


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
        except UnreachableError as error:  # a moment's absence is no failure of the rollout
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
        if state.failure and (failures >= _PATIENCE or late):
            raise RolloutError(state.failure)
        if late:
            raise RolloutError(f"{ref} did not become ready in time: {state.progress}")
        time.sleep(_POLL)


def _state(api: ClusterApi, ref: Ref, live: Manifest | None) -> _State:
    if live is None:
        raise RolloutError(f"{ref} was removed meanwhile")
    spec, status = live["spec"], live.get("status", {})
    wanted = spec.get("replicas", 1)
    if spec.get("paused"):
        return _State(done=False, progress="paused", failure=f"{ref} is paused: `kubectl rollout resume` it first")
    seen = status.get("observedGeneration", 0) >= live["metadata"]["generation"]
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    if seen and updated == wanted and total == wanted and available == wanted:
        return _State(done=True, progress="")
    old = f", {total - updated} of the old template to go" if total > updated else ""
    if not seen:
        return _State(done=False, progress=f"{ref}: the rollout begins")
    progress = f"{ref}: {updated} of {wanted} pods updated, {available} available{old}"
    return _State(done=False, progress=progress, failure=next(_failures(api, ref, live), None))


def _failures(api: ClusterApi, ref: Ref, live: Manifest) -> Iterator[str]:
    for condition in live.get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            yield f"{ref}: {condition['message']}"
        if condition.get("reason") == "ProgressDeadlineExceeded":
            yield f"{ref}: {condition['message']}"
    revision = live["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision")
    selector = ",".join(f"{k}={v}" for k, v in live["spec"]["selector"].get("matchLabels", {}).items())
    replica_sets = api.list(Ref("apps/v1", "ReplicaSet", "", ref.namespace), labelSelector=selector)
    current = {
        rs["metadata"]["uid"]
        for rs in replica_sets
        if rs["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision") == revision
    }
    for pod in api.list(Ref("v1", "Pod", "", ref.namespace), labelSelector=selector):
        if any(owner["uid"] in current for owner in pod["metadata"].get("ownerReferences", [])):
            yield from _pod_failures(api, pod)


def _pod_failures(api: ClusterApi, pod: Manifest) -> Iterator[str]:
    name = f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
    status = pod.get("status", {})
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason") in _NEVER_STARTS:
            last = container.get("lastState", {}).get("terminated", {})
            detail = last.get("message") or waiting.get("message") or waiting["reason"]
            yield f'{name}: container "{container["name"]}" does not start: {detail.strip()}'
    # An event stays for an hour. Once the pod's sandbox is there, its volumes are mounted (condition since 1.29).
    mounted = any(
        c["type"] == "PodReadyToStartContainers" and c["status"] == "True" for c in status.get("conditions", [])
    )
    if status.get("phase") == "Pending" and not mounted:
        involved = f"involvedObject.uid={pod['metadata']['uid']},reason=FailedMount"
        for event in api.list(Ref("v1", "Event", "", pod["metadata"]["namespace"]), fieldSelector=involved):
            yield f"{name}: {event['message']}"
