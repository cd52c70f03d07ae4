"""The photo disk: let in by PodSecurity, made, owned, marked, with room, and bound as a volume.

What only a pod on the node could see is judged by what pods have said: directory Job, Immich's guard, last sync.
"""

from datetime import datetime
from typing import NamedTuple

from clients.conditions import holding
from clients.result import Code
from clients.result import Result as ScriptResult
from clients.volumes import is_released
from components import pod_security
from components.free_space import EVICTS_BELOW, floor
from components.immich_mount import GUARD
from components.photo_disk import MARK
from components.plan import ManagedObject
from ops.checks import wording
from ops.checks.check import ON_NODE, SYNCING, Check, NotChecked, Passed, Result, failed
from ops.checks.immich import running
from ops.facts import Facts
from ops.facts.cluster import ClusterFacts
from ops.facts.part import there
from ops.facts.photo_sync import SyncRun
from settings.storage import OnNode


def _labels(facts: Facts) -> Result:
    cluster = there(facts.cluster)
    needed = {facts.settings.photo_sync.namespace: (cluster.seen.photo_sync, _sync_level(cluster))}
    immich_needs = pod_security.needed(cluster.plan.mounts[0]["spec"]["template"]["spec"] | {"containers": []})
    needed[facts.settings.immich.namespace] = (cluster.seen.namespace, immich_needs)
    for name, (namespace, level) in needed.items():
        label = pod_security.label("enforce")
        found = namespace["metadata"].get("labels", {}).get(label) if namespace else None
        lets_in = pod_security.LEVELS[pod_security.LEVELS.index(level) :]
        if level != "restricted" and found not in lets_in:
            return failed(
                facts,
                wording.LABELS_TOO_STRICT,
                f"namespace {name} has {label}: {found or 'unset'}, and {level} is needed",
            )
    return Passed(", ".join(f"{name} admits {level} pods" for name, (_, level) in needed.items()))


def _sync_level(cluster: ClusterFacts) -> pod_security.Level:
    labels = cluster.plan.photo_sync.manifest["metadata"]["labels"]
    level: pod_security.Level = labels[pod_security.label("enforce")]
    return level


def _directory(facts: Facts) -> Result:
    cluster, storage = there(facts.cluster), facts.settings.storage
    if isinstance(storage, OnNode) and cluster.seen.nodes is not None and storage.node not in cluster.seen.nodes:
        return failed(
            facts, wording.NODE_MISSING, f"the cluster has no node {storage.node}: {', '.join(cluster.seen.nodes)}"
        )
    job = cluster.live.get(cluster.plan.directory_job.ref)
    if job is None:
        return failed(facts, wording.DIRECTORY_JOB_MISSING, f"there is no {cluster.plan.directory_job.ref}")
    end = cluster.directory
    if "Complete" in holding(job):
        return Passed(end.reason or f"{cluster.plan.directory_job.ref} is complete")
    words = end.reason or f"{cluster.plan.directory_job.ref} is not complete"
    code = end.result.code if end.result and not end.cut_short else ""
    if code in {Code.UNMARKED, Code.MARK_GONE, Code.OLD_MARK, Code.OTHER_DISK}:
        return failed(facts, wording.DIRECTORY_UNMARKED, words)
    if code == Code.NOT_OWNED:
        return failed(facts, wording.DIRECTORY_NOT_OWNED, words)
    return failed(facts, wording.DIRECTORY_JOB_FAILED, words)


def _owner(facts: Facts) -> Result:
    cluster, storage = there(facts.cluster), facts.settings.storage
    for _, run, result in _newest(facts):
        if result.code == Code.NOT_WRITABLE:
            return failed(facts, wording.FOLDER_NOT_WRITABLE, f"{run.name}: {result.message}")
    job = cluster.live.get(cluster.plan.directory_job.ref)
    if job is None or "Complete" not in holding(job):
        return NotChecked("the Job that gives the directory its owner is not complete")
    container, *_ = job["spec"]["template"]["spec"]["containers"]
    given = next((one.get("value", "") for one in container.get("env", []) if one["name"] == "OWNER"), "")
    wanted = f"{storage.owner.uid}:{storage.owner.gid}"
    if given != wanted:
        return failed(facts, wording.OWNER_CHANGED, f"the Job gave it to {given}, and storage.owner is {wanted}")
    return Passed(f"the Job gave it to {given}, and no sync was kept from writing since")


