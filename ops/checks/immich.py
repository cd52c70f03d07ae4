"""Immich runs, and sees the photos read-only."""

from clients import pod_end, result
from clients.conditions import holding, is_going, is_over, is_ready
from clients.kubernetes import Manifest, Ref
from components.immich_mount import GUARD, lacking
from ops.checks import wording
from ops.checks.check import Check, NotChecked, Passed, Result, failed
from ops.facts import Facts
from ops.facts.cluster import ClusterFacts
from ops.facts.part import there
from settings.storage import HostPath
from text.finding import Situation


def _pods(facts: Facts) -> Result:
    cluster = there(facts.cluster)
    workloads = [(Ref.of(mount), cluster.seen.workload(Ref.of(mount))) for mount in cluster.plan.mounts]
    for ref, live in workloads:
        if live is None:
            return failed(facts, wording.IMMICH_MISSING, f"there is no {ref}")
    pods = [pod for pod in cluster.pods if not is_over(pod) and not is_going(pod)]
    for pod in pods:
        name = pod["metadata"]["name"]
        if words := _guards_words(pod):
            return failed(facts, wording.DISK_NOT_MOUNTED, f"pod {name} does not start: {words}")
        if not is_ready(pod):
            return failed(facts, wording.POD_NOT_READY, f"pod {name} is not ready: {_why(pod)}", pod=name)
    for ref, live in workloads:
        if live is None or _ready(live):
            continue
        evidence = f"{ref.kind} {ref.name} has no pod that is ready"
        if words := _refusal(live):
            return failed(
                facts,
                _refused_by(words, cluster),
                f"{evidence}: {words}",
            )
        return failed(facts, wording.SCALED_DOWN, evidence, kind=ref.kind.lower(), workload=ref.name)
    return Passed(f"pods, all ready: {len(pods)}")


def _ready(workload: Manifest) -> int:
    """Count the pods that are ready; a DaemonSet has another word for it."""
    status = workload.get("status", {})
    return int(status.get("numberReady" if workload["kind"] == "DaemonSet" else "readyReplicas", 0))


def _refusal(workload: Manifest) -> str:
    """Return what the API server says when it takes no pod of a Deployment; of the others an event says it."""
    return str(holding(workload).get("ReplicaFailure", {}).get("message", ""))


def _refused_by(words: str, cluster: ClusterFacts) -> Situation:
    if "PodSecurity" in words:
        return wording.POD_NOT_ADMITTED
    policy = cluster.plan.mount_policy[0].ref.name if cluster.plan.mount_policy else None
    return _not_mounted(cluster) if policy and policy in words else wording.POD_REFUSED


def _not_mounted(cluster: ClusterFacts) -> Situation:
    return wording.PHOTOS_NOT_MOUNTED if cluster.plan.states_mount else wording.CHART_LACKS_MOUNT


def _guards_words(pod: Manifest) -> str:
    """Return what the guard says when it keeps the pod from starting."""
    for container in pod.get("status", {}).get("initContainerStatuses", []):
        if container["name"] == GUARD and not container.get("ready"):
            ended = (container.get("lastState") or {}).get("terminated") or container.get("state", {}).get("terminated")
            if ended and ended.get("exitCode"):
                return result.words(str(ended.get("message", ""))) or "its guard fails"
    return ""


def _why(pod: Manifest) -> str:
    status = pod.get("status", {})
    states = pod_end.containers(status)
    waiting = [one["state"]["waiting"]["reason"] for one in states if one.get("state", {}).get("waiting")]
    unmet = [one["reason"] for one in status.get("conditions", []) if one["status"] == "False" and one.get("reason")]
    return next(iter([*waiting, *unmet]), str(status.get("phase", "unknown")))


def running(cluster: ClusterFacts) -> list[Manifest]:
    """List the pods of Immich's server that run."""
    return [pod for mount in cluster.plan.mounts for pod in _running(cluster, mount)]


def _running(cluster: ClusterFacts, mount: Manifest) -> list[Manifest]:
    live = cluster.seen.workload(Ref.of(mount))
    labels = live["spec"]["selector"].get("matchLabels", {}) if live else {}
    return [
        pod
        for pod in cluster.pods
        if labels
        and pod["metadata"].get("labels", {}).items() >= labels.items()
        and pod.get("status", {}).get("phase") == "Running"
        and not is_going(pod)
    ]


def _mount(facts: Facts) -> Result:
    cluster = there(facts.cluster)
    pods = running(cluster)
    if not pods:
        return NotChecked("no pod of Immich's server runs")
    fault = _not_mounted(cluster)
    for mount in cluster.plan.mounts:
        for pod in _running(cluster, mount):
            for difference in lacking(mount, pod["spec"]):
                return failed(facts, fault, f"in pod {pod['metadata']['name']} {difference}")
    settings = facts.settings
    source = f"{settings.storage.path}, of type Directory" if isinstance(settings.storage, HostPath) else "its claim"
    return Passed(f"{settings.immich.mount.path} is {source}, read-only, in pod {pods[0]['metadata']['name']}")


PODS = Check(
    "immich-pods",
    "Immich's pods are ready",
    _pods,
    (
        wording.IMMICH_MISSING,
        wording.DISK_NOT_MOUNTED,
        wording.POD_NOT_READY,
        wording.POD_NOT_ADMITTED,
        wording.POD_REFUSED,
        wording.SCALED_DOWN,
        wording.PHOTOS_NOT_MOUNTED,
        wording.CHART_LACKS_MOUNT,
    ),
)
MOUNT = Check(
    "mount",
    "in the running pod the photos are mounted, from the right place and read-only",
    _mount,
    (wording.PHOTOS_NOT_MOUNTED, wording.CHART_LACKS_MOUNT),
    follows=("immich-pods",),
)
