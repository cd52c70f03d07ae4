"""The cluster is as the stack states it, and no other manager is about to change that."""

from collections.abc import Iterator
from typing import Any

from clients import managed_fields
from clients.kubernetes import OBJECT_MANAGER, Manifest, Ref
from clients.likeness import unlike
from clients.managed_fields import set_by_hand
from ops.checks import wording
from ops.checks.check import Check, Passed, Result, failed
from ops.facts import Facts
from ops.facts.cluster import ClusterFacts
from ops.facts.part import there
from preflight import owners
from preflight.wording import TRACKED_BY_ARGOCD


def _drift(facts: Facts) -> Result:
    cluster = there(facts.cluster)
    differences = [*_of_wholes(cluster), *_of_fragments(cluster)]
    if differences:
        more = f", and {len(differences) - 3} more" if len(differences) > 3 else ""  # noqa: PLR2004 (enough to see)
        return failed(facts, wording.DRIFT, "; ".join(differences[:3]) + more)
    return Passed(
        f"{len(cluster.live)} objects are as stated, and {len(list(cluster.plan.fragments()))} parts of others"
    )


def _of_wholes(cluster: ClusterFacts) -> Iterator[str]:
    for managed in cluster.plan.managed_objects():
        if managed.ref.kind == "Secret" or (managed is cluster.plan.photo_sync and cluster.plan.photo_sync_is_found):
            continue
        live = cluster.live.get(managed.ref)
        if live is None:
            yield f"{managed.ref} does not exist"
        elif managed.ref not in cluster.left:
            yield from (f"{managed.ref}: {path}" for path in _worded(managed.manifest, live))


def _of_fragments(cluster: ClusterFacts) -> Iterator[str]:
    for fragment, live in _fragments(cluster):
        if live is None:
            yield f"{Ref.of(fragment)} does not exist"
        elif Ref.of(fragment) not in cluster.left:
            found = managed_fields.as_found(live, fragment)
            yield from (f"{Ref.of(fragment)}: {path}" for path in _worded(fragment, found))


def _fragments(cluster: ClusterFacts) -> Iterator[tuple[Manifest, Manifest | None]]:
    namespaces = (cluster.seen.namespace, cluster.seen.photo_sync)
    seen = [*cluster.seen.workloads, *(one for one in namespaces if one)]
    for fragment in cluster.plan.fragments():
        yield fragment, next((one for one in seen if Ref.of(one) == Ref.of(fragment)), None)


def _worded(wanted: Manifest, live: Manifest) -> Iterator[str]:
    return (f"{one.path} is {_shown(one.live)}, not {_shown(one.wanted)}" for one in unlike(wanted, live))


def _shown(value: Any) -> str:
    text = "unset" if value in (None, "") else str(value)
    return text if len(text) < 60 else f"{text[:60]}..."  # noqa: PLR2004 (a script can be a value)


def _argocd(facts: Facts) -> Result:
    cluster = there(facts.cluster)
    for ref, live in cluster.live.items():
        for managed in owners.findings(ref, live):
            by_argocd = managed.code == TRACKED_BY_ARGOCD.code
            return failed(facts, wording.TRACKED_BY_ARGOCD if by_argocd else wording.MANAGED_ELSEWHERE, managed.text)
    ours = cluster.plan.ownership.manager
    for fragment, found in _fragments(cluster):
        managed = found["metadata"].get("managedFields", []) if found else []
        for manager, paths in managed_fields.holders(managed, managed_fields.entries(fragment)).items():
            if manager not in {ours, OBJECT_MANAGER} and not set_by_hand(manager):
                held = f"{Ref.of(fragment)}: {manager} states {', '.join(map(managed_fields.spoken, paths))}"
                if fragment in cluster.plan.mounts:
                    return failed(facts, wording.MOUNT_STATED_TWICE, held, manager=manager)
                return _rivalry(facts, fragment, manager, ours, held)
    return Passed("no other manager states what this stack states")


def _rivalry(facts: Facts, fragment: Manifest, manager: str, ours: str, held: str) -> Result:
    ref = Ref.of(fragment)
    group = ref.api_version.rpartition("/")[0]
    return failed(
        facts,
        wording.ENTRIES_STATED_TWICE,
        held,
        manager=manager,
        group=group,
        kind=ref.kind,
        name=ref.name,
        ours=ours,
        resource=ref.kind.lower(),
        place=f"-n {ref.namespace} {ref.name}" if ref.namespace else ref.name,
    )


DRIFT = Check(
    "drift",
    "the cluster is as the stack states it",
    _drift,
    (wording.DRIFT,),
    # Of an object that one of them misses, this is the same fault; what remains shows once that is repaired.
    follows=(
        "immich-pods", "pod-security", "photo-directory", "photo-owner", "volume", "mount", "route", "sync-schedule",
    ),
)  # fmt: skip
ARGOCD = Check(
    "argocd",
    "no other manager, such as ArgoCD, is about to change it",
    _argocd,
    (wording.TRACKED_BY_ARGOCD, wording.MANAGED_ELSEWHERE, wording.ENTRIES_STATED_TWICE, wording.MOUNT_STATED_TWICE),
)
