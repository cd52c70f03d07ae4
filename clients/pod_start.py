"""Why a pod does not start, as a sentence."""

from collections.abc import Iterator
from dataclasses import dataclass

from clients import result
from clients.conditions import holding
from clients.kubernetes import ClusterApi, Manifest, Ref

POLL = 0.5  # seconds
_PATIENCE = 5  # polls that a failure has to last: a pod may be refused while its service account is being made
_PATIENCE_WITH_RETRIES = 240  # polls, two minutes: the kubelet pulls and starts again by itself
_NEVER_STARTS = {"CreateContainerConfigError", "InvalidImageName"}
_EVENTS = ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")
_RETRIED = {"CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff"}


@dataclass(frozen=True)
class Failure:
    """What keeps a pod from starting.

    Attributes:
        reason: a sentence.
        retried: whether the cluster tries again by itself, so that it may pass.

    """

    reason: str
    retried: bool = False

    @property
    def patience(self) -> int:
        """Polls that it has to last."""
        return _PATIENCE_WITH_RETRIES if self.retried else _PATIENCE


def name(pod: Manifest) -> str:
    """Name a pod."""
    return f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"


def of_job(api: ClusterApi, job: Manifest, pod: Manifest | None) -> Iterator[Failure]:
    """Say what keeps the pod of a Job from being made, or its containers from starting."""
    if pod is None:
        yield from (Failure(f"{Ref.of(job)} gets no pod: {words}") for _, words in refusals(api, job))
    else:
        yield from failures(api, pod)


def refusals(api: ClusterApi, owner: Manifest) -> list[tuple[str, str]]:
    """List when, and with which message, the API server refused what a controller creates for an object, latest first.

    The controller tries again, and an event, which stays for an hour, is all that it leaves.
    """
    of_owner = f"involvedObject.uid={owner['metadata']['uid']},reason=FailedCreate"
    events = api.list(Ref("v1", "Event", "", owner["metadata"]["namespace"]), fieldSelector=of_owner)
    return sorted(((_last(event), event.get("message", "FailedCreate")) for event in events), reverse=True)


def _last(event: Manifest) -> str:
    """Return when an event came last; each of its two APIs writes that in a place of its own."""
    series = event.get("series") or {}
    times = (event.get("lastTimestamp"), series.get("lastObservedTime"), event.get("eventTime"))
    return str(next(filter(None, times), event["metadata"].get("creationTimestamp", "")))


def failures(api: ClusterApi, pod: Manifest) -> Iterator[Failure]:
    """Say what keeps a pod's containers from starting."""
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield Failure(f"{name(pod)} finds no node: {condition.get('message', '')}", retried=True)
    initial = status.get("initContainerStatuses", [])
    for container in [*initial, *status.get("containerStatuses", [])]:
        waiting = container.get("state", {}).get("waiting", {})
        # An init container that fails says that the pod must not start: ours, that the disk is not there.
        refused = container in initial and waiting.get("reason") == "CrashLoopBackOff"
        if waiting.get("reason") in _NEVER_STARTS | _RETRIED:
            last = container.get("lastState", {}).get("terminated", {})
            detail = result.words(last.get("message", "")) or waiting.get("message") or waiting["reason"]
            yield Failure(
                f'{name(pod)}: container "{container["name"]}" does not start: {detail.strip()}',
                retried=waiting["reason"] in _RETRIED and not refused,
            )
    # An event stays for an hour. Once the pod's sandbox is there, its volumes are mounted (condition since 1.29).
    mounted = "PodReadyToStartContainers" in holding(pod)
    if status.get("phase") == "Pending" and not mounted:
        for reason in _EVENTS:
            involved = f"involvedObject.uid={pod['metadata']['uid']},reason={reason}"
            for event in api.list(Ref("v1", "Event", "", pod["metadata"]["namespace"]), fieldSelector=involved):
                yield Failure(f"{name(pod)}: {event.get('message', reason)}", retried=True)
