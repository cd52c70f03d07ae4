"""Immich runs, and sees the photos read-only."""

from clients import result
from clients.kubernetes import Manifest
from components.immich_mount import GUARD, lacking
from ops.checks.check import MARK_DISK, UP, Check, Fault, NotChecked, Passed, Result, failed, make
from ops.facts import Facts
from ops.facts.cluster import ClusterFacts
from ops.facts.part import there
from settings.storage import HostPath

_NO_IMMICH = Fault(
    "Immich is not deployed there, or has another name: immich.namespace and immich.deployment",
    "kubectl get deployments --all-namespaces",
)
_NO_DISK = Fault(
    "the photo disk is not mounted on its node: mount it, and Immich starts by itself. Mark it only if it is mounted, "
    "with its photos: on an empty directory the mark would let Immich trash every photo",
    MARK_DISK,
)
_NOT_READY = Fault("what the pod's events say", "kubectl describe pod -n $immich $pod")
_NOT_LET_IN = Fault("the labels that let the pod in were removed or made stricter", UP)
_REFUSED = Fault("what the API server says of the pod", "kubectl describe replicasets -n $immich")
_NO_PODS = Fault("somebody scaled Immich down", "kubectl scale deployment -n $immich $deployment --replicas=1")
_NOT_MOUNTED = Fault("the entries of this stack in Immich's Deployment were changed or removed", UP)
_NOT_IN_CHART = Fault(
    "Immich's chart was given the mount (immich.mount: chart) and lacks these values, or ArgoCD has not synced them",
    make("chart-values"),
)


def _pods(facts: Facts) -> Result:
    cluster = there(facts.cluster)
    deployment = cluster.seen.deployment
    if deployment is None:
        where = f"{facts.settings.immich.namespace}/{facts.settings.immich.deployment}"
        return failed(facts, _NO_IMMICH, f"there is no Deployment {where}")
    pods = [pod for pod in cluster.pods if not _is_over(pod)]
    for pod in pods:
        name = pod["metadata"]["name"]
        if words := _guards_words(pod):
            return failed(facts, _NO_DISK, f"pod {name} does not start: {words}")
        if not _is_ready(pod):
            return failed(facts, _NOT_READY, f"pod {name} is not ready: {_why(pod)}", pod=name)
    if not deployment.get("status", {}).get("readyReplicas"):
        evidence = f"Deployment {deployment['metadata']['name']} has no pod that is ready"
        if words := _refusal(deployment):
            return failed(facts, _NOT_LET_IN if "PodSecurity" in words else _REFUSED, f"{evidence}: {words}")
        return failed(facts, _NO_PODS, evidence)
    return Passed(f"all are ready: {len(pods)}")


def _is_over(pod: Manifest) -> bool:
    """Whether a pod was a Job's, was evicted, or is going."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"} or "deletionTimestamp" in pod["metadata"]


def _refusal(deployment: Manifest) -> str:
    """Return what the API server says when it takes no pod of the Deployment."""
    conditions = deployment.get("status", {}).get("conditions", [])
    refused = (one for one in conditions if one["type"] == "ReplicaFailure" and one["status"] == "True")
    return next((str(one.get("message", "")) for one in refused), "")


def _guards_words(pod: Manifest) -> str:
    """Return what the guard says when it keeps the pod from starting."""
    for container in pod.get("status", {}).get("initContainerStatuses", []):
        if container["name"] == GUARD and not container.get("ready"):
            ended = (container.get("lastState") or {}).get("terminated") or container["state"].get("terminated")
            if ended and ended.get("exitCode"):
                return result.words(str(ended.get("message", ""))) or "its guard fails"
    return ""


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _why(pod: Manifest) -> str:
    status = pod.get("status", {})
    statuses = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    waiting = [one["state"]["waiting"]["reason"] for one in statuses if one.get("state", {}).get("waiting")]
    unmet = [one["reason"] for one in status.get("conditions", []) if one["status"] == "False" and one.get("reason")]
    return next(iter([*waiting, *unmet]), str(status.get("phase", "unknown")))


def running(cluster: ClusterFacts) -> list[Manifest]:
    """List the pods of Immich's server that run."""
    deployment = cluster.seen.deployment
    labels = deployment["spec"]["selector"].get("matchLabels", {}) if deployment else {}
    return [
        pod
        for pod in cluster.pods
        if labels
        and pod["metadata"].get("labels", {}).items() >= labels.items()
        and pod.get("status", {}).get("phase") == "Running"
        and "deletionTimestamp" not in pod["metadata"]
    ]


def _mount(facts: Facts) -> Result:
    cluster = there(facts.cluster)
    pods = running(cluster)
    if not pods:
        return NotChecked("no pod of Immich's server runs")
    for pod in pods:
        for difference in lacking(cluster.plan.mount, pod["spec"]):
            fault = _NOT_MOUNTED if cluster.plan.mount_is_ours else _NOT_IN_CHART
            return failed(facts, fault, f"in pod {pod['metadata']['name']} {difference}")
    settings = facts.settings
    source = f"{settings.storage.path}, of type Directory" if isinstance(settings.storage, HostPath) else "its claim"
    return Passed(f"{settings.immich.mount.path} is {source}, read-only, in pod {pods[0]['metadata']['name']}")


PODS = Check(
    "immich-pods", "Immich's pods are ready", _pods, (_NO_IMMICH, _NO_DISK, _NOT_READY, _NOT_LET_IN, _REFUSED, _NO_PODS)
)
MOUNT = Check(
    "mount",
    "in the running pod the photos are mounted, from the right place and read-only",
    _mount,
    (_NOT_MOUNTED, _NOT_IN_CHART),
)
