"""Whether ResourceQuota and LimitRange let this stack's pods in: the API server is asked, in dry runs.

What is asked with is as large as the pod and nothing more: volumes, images and labels are for other rules, and may pass
only after what this `up` does first.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus

from clients.kubernetes import OBJECT_MANAGER, ClusterApi, ClusterRefusedError, Manifest, Ref
from components import images
from components.plan import Plan
from components.pods import confined
from observe import Observed

_ABOUT_SIZE = ("exceeded quota", "failed quota", "usage per", "ratio per")
_EXCEEDED = "exceeded quota"
_STRICTEST = {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}}


def refused(api: ClusterApi, plan: Plan, observed: Observed) -> dict[Ref, str]:
    """Return why the API server would refuse the pods of Immich's workloads and of this stack, by who has them.

    Raises:
        UnreachableError: when no API server answers.

    """
    asked = ((ref, _reason(api, pod), replaces) for ref, pod, replaces in _pods(plan, observed))
    # Of a workload whose old pod goes first, that one's share is free again then.
    return {ref: reason for ref, reason, replaces in asked if reason and not (replaces and _EXCEEDED in reason)}


def _pods(plan: Plan, observed: Observed) -> Iterator[tuple[Ref, Manifest, bool]]:
    for mount in plan.mounts if plan.mount_is_ours else ():
        live, ref = observed.cluster.workload(Ref.of(mount)), Ref.of(mount)
        if live:
            spec = live["spec"]["template"]["spec"]
            own = {one["name"] for one in spec.get("initContainers", [])}
            ours = [one for one in mount["spec"]["template"]["spec"]["initContainers"] if one["name"] not in own]
            joined = {**spec, "initContainers": [*ours, *spec.get("initContainers", [])]}
            yield ref, _as_large(joined, mount["metadata"]["namespace"]), not _surges(live)
    if observed.cluster.photo_sync is None:
        return
    jobs = [plan.directory_job.manifest] if plan.directory_job.ref not in observed.cluster.live else []
    for job in jobs:
        yield Ref.of(job), _as_large(job["spec"]["template"]["spec"], job["metadata"]["namespace"]), False
    for account in plan.sync.accounts if plan.sync else ():
        cron_job = account.cron_job
        pod = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        yield Ref.of(cron_job), _as_large(pod, cron_job["metadata"]["namespace"]), False


def _surges(live: Manifest) -> bool:
    return live["kind"] == "Deployment" and (live["spec"].get("strategy") or {}).get("type") != "Recreate"


def _as_large(pod: Mapping[str, list[Manifest]], namespace: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "immich-icloud-preview", "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": _STRICTEST,
            **{
                kind: [
                    {
                        "name": one["name"],
                        "image": images.BUSYBOX,
                        "resources": one.get("resources") or {},
                        "securityContext": confined(),
                    }
                    for one in pod.get(kind, [])
                ]
                for kind in ("initContainers", "containers")
            },
        },
    }


def _reason(api: ClusterApi, pod: Manifest) -> str:
    try:
        api.try_to_create(pod, OBJECT_MANAGER)
    except ClusterRefusedError as error:
        # Whether pods may be created by whoever previews is not asked here.
        if error.status == HTTPStatus.FORBIDDEN and any(words in str(error) for words in _ABOUT_SIZE):
            return str(error)
    return ""
