"""Whether ResourceQuota and LimitRange let this stack's pods and objects in: the API server is asked, in dry runs.

What is asked with is as large as the pod, and of the same quota scopes, and nothing more: volumes, images and labels
are for other rules, and may pass only after what this `up` does first.
"""

from collections.abc import Iterator

from clients.kubernetes import OBJECT_MANAGER, ClusterApi, ClusterRefusedError, Manifest, Ref
from components import images
from components.plan import Plan
from components.pods import confined
from observe import Observed
from preflight.strategy import keeps_old_pods

# The last of them is reported of a limit that a LimitRange gives, below what is asked for.
_ABOUT_SIZE = ("exceeded quota", "failed quota", "usage per", "ratio per", "must be less than or equal to")
_EXCEEDED = "exceeded quota"
# Of a pod: what counts in a quota's scopes, or adds to its size.
_COUNTS = ("activeDeadlineSeconds", "affinity", "priorityClassName", "resources", "runtimeClassName")
_STRICTEST = {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}}


def refused(api: ClusterApi, plan: Plan, observed: Observed) -> dict[Ref, str]:
    """Return why the API server would refuse the pods of Immich's workloads and of this stack, by who has them.

    Raises:
        UnreachableError: when no API server answers.

    """
    asked = ((ref, reason(api, pod), replaces) for ref, pod, replaces in _pods(plan, observed))
    # Where an old pod goes first, that one's share is free again then.
    return {ref: said for ref, said, replaces in asked if said and not (replaces and _EXCEEDED in said)}


def _pods(plan: Plan, observed: Observed) -> Iterator[tuple[Ref, Manifest, bool]]:
    for mount in plan.mounts if plan.states_mount else ():
        live, ref = observed.cluster.workload(Ref.of(mount)), Ref.of(mount)
        if live:
            spec = live["spec"]["template"]["spec"]
            own = {one["name"] for one in spec.get("initContainers", [])}
            ours = [one for one in mount["spec"]["template"]["spec"]["initContainers"] if one["name"] not in own]
            joined = {**spec, "initContainers": [*ours, *spec.get("initContainers", [])]}
            yield ref, _as_large(joined, mount["metadata"]["namespace"]), not keeps_old_pods(live)
    if observed.cluster.photo_sync is None:
        return
    jobs = [plan.directory_job.manifest] if plan.directory_job.ref not in observed.cluster.live else []
    for job in jobs:
        yield Ref.of(job), _as_large(job["spec"]["template"]["spec"], job["metadata"]["namespace"]), False
    accounts = plan.sync.accounts if plan.sync else ()
    found = [observed.cluster.live.get(Ref.of(account.cron_job), {}) for account in accounts]
    running = any(one.get("status", {}).get("active") for one in found)
    for account in accounts:
        ref = Ref.of(account.cron_job)
        yield ref, _as_large(account.pod, ref.namespace or ""), running


def _as_large(pod: Manifest, namespace: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "immich-icloud-preview", "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": _STRICTEST,
            **{key: pod[key] for key in _COUNTS if key in pod},
            **{kind: list(map(_container, pod.get(kind, []))) for kind in ("initContainers", "containers")},
        },
    }


def _container(stated: Manifest) -> Manifest:
    amounts = {key: one for key, one in (stated.get("resources") or {}).items() if key in {"requests", "limits"}}
    return {
        "name": stated["name"],
        "image": images.BUSYBOX,
        "resources": amounts,
        "securityContext": confined(),
        **{key: stated[key] for key in ("restartPolicy",) if key in stated},  # an init container that stays counts more
    }


def reason(api: ClusterApi, thing: Manifest) -> str:
    """Return why quota or limits would refuse an object that does not exist yet; empty where they would not.

    Raises:
        UnreachableError: when no API server answers.

    """
    try:
        api.try_to_create(thing, OBJECT_MANAGER)
    except ClusterRefusedError as error:
        # Whether it may be created by whoever previews is not asked here.
        if any(words in str(error) for words in _ABOUT_SIZE):
            return str(error)
    return ""