class _Sight(NamedTuple):
    """When the marker file was last looked for, who that was, and whether it was missing from an account's sync."""

    when: datetime
    who: str
    missing: bool = False
    account: str = ""


def _mark(facts: Facts) -> Result:
    cluster = there(facts.cluster)
    sights = [_sight_of_sync(account, run, result) for account, run, result in _newest(facts)]
    for pod in running(cluster):
        for container in pod["status"].get("initContainerStatuses", []):
            ended = container.get("state", {}).get("terminated")
            if container["name"] == GUARD and ended and ended.get("exitCode") == 0 and "finishedAt" in ended:
                ended_at = datetime.fromisoformat(ended["finishedAt"])
                sights.append(_Sight(ended_at, f"pod {pod['metadata']['name']} found it"))
    record = cluster.plan.directory_record.ref
    if since := cluster.live.get(record, {}).get("metadata", {}).get("creationTimestamp"):
        sights.append(_Sight(datetime.fromisoformat(since), f"it was set, as {record} remembers"))
    if not sights:
        return NotChecked(f"only a pod on the node can see {MARK}, and none has looked yet")
    last = max(sights)
    if last.missing:
        return failed(facts, wording.MARK_MISSING, f"{_ago(facts, last.when)} {last.who}", account=last.account)
    return Passed(f"{_ago(facts, last.when)} {last.who}; not checked since")


def _sight_of_sync(account: str, run: SyncRun, result: ScriptResult) -> _Sight:
    missing = result.code in {Code.NO_MARK, Code.OTHER_DISK}
    who = f"{run.name} said: {result.message}" if missing else f"{run.name} found it"
    return _Sight(run.ended or run.began, who, missing, account)


def _newest(facts: Facts) -> list[tuple[str, SyncRun, ScriptResult]]:
    """List each account with its newest run that has reported something."""
    reported = ((account.name, run, run.end.result) for account in there(facts.accounts) for run in account.runs)
    newest: dict[str, tuple[str, SyncRun, ScriptResult]] = {}
    for account, run, result in reported:
        if result:
            newest.setdefault(account, (account, run, result))
    return list(newest.values())


def _space(facts: Facts) -> Result:
    seen = [
        (run.ended or run.began, account, result)
        for account, run, result in _newest(facts)
        if result.code not in {Code.NO_MARK, Code.OTHER_DISK} and result.free is not None
    ]
    if not seen:
        return NotChecked("only a sync sees the disk's free space, and none has reported it yet")
    when, account, last = max(seen, key=lambda one: one[0])
    evidence = f"{last.free} MiB were free {_ago(facts, when)}, at the end of a sync of {account}"
    kept = floor(facts.settings.photo_sync.min_free_space).of(last.total or 0, on_node=bool(last.on_node))
    if last.code == Code.NO_SPACE or (last.free or 0) < kept:
        return failed(facts, wording.DISK_FULL, f"{evidence}; {kept} MiB stay free", account=account)
    return Passed(evidence)


def _node(facts: Facts) -> Result:
    storage, space = facts.settings.storage, there(facts.cluster).seen.space
    name = storage.node if isinstance(storage, OnNode) else ""
    place = {
        True: f"the photos are on the kubelet's own filesystem, which has to keep {EVICTS_BELOW} % free",
        False: "the photos are on a filesystem of their own",
        None: "whether the photos are on the kubelet's own filesystem is unknown: no script has looked yet",
    }[space.on_node]
    if space.pressure:
        return failed(facts, wording.NODE_UNDER_PRESSURE, f"node {name} reports DiskPressure; {place}", node=name)
    if space.pressure is None:
        return NotChecked(f"whether node {name} has DiskPressure is unknown; {place}")
    return Passed(f"node {name} reports no DiskPressure; {place}")


