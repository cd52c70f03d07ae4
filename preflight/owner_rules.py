"""Whose an object is that this stack would own as a whole, and what an adoption does to it. Pure."""

from collections.abc import Iterator

from clients.kubernetes import Manifest
from clients.likeness import value_at
from clients.managed_fields import set_by_hand
from clients.owners import applied_with_kubectl
from components.ownership import STACK_MARK, marked_by
from components.plan import ManagedObject, Plan
from preflight import owners, wording
from preflight.dry_runs import Answers
from settings import Settings
from settings.storage import OnNode
from text.finding import Finding
from text.owner_marks import LAST_APPLIED

# Of the fields that a volume or a claim has by default.
_API_DEFAULTS = {"volumeMode": "Filesystem", "type": ""}


def findings(managed: ManagedObject, live: Manifest, plan: Plan) -> Iterator[Finding]:
    """Find why an object that exists is not this stack's."""
    elsewhere = list(owners.findings(managed.ref, live)) if managed.adoptable else []
    # Who has to hand it over first is not told to adopt it now.
    yield from (one for one in _not_ours(managed, live, plan) if not (elsewhere and one.code == wording.NOT_OURS.code))
    yield from elsewhere


def _not_ours(managed: ManagedObject, live: Manifest, plan: Plan) -> Iterator[Finding]:
    if plan.ownership.owns(live):
        return
    from_stack = marked_by(live)
    mark_it = f"`kubectl annotate --overwrite {managed.ref.kind.lower()} {managed.ref.name}"
    mark_it += f"{f' -n {managed.ref.namespace}' if managed.ref.namespace else ''} {STACK_MARK}={plan.ownership.stack}`"
    elsewhere = wording.elsewhere(managed.setting)
    if plan.ownership.lost_its_mark(live):
        yield wording.MARK_LOST.found(managed.ref, command=mark_it)
    elif from_stack:
        yield wording.ANOTHER_STACKS.found(managed.ref, managed.setting, stack=from_stack, elsewhere=elsewhere)
    elif not managed.adoptable:
        yield wording.NOT_ADOPTABLE.found(managed.ref, managed.setting, elsewhere=elsewhere)
    elif not plan.ownership.adopting:
        yield wording.NOT_OURS.found(managed.ref, managed.setting, elsewhere=elsewhere)


def adoption(settings: Settings, plan: Plan, answers: Answers, *, elsewhere: bool) -> Iterator[Finding]:
    """Say what an adoption changes; `elsewhere`: whether something outside the cluster is."""
    yield from _of_other_names(plan, answers)
    if not settings.adopt_existing:
        return
    foreign = {ref: live for ref, live in answers.live.items() if not plan.ownership.owns(live)}
    by_hand = [trial for trial in answers.trials.values() if trial.adopted]
    if not foreign and not by_hand and not elsewhere:
        yield wording.NOTHING_TO_ADOPT.found(otherwise=wording.MARKS_ALL)
        return
    if isinstance(settings.storage, OnNode):
        yield wording.DISK_MARKED.found(settings.storage.path)
    applied = [ref for ref, live in foreign.items() if applied_with_kubectl(live)]
    if applied:
        yield wording.APPLIED_WITH_KUBECTL.found(", ".join(map(str, applied)))
    for managed in plan.managed_objects():
        if managed.ref in foreign and managed.adoptable:
            yield wording.ADOPTED.found(managed.ref)
            dropped = _dropped(managed.manifest, foreign[managed.ref])
            if dropped and not (managed is plan.photo_sync and plan.photo_sync_is_found):
                yield wording.FIELDS_DROPPED.found(managed.ref, fields=", ".join(dropped))
    for trial in by_hand:
        yield wording.ENTRIES_ADOPTED.found(entries=trial.adopted)


def _of_other_names(plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Say what becomes of objects that carry another name of this stack."""
    owner = plan.ownership
    for name in owner.other_names:
        marked = [str(ref) for ref, live in answers.live.items() if marked_by(live) == name and owner.owns(live)]
        marked += [f"entries in {ref}" for ref, trial in answers.trials.items() if name in trial.renamed]
        if marked:
            said = wording.TAKEN_FROM if name == owner.lost else wording.RENAMED
            yield said.found(", ".join(marked), stack=name)
        elif name == owner.lost:
            yield wording.NOTHING_TO_ADOPT.found(otherwise="")


def _dropped(manifest: Manifest, live: Manifest) -> list[str]:
    """Fields that kubectl's field managers hold and the manifest lacks."""
    ours = set(_fields(manifest))
    theirs = {
        path
        for entry in live["metadata"].get("managedFields", [])
        if set_by_hand(entry.get("manager", "")) and "subresource" not in entry
        for path in _managed(entry.get("fieldsV1", {}))
    }
    lacking = {path for path in theirs if not any(path[: len(own)] == own for own in ours)}
    return sorted(".".join(path) for path in lacking if not _comes_back(path, live))


def _comes_back(path: tuple[str, ...], live: Manifest) -> bool:
    """Whether the API server sets a dropped field again, or dropping it has no effect."""
    if path[-1] == LAST_APPLIED:
        return True
    return path[0] == "spec" and value_at(live["spec"], ".".join(path[1:])) == _API_DEFAULTS.get(path[-1], object())


def _fields(node: Manifest, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from _fields(value, (*way, key))
        else:
            yield (*way, key)


def _managed(node: Manifest, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in node.items():
        if key == ".":
            continue
        here = (*way, key.removeprefix("f:"))
        if any(step != "." for step in value):
            yield from _managed(value, here)
        elif "." not in value or len(way) > 1:
            yield here
