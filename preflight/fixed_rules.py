"""What the API server does not let change on an object that exists. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from clients.kubernetes import Manifest
from clients.likeness import same_quantity, value_at
from clients.volumes import is_released, source
from components.plan import ManagedObject, Plan
from preflight import wording
from preflight.dry_runs import Answers
from settings import PROJECT
from text.finding import Finding

# What the API server does not let change on an object that exists: the field, and its setting.
_FIXED: dict[str, list[tuple[str, str]]] = {
    "PersistentVolume": [
        ("hostPath.path", "storage.path"),
        ("hostPath.type", "storage.hostPathType"),
        ("local.path", "storage.path"),
        ("nfs.server", "storage.server"),
        ("nfs.path", "storage.path"),
        ("csi.driver", "storage.driver"),
        ("csi.volumeHandle", "storage.volumeHandle"),
        ("claimRef.namespace", "photoSync.namespace"),
        ("claimRef.name", "storage.claim"),
        ("nodeAffinity.required.nodeSelectorTerms", "storage.node"),
    ],
    "PersistentVolumeClaim": [
        ("volumeName", "storage.persistentVolume"),
        ("accessModes", "storage.accessModes"),
        ("resources.requests.storage", "storage.capacity"),
        ("storageClassName", "photoSync.cookieVolume.storageClass"),
    ],
}
# Where the photos are.
_PLACES = {
    "hostPath.path",
    "local.path",
    "nfs.server",
    "nfs.path",
    "csi.driver",
    "csi.volumeHandle",
    "nodeAffinity.required.nodeSelectorTerms",
}
# May be added to an object that lacks them.
_ADDABLE = {
    "claimRef.namespace",
    "claimRef.name",
    "nodeAffinity.required.nodeSelectorTerms",
    "volumeName",
    "storageClassName",
}
# Where Immich's own volume takes a value from another setting.
_IMMICHS = {"csi.volumeHandle": "storage.immichVolumeHandle", "claimRef.namespace": "immich.namespace"}
# Where a session's claim takes its values from.
_COOKIES = {
    "resources.requests.storage": "photoSync.cookieVolume.capacity",
}


def findings(managed: ManagedObject, live: Manifest, plan: Plan, refusal: str | None) -> Iterator[Finding]:
    """Find what can't be changed, with the setting; else why the API server would refuse the object."""
    fixed = list(_cannot_change(managed, live, _settings_of(managed, plan)))
    if fixed or refusal is None:
        yield from fixed
    elif managed.ref.kind == "Job":
        yield wording.JOB_REFUSED.found(managed.ref, namespace=managed.ref.namespace, name=managed.ref.name)
    else:
        yield from refused(managed, refusal)


def refused(managed: ManagedObject, refusal: str | None) -> Iterator[Finding]:
    """Say why the API server would refuse an object, where it would."""
    if refusal is not None:
        named = f" (named by {PROJECT}:{managed.setting})" if managed.setting else ""
        yield wording.REFUSED.found(managed.ref, managed.setting, named=named, reason=refusal)


def released(plan: Plan, answers: Answers) -> Iterator[Finding]:
    """A volume stays tied to a claim that was deleted: the new claim of that name would wait forever."""
    for volume, claim in ((plan.volume, plan.claim), (plan.immich_volume, plan.immich_claim)):
        if volume is None or claim is None or volume.ref not in answers.live:
            continue
        if is_released(answers.live[volume.ref], claim.ref, answers.live.get(claim.ref)):
            yield wording.VOLUME_RELEASED.found(volume.ref, name=volume.ref.name)


def _settings_of(managed: ManagedObject, plan: Plan) -> Mapping[str, str]:
    if managed is plan.immich_volume:
        return _IMMICHS
    return {} if managed in (plan.volume, plan.claim, plan.immich_claim) else _COOKIES


def _cannot_change(managed: ManagedObject, live: Manifest, settings: Mapping[str, str]) -> Iterator[Finding]:
    ours, theirs = managed.manifest.get("spec", {}), live.get("spec", {})
    if managed.ref.kind == "PersistentVolume" and source(ours) != source(theirs):
        yield wording.VOLUME_KIND_FIXED.found(managed.ref, found=source(theirs) or "unknown", wanted=source(ours))
        return
    for field, setting in _FIXED.get(managed.ref.kind, []):
        wanted, found = value_at(ours, field), value_at(theirs, field)
        if wanted is None and managed.ref.kind == "PersistentVolumeClaim":
            continue  # what a claim of this stack leaves open, the cluster has filled in
        if wanted == found or (wanted is None and not found) or (found is None and field in _ADDABLE):
            continue
        if field == "resources.requests.storage" and same_quantity(wanted, found):
            continue
        values = {"field": field, "found": _shown(found), "wanted": _shown(wanted)}
        moving = wording.MOVING if field in _PLACES else ""
        yield wording.FIELD_FIXED.found(managed.ref, settings.get(field, setting), **values, moving=moving)


def _shown(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):  # node selector terms
        hosts = [v for term in value for match in term.get("matchExpressions", []) for v in match.get("values", [])]
        return ", ".join(hosts) or "set differently"
    return "unset" if value in (None, "") else f'"{value}"' if isinstance(value, str) else str(value)
