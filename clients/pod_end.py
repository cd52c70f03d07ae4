"""How a pod ended: what its status says first, then what its script reported."""

from collections.abc import Iterator
from dataclasses import dataclass

from clients import result
from clients.conditions import holding
from clients.kubernetes import Manifest
from clients.result import Code, Result

# Of a pod's status.reason, and of its condition DisruptionTarget: who ended it, and why (source: Kubernetes' docs,
# "Pod disruption conditions"; kubelet's and the node controller's own reasons).
_ENDED_BY_CLUSTER = {
    "Evicted": "was evicted by its node",
    "TerminationByKubelet": "was ended by its node",
    "Terminated": "was ended as its node was shut down",
    "Shutdown": "was ended as its node was shut down",
    "NodeShutdown": "was ended as its node was shut down",
    "NodeLost": "was lost with its node, which does not answer",
    "DeletionByPodGC": "was lost with its node",
    "DeletionByTaintManager": "had to leave its node",
    "EvictionByEvictionAPI": "was evicted, as its node is drained",
    "PreemptionByScheduler": "made room for a pod of a higher priority",
    "Preempting": "made room for a pod of a higher priority",
    "DeadlineExceeded": "ran longer than it may",
}


@dataclass(frozen=True)
class End:
    """How a pod ended.

    Attributes:
        reason: a sentence without its full stop; empty where nothing is known.
        result: what its script reported, if it came to that.
        cut_short: whether something ended it that its script could not know of.
        unsent: which notifications of it were not delivered.

    """

    reason: str = ""
    result: Result | None = None
    cut_short: bool = False
    unsent: str = ""


def of(pod: Manifest) -> End:
    """Judge a pod that has ended."""
    status = pod.get("status", {})
    ended = [state for container in containers(status) if (state := container.get("state", {}).get("terminated"))]
    messages = [text for state in ended if (text := str(state.get("message", "")).strip())]
    results = [found for text in messages if (found := result.parse(text))]
    unsent = next((found.message for found in results if found.code == Code.NOT_SENT), "")
    reported = next((found for found in results if found.code != Code.NOT_SENT), None)
    if outside := next(_from_outside(status, ended), ""):
        return End(outside, reported, cut_short=True, unsent=unsent)
    if messages:
        return End(result.words(messages[0]), reported, unsent=unsent)
    codes = [state for state in ended if state.get("exitCode")]
    if codes:
        return End(f"its container ended with exit code {codes[0]['exitCode']} ({codes[0].get('reason', 'Error')})")
    return End(str(status.get("message", "")))


def of_job(condition: Manifest, pod: Manifest | None) -> End:
    """Judge a Job that has ended, by its last condition and its pod, which may be gone."""
    end = of(pod) if pod else End()
    if condition.get("reason") == "DeadlineExceeded":
        return End(
            _sentence("the Job was ended by its deadline", condition.get("message", "")),
            end.result,
            cut_short=True,
            unsent=end.unsent,
        )
    return end if end.reason else End(str(condition.get("message", "it failed")), end.result)


def containers(status: Manifest) -> list[Manifest]:
    """List the states of a pod's containers, in the order in which they start."""
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def _from_outside(status: Manifest, ended: list[Manifest]) -> Iterator[str]:
    reason, message = str(status.get("reason", "")), str(status.get("message", ""))
    if reason:
        yield _sentence(f"the pod {_ENDED_BY_CLUSTER.get(reason, f'was ended: {reason}')}", message)
    if condition := holding({"status": status}).get("DisruptionTarget"):
        what = _ENDED_BY_CLUSTER.get(condition.get("reason", ""), f"was ended: {condition.get('reason', '')}")
        yield _sentence(f"the pod {what}", condition.get("message", ""))
    for state in ended:
        match state:
            case {"reason": "OOMKilled"}:
                yield "the container was killed: it needed more memory than its limit"
            case {"reason": "ContainerStatusUnknown"}:
                yield _sentence("the container was lost with its node", state.get("message", ""))
            case {"exitCode": 137}:
                yield "the container was killed (SIGKILL)"


def _sentence(what: str, message: str) -> str:
    return f"{what}: {message.strip().rstrip('.')}" if message.strip() else what