def _ago(facts: Facts, when: datetime) -> str:
    hours = (facts.now - when).total_seconds() / 3600
    if hours < 2:  # noqa: PLR2004 (the first plural)
        return "within the last two hours"
    return f"{hours:.0f} hours ago" if hours < 48 else f"{hours / 24:.0f} days ago"  # noqa: PLR2004 (two days)


def _volume(facts: Facts) -> Result:
    cluster = there(facts.cluster)
    plan = cluster.plan
    pairs = [(plan.volume, plan.claim)] if plan.volume and plan.claim else []
    if plan.immich_volume and plan.immich_claim:
        pairs.append((plan.immich_volume, plan.immich_claim))
    for volume, claim in pairs:
        if problem := _binding(facts, cluster, volume, claim):
            return problem
    return Passed(", ".join(f"{volume.ref} and {claim.ref} are bound to each other" for volume, claim in pairs))


def _binding(facts: Facts, cluster: ClusterFacts, volume: ManagedObject, claim: ManagedObject) -> Result | None:
    pv, pvc = cluster.live.get(volume.ref), cluster.live.get(claim.ref)
    if pv and is_released(pv, claim.ref, pvc):
        return failed(
            facts, wording.VOLUME_RELEASED, f"{volume.ref} is tied to a claim that was deleted", volume=volume.ref.name
        )
    if pv is None or pvc is None:
        return failed(facts, wording.VOLUME_MISSING, f"{(claim if pv else volume).ref} does not exist")
    phases = pv.get("status", {}).get("phase"), pvc.get("status", {}).get("phase")
    evidence = f"{volume.ref} is {phases[0]}, {claim.ref} is {phases[1]}"
    tied = pv["spec"].get("claimRef", {})
    of_another = tied.get("uid") not in {None, pvc["metadata"]["uid"]}
    if of_another:
        evidence = f"{volume.ref} belongs to the claim {tied.get('namespace')}/{tied.get('name')}"
    if of_another or phases != ("Bound", "Bound") or pvc["spec"].get("volumeName") != volume.ref.name:
        return failed(facts, wording.CLAIM_UNBOUND, evidence, namespace=claim.ref.namespace or "", claim=claim.ref.name)
    return None


LABELS = Check("pod-security", "the namespaces' labels let the stack's pods in", _labels, (wording.LABELS_TOO_STRICT,))
DIRECTORY = Check(
    "photo-directory",
    "the photos' node is there, and the Job that makes the directory is complete",
    _directory,
    (
        wording.NODE_MISSING,
        wording.DIRECTORY_JOB_MISSING,
        wording.DIRECTORY_UNMARKED,
        wording.DIRECTORY_NOT_OWNED,
        wording.DIRECTORY_JOB_FAILED,
    ),
)
OWNER = Check(
    "photo-owner",
    "the directory belongs to storage.owner",
    _owner,
    (wording.FOLDER_NOT_WRITABLE, wording.OWNER_CHANGED),
    ON_NODE,
    follows=("photo-directory",),
)
MARKED = Check(
    "photo-mark",
    f"the disk has its marker file, {MARK}",
    _mark,
    (wording.MARK_MISSING,),
    follows=("photo-directory",),
)
SPACE = Check("photo-space", "the disk has room for photos", _space, (wording.DISK_FULL,), SYNCING)
NODE = Check("photo-node", "the photos' node has room for its pods", _node, (wording.NODE_UNDER_PRESSURE,), ON_NODE)
VOLUME = Check(
    "volume",
    "volume and claim are bound to each other",
    _volume,
    (wording.VOLUME_MISSING, wording.VOLUME_RELEASED, wording.CLAIM_UNBOUND),
)
