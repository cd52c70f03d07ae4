"""Immich runs, sees the photos read-only, and answers inside the cluster."""

from components.immich_mount import GUARD, lacking
from ops.checks.check import UP, Check, Fault, NotChecked, Passed, Result, failed
from ops.facts import Facts
from ops.facts.cluster import ClusterFacts
from ops.facts.part import there
from providers.cluster_api import Manifest
from settings.storage import HostPath

_NO_IMMICH = Fault(
    "Immich is not deployed there, or has another name: immich.namespace and immich.deployment",
    "kubectl get deployments --all-namespaces",
)
_NO_DISK = Fault(
    "the photo disk is not mounted on its node, or has lost its mark: without it Immich would trash every photo",
    "make mark-disk STACK=$stack",
)
_NOT_READY = Fault("what the pod's events say", "kubectl describe pod -n $immich $pod")
_NO_PODS = Fault("no pod is wanted, or none is let in", "kubectl scale deployment -n $immich $deployment --replicas=1")
_NOT_MOUNTED = Fault("the entries of this stack in Immich's Deployment were changed or removed", UP)
_NOT_IN_CHART = Fault(
    "Immich's chart was given the mount (immich.mount: chart) and lacks these values, or ArgoCD has not synced them",
    "make chart-values STACK=$stack",
)
_NO_SERVICE = Fault("Immich's Service has another name: immich.service.name", "kubectl get services -n $immich")
_NO_PORT = Fault(
    "Immich's Service listens elsewhere than immich.service.port says",
    "kubectl patch service -n $immich $service --type=json "
    """-p '[{"op": "replace", "path": "/spec/ports/$place/port", "value": $port}]'""",
)
_NO_ENDPOINTS = Fault(
    "the Service selects no pod of Immich that is ready", "kubectl describe service -n $immich $service"
)
_SILENT = Fault(
    "what listens behind the Service is not Immich, or it hangs: the Service's targetPort, or the server's log",
    "kubectl logs -n $immich deployment/$deployment --tail=50",
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
        return failed(facts, _NO_PODS, f"Deployment {deployment['metadata']['name']} has no pod that is ready")
    return Passed(f"all are ready: {len(pods)}")


def _is_over(pod: Manifest) -> bool:
    """Whether a pod was a Job's, was evicted, or is going."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"} or "deletionTimestamp" in pod["metadata"]


def _guards_words(pod: Manifest) -> str:
    """Return what the guard says when it keeps the pod from starting."""
    for container in pod.get("status", {}).get("initContainerStatuses", []):
        if container["name"] == GUARD and not container.get("ready"):
            ended = (container.get("lastState") or {}).get("terminated") or container["state"].get("terminated")
            if ended and ended.get("exitCode"):
                return str(ended.get("message") or "its guard fails").strip()
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


def _service(facts: Facts) -> Result:
    cluster, immich = there(facts.cluster), facts.settings.immich
    service = cluster.seen.service
    if service is None:
        return failed(facts, _NO_SERVICE, f"namespace {immich.namespace} has no Service {immich.service.name}")
    ports = [port["port"] for port in service["spec"].get("ports", [])]
    if immich.service.port not in ports:
        evidence = f"Service {immich.service.name} has no port {immich.service.port}. It has: {ports}"
        names = [port.get("name") for port in service["spec"].get("ports", [])]
        place = names.index("http") if "http" in names else 0
        return failed(facts, _NO_PORT, evidence, port=str(immich.service.port), place=str(place))
    ready = [
        address
        for piece in cluster.endpoints
        for endpoint in piece.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready")
        for address in endpoint["addresses"]
    ]
    if not ready:
        return failed(facts, _NO_ENDPOINTS, f"Service {immich.service.name} has no endpoint that is ready")
    return Passed(f"Service {immich.service.name}:{immich.service.port} leads to {', '.join(ready)}")


def _answers(facts: Facts) -> Result:
    fault = there(facts.ping).fault
    if fault:
        return failed(facts, _SILENT, fault)
    return Passed("200 from /api/server/ping, through a port-forward")


PODS = Check("immich-pods", "Immich's pods are ready", _pods, (_NO_IMMICH, _NO_DISK, _NOT_READY, _NO_PODS))
MOUNT = Check(
    "mount",
    "in the running pod the photos are mounted, from the right place and read-only",
    _mount,
    (_NOT_MOUNTED, _NOT_IN_CHART),
)
SERVICE = Check(
    "service", "Immich's Service has the port, and ready endpoints", _service, (_NO_SERVICE, _NO_PORT, _NO_ENDPOINTS)
)
ANSWERS = Check("ping", "Immich answers inside the cluster", _answers, (_SILENT,))
