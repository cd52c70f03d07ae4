"""A fragment of an object that this stack does not manage: it owns a few keyed entries, the rest is never touched.

Applied server-side under a field manager of its own. Creating adds the entries, deleting gives up exactly them. What
lies in an item of another manager, a mount in a container, is relinquished once it is written (`lent_mounts`). Where
the object is a workload, its rollout is part of the change: one that fails is rolled back, and then the
error is raised.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pulumi
from pulumi import dynamic
from pulumi.output import Unknown

from clients import admission, lent_mounts, managed_fields, pod_start, rollout
from clients.kubernetes import OBJECT_MANAGER, ClusterApi, ClusterError, ClusterRefusedError, Manifest, Ref
from clients.managed_fields import Holder
from clients.retry import again
from providers import wording
from providers.cluster_provider import ClusterProvider
from providers.report import refusals, report
from text.finding import Finding
from text.resource_types import WORKLOADS
from text.visible import visible

_CONFLICT = 409
_ATTEMPTS = 40  # a rollout that begins writes its status several times a second


@dataclass(frozen=True)
class Claim:
    """What is asked for: these entries of that object, under this field manager.

    Attributes:
        fragment: apiVersion, kind, metadata.name (and namespace) of the object, and the entries.
        manager: the field manager that will own them.
        adopt: whether entries that were set by hand, with kubectl, may be adopted.
        policy: the admission policy that will demand these entries; None of other entries.
        former: other names of the field manager, from before its stack was renamed: what they own, it owns.

    """

    fragment: Manifest
    manager: str
    adopt: bool
    policy: Manifest | None = None
    former: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        """The object."""
        return Ref.of(self.fragment)

    def read(self, api: ClusterApi) -> tuple[Manifest | None, frozenset[str]]:
        """Read the object, with what former names own as the field manager's; and which of them own anything."""
        live = api.get(self.ref)
        if live is None:
            return None, frozenset()
        found = live["metadata"].get("managedFields", [])
        managed = managed_fields.renamed(found, self.former, Holder(self.manager, "Apply", live["apiVersion"]))
        owners = {entry.get("manager", "") for entry in found} - {entry.get("manager", "") for entry in managed}
        return live | {"metadata": live["metadata"] | {"managedFields": managed}}, frozenset(owners)


@dataclass(frozen=True)
class FragmentDryRun:
    """What a claim would come to.

    Attributes:
        live: the object as it is; None when it does not exist.
        problems: why it cannot be applied.
        changes: whether it would change anything, ownership included.
        restarts: whether it would change the pods of a workload.
        warnings: the API server's own.
        taken_over: as text, the entries that were set by hand and would be adopted; empty when there are none.
        shared: as text, those that another manager applies too, with equal values; empty when there are none.
        renamed: the former names of the field manager that own anything there.

    """

    live: Manifest | None
    problems: tuple[Finding, ...] = ()
    changes: bool = True
    restarts: bool = True
    warnings: tuple[str, ...] = ()
    taken_over: str = ""
    shared: str = ""
    renamed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Remainder:
    """What giving up our entries would leave.

    Attributes:
        live: the object without them; unchanged where this stack owns none of them.
        ours: whether this stack owns any of them.
        by_hand: as text, those that kubectl holds too, and that go all the same; empty when there are none.

    """

    live: Manifest
    ours: bool = False
    by_hand: str = ""


def dry_run(api: ClusterApi, claim: Claim) -> FragmentDryRun:
    """Ask the API server, in a dry run, what applying the claim would come to.

    The object is read first: a dry run on a missing one answers with what its whole manifest lacks.

    Raises:
        UnreachableError: when no API server answers.

    """
    live, renamed = claim.read(api)
    if live is None:
        return FragmentDryRun(None, (wording.OBJECT_MISSING.found(claim.ref),))
    problems = tuple(_held_by_others(live, claim))
    if problems:
        return FragmentDryRun(live, problems)
    by_hand = [path for manager, paths in _holders(live, claim).items() if set_by_hand(manager) for path in paths]
    try:
        # By force only over kubectl and former names, whose entries are adopted before they are applied for real.
        answer = api.apply(claim.fragment, claim.manager, dry_run=True, force=bool(by_hand or renamed))
    except ClusterRefusedError as refused:
        return FragmentDryRun(live, (wording.ENTRIES_REFUSED.found(claim.ref, reason=refused),))
    after = lent_mounts.relinquished(answer.object["metadata"].get("managedFields", []), claim.fragment, claim.manager)
    stated = {**answer.object, "metadata": {**answer.object["metadata"], "managedFields": after}}
    changes = bool(by_hand or renamed or _stale(live, claim)) or _essence(live, claim.manager) != _essence(
        stated, claim.manager
    )
    # That the owner's own pods fall short of a stricter level is not this stack's to report.
    warnings = tuple(w for w in answer.warnings if not w.startswith("would violate PodSecurity"))
    return FragmentDryRun(
        live,
        changes=changes,
        restarts=_template(live) != _template(answer.object),
        warnings=warnings,
        taken_over=f"{claim.ref}: {_in_words(by_hand)}" if by_hand else "",
        shared="; ".join(
            f'{claim.ref}: "{manager}" states {_in_words(paths)}, too'
            for manager, paths in _holders(live, claim).items()
            if _shares(live, claim, manager)
        ),
        renamed=renamed,
    )


def _template(live: Manifest) -> Any:
    return live.get("spec", {}).get("template")


def without(api: ClusterApi, claim: Claim) -> Remainder | None:
    """Compute what giving up the claim's entries would leave; None of a missing object.

    Raises:
        ClusterError: when the API server can't be reached, or refuses.

    """
    live, _ = claim.read(api)
    if live is None:
        return None
    holding = _holders(live, claim)
    ours = holding.get(claim.manager)
    if not ours:
        return Remainder(live)
    ours = [*ours, *lent_mounts.found(live, claim.fragment, claim.manager, set_by_hand)]
    by_hand = {path for manager, paths in holding.items() if set_by_hand(manager) for path in paths if path in ours}
    rivals = holding.keys() - {claim.manager, OBJECT_MANAGER}
    staying = {path for manager in rivals if not set_by_hand(manager) for path in holding[manager]}
    going = [path for path in ours if path not in staying]
    return Remainder(lent_mounts.without(live, going), ours=True, by_hand=_in_words(sorted(by_hand)))


def _held_by_others(live: Manifest, claim: Claim) -> Iterator[Finding]:
    holding = _holders(live, claim)
    ours = holding.get(claim.manager, [])
    lent = lent_mounts.found(live, claim.fragment, claim.manager, set_by_hand)
    held = {path for paths in [*holding.values(), lent] for path in paths}
    found = managed_fields.entries(managed_fields.as_found(live, claim.fragment))
    there = [path for path in managed_fields.entries(claim.fragment) if path in found]
    if not claim.adopt and (unheld := [path for path in there if managed_fields.is_item(path) and path not in held]):
        yield wording.ENTRIES_UNOWNED.found(claim.ref, entries=_in_words(unheld))
    for manager, paths in holding.items():
        if manager in {claim.manager, OBJECT_MANAGER} or _shares(live, claim, manager):
            continue
        if not set_by_hand(manager):
            yield (
                wording.ENTRIES_OF_ANOTHER_STACK.found(claim.ref, stack=manager, entries=_in_words(paths))
                if _of_a_stack(manager)
                else wording.ENTRIES_OF_ANOTHER.found(claim.ref, manager=manager, entries=_in_words(paths))
            )
        elif not claim.adopt and (made := [path for path in paths if not _is_drift(path, [*ours, *lent])]):
            yield wording.ENTRIES_BY_HAND.found(claim.ref, manager=manager, entries=_in_words(made))


def _shares(live: Manifest, claim: Claim, manager: str) -> bool:
    """Whether another manager applies items of this stack server-side, too: it can let go, and they stay."""
    held = [
        (entry["operation"], path)
        for entry in live["metadata"].get("managedFields", [])
        if entry.get("manager", "") == manager != claim.manager
        if not set_by_hand(manager) and not _of_a_stack(manager)
        for path in managed_fields.holders([entry], managed_fields.entries(claim.fragment)).get(manager, [])
    ]
    alike = managed_fields.as_found(live, claim.fragment) == claim.fragment
    return bool(held) and alike and all(verb == "Apply" and managed_fields.is_item(path) for verb, path in held)


def _is_drift(path: managed_fields.Path, ours: list[managed_fields.Path]) -> bool:
    """Whether an entry set by hand was this stack's: it still is in part, or is a plain field beside others of it."""
    return path in ours or (bool(ours) and not managed_fields.is_item(path))


def _holders(live: Manifest, claim: Claim) -> dict[str, list[managed_fields.Path]]:
    return managed_fields.holders(live["metadata"].get("managedFields", []), managed_fields.entries(claim.fragment))


def _in_words(paths: Iterable[managed_fields.Path]) -> str:
    return ", ".join(managed_fields.spoken(path) for path in paths)


def set_by_hand(manager: str) -> bool:
    """Whether a field manager is kubectl: kubectl-patch, kubectl-label, kubectl-edit, kubectl-client-side-apply, ..."""
    return manager == "kubectl" or manager.startswith("kubectl-")


def _of_a_stack(manager: str) -> bool:
    """Whether a field manager is another stack, `<project>/<stack>`; of a program's name the API server cuts a slash.

    Source: Kubernetes, staging/src/k8s.io/apiserver/pkg/endpoints/handlers/create.go, `prefixFromUserAgent`.
    """
    return "/" in manager


def _by_hand_or_us(manager: str) -> bool:
    return set_by_hand(manager) or manager == OBJECT_MANAGER


def _essence(live: Manifest, manager: str) -> tuple[Manifest, list[Manifest]]:
    """What tells two versions of an object apart: everything that is stated, and what of it the manager owns."""
    volatile = {"managedFields", "resourceVersion", "generation"}
    metadata = {k: v for k, v in live["metadata"].items() if k not in volatile}
    owned = [
        e.get("fieldsV1", {}) for e in live["metadata"].get("managedFields", []) if e.get("manager", "") == manager
    ]
    return {k: v for k, v in live.items() if k not in {"metadata", "status"}} | {"metadata": metadata}, owned


class FragmentProvider(ClusterProvider):
    """Creates, reads, updates and gives up a fragment."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Refuse, at preview, what the API server would refuse."""
        if _has_unknowns(news):
            return dynamic.CheckResult(news, [])
        try:
            problems: Iterable[object] = dry_run(self._api(), _claim(news)).problems
        except ClusterError as error:
            problems = (error,)
        return dynamic.CheckResult(news, refusals(problems))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change exactly when applying would change something."""
        if _has_unknowns(_news):
            return dynamic.DiffResult(changes=True)
        old, new = _claim(_olds), _claim(_news)
        if old.ref != new.ref or old.manager not in {new.manager, *new.former}:
            return dynamic.DiffResult(changes=True, replaces=["fragment"], delete_before_replace=True)
        return dynamic.DiffResult(changes=dry_run(self._api(), new).changes)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Add the entries, adopting what was set by hand if that is asked for."""
        claim = _claim(props)
        self._apply(claim, claim)
        return dynamic.CreateResult(claim.ref.path, _inputs(claim))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Bring the entries to what is asked for."""
        claim = _claim(_news)
        self._apply(claim, _claim(_olds))
        return dynamic.UpdateResult(_inputs(claim))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Find the entries as they are, as inputs too, so that drift shows as a difference of properties."""
        claim = _claim(props)
        live = self._api().get(claim.ref)
        if live is None:
            return dynamic.ReadResult("", {})
        found = _inputs(replace(claim, fragment=managed_fields.as_found(live, claim.fragment)))
        return dynamic.ReadResult(id_, found, dict(found))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Give up exactly our entries. An object that is gone has none."""
        api, claim = self._api(), _claim(_props)
        live = api.get(claim.ref)
        ours = _holders(live, claim).get(claim.manager) if live else None
        if not ours:
            return
        # An item goes as a whole, whoever else set a part of it by hand; a label that another manager states too stays.
        # Of an object of this stack only its marks are a fragment: there both of our managers have to let go.
        going = [path for path in ours if managed_fields.is_item(path) or "f:annotations" in path]
        going += [path for path in managed_fields.entries(claim.fragment) if lent_mounts.is_lent(path)]
        _unless_overtaken(partial(_take_over, api, claim, _by_hand_or_us, going))
        _state(api, claim, {})
        if claim.ref.kind in WORKLOADS:
            try:
                rollout.wait(api, claim.ref, report)
            except rollout.RolloutError as error:
                report(f"our entries are given up, but {error}")

    def _apply(self, claim: Claim, previous: Claim) -> None:
        api = self._api()
        trial = dry_run(api, claim)
        if trial.problems or trial.live is None:
            raise RuntimeError(visible("; ".join(map(str, trial.problems))))
        found = api.get(claim.ref) or trial.live
        _unless_overtaken(partial(_rename, api, claim))
        _unless_overtaken(partial(_take_over, api, claim, set_by_hand, managed_fields.entries(claim.fragment)))
        if claim.policy:  # the one in force may deny the new entries, and a narrow one those that are restored
            admission.widen(api, claim.policy)
        _state(api, claim, claim.fragment)
        _unless_overtaken(partial(_relinquish, api, claim))
        if claim.ref.kind not in WORKLOADS:
            return
        try:
            rollout.wait(api, claim.ref, report)
        except (rollout.RolloutError, ClusterRefusedError) as error:
            report(f"the rollout failed, going back to what was found: {error}")
            # Who owned the entries owns them again: of a stack that is renamed, the state knows the former name.
            owner = next(iter(trial.renamed), claim.manager)
            if owner != claim.manager:
                _unless_overtaken(partial(_rename, api, replace(claim, manager=owner, former=(claim.manager,))))
            _give_back(api, found, replace(previous, manager=owner))
            raise RuntimeError(f"{error}. Rolled back to the previous configuration") from None


class Fragment(dynamic.Resource, module="kubernetes", name="Fragment"):
    """Entries of this stack in an object that it does not manage."""

    fragment: pulumi.Output[Mapping[str, Any]]
    manager: pulumi.Output[str]
    adopt: pulumi.Output[bool]

    def __init__(self, name: str, claim: Claim, opts: pulumi.ResourceOptions) -> None:
        super().__init__(FragmentProvider(), name, _inputs(claim), opts)


def _take_over(api: ClusterApi, claim: Claim, gives: Callable[[str], bool], entries: list[managed_fields.Path]) -> None:
    """Take our entries over from the field managers that give them, so that we alone own them."""
    live = api.get(claim.ref)
    if live is None:
        return
    managed = live["metadata"].get("managedFields", [])
    taken = managed_fields.hand_over(managed, entries, gives, Holder(claim.manager, "Apply", live["apiVersion"]))
    if taken != managed:
        _set_managed_fields(api, live, claim, taken)


def _rename(api: ClusterApi, claim: Claim) -> None:
    live, renamed = claim.read(api)
    if live and renamed:
        _set_managed_fields(api, live, claim, live["metadata"]["managedFields"])


def _set_managed_fields(api: ClusterApi, live: Manifest, claim: Claim, managed: managed_fields.Entries) -> None:
    """Write managedFields, unless the object has changed since `live` was read."""
    metadata = {"resourceVersion": live["metadata"]["resourceVersion"], "managedFields": managed}
    api.patch(claim.ref, {"metadata": metadata}, claim.manager)


def _unless_overtaken(write: Callable[[], None]) -> None:
    """Repeat a read and its write when another manager wrote in between, such as a controller its status."""
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            again(write)
        except ClusterRefusedError as refused:
            if refused.status != _CONFLICT or not attempts_left:
                raise
            time.sleep(pod_start.POLL / 10)
        else:
            return


def _state(api: ClusterApi, claim: Claim, entries: Manifest) -> None:
    """State these entries and no others: what was owned or lent besides goes."""
    _unless_overtaken(partial(_regain, api, claim))
    _apply_entries(api, claim, entries)


def _regain(api: ClusterApi, claim: Claim) -> None:
    live = api.get(claim.ref)
    lent = lent_mounts.found(live, claim.fragment, claim.manager) if live else []
    if live and lent:
        holder = Holder(claim.manager, "Apply", live["apiVersion"])
        _set_managed_fields(api, live, claim, lent_mounts.regained(live, lent, holder))


def _relinquish(api: ClusterApi, claim: Claim) -> None:
    live = api.get(claim.ref)
    managed = live["metadata"].get("managedFields", []) if live else []
    remaining = lent_mounts.relinquished(managed, claim.fragment, claim.manager)
    if live and remaining != managed:
        _set_managed_fields(api, live, claim, remaining)


def _stale(live: Manifest, claim: Claim) -> list[managed_fields.Path]:
    """List the mounts that were lent to containers which are to have none, or at another path."""
    wanted = managed_fields.entries(claim.fragment)
    return [path for path in lent_mounts.found(live, claim.fragment, claim.manager) if path not in wanted]


def _apply_entries(api: ClusterApi, claim: Claim, entries: Manifest) -> None:
    """Own these entries and no others: what was owned besides is given up."""
    identity = {k: claim.fragment[k] for k in ("apiVersion", "kind")}
    names = {k: v for k, v in claim.fragment["metadata"].items() if k in {"name", "namespace"}}
    metadata = {**names, **entries.get("metadata", {})}
    api.apply({**entries, **identity, "metadata": metadata}, claim.manager)


def _give_back(api: ClusterApi, found: Manifest, claim: Claim) -> None:
    """Put the entries, and who owned them, back to what was found."""
    holding = _holders(found, claim)
    _state(api, claim, managed_fields.whole_entries(found, claim.fragment) if holding else {})
    if claim.manager in holding:
        _unless_overtaken(partial(_relinquish, api, claim))
    else:
        for entry in found["metadata"].get("managedFields", []):
            if entry.get("manager", "") in holding and "subresource" not in entry:
                _unless_overtaken(partial(_return_to, api, claim, entry, holding[entry.get("manager", "")]))
        # Of another manager's container the way to its mounts is still this stack's: its owner could not rename it.
        _apply_entries(api, claim, {})
    try:
        rollout.wait(api, claim.ref, report, forced=True)
    except (rollout.RolloutError, ClusterRefusedError) as error:
        report(f"what was found does not come up either: {error}")


def _return_to(api: ClusterApi, claim: Claim, entry: Manifest, paths: list[managed_fields.Path]) -> None:
    live = api.get(claim.ref)
    if live is not None:
        holder = Holder(
            entry.get("manager", ""), entry["operation"], str(entry.get("apiVersion") or live["apiVersion"])
        )
        managed = live["metadata"].get("managedFields", [])
        returned = managed_fields.hand_over(managed, paths, claim.manager.__eq__, holder)
        if returned != managed:
            _set_managed_fields(api, live, claim, returned)


def _claim(props: Mapping[str, Any]) -> Claim:
    return Claim(
        integers(props["fragment"]),
        props["manager"],
        bool(props["adopt"]),
        integers(props.get("policy")),
        tuple(props.get("former", ())),
    )


def _inputs(claim: Claim) -> dict[str, Any]:
    more: dict[str, Any] = {"policy": claim.policy} if claim.policy else {}
    more |= {"former": [*claim.former]} if claim.former else {}
    return {"fragment": claim.fragment, "manager": claim.manager, "adopt": claim.adopt, **more}


def integers(value: Any) -> Any:
    """Restore whole numbers, which the engine hands over as floats and the API server takes only as integers."""
    if isinstance(value, dict):
        return {k: integers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [integers(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _has_unknowns(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_unknowns(v) for v in value.values())
    if isinstance(value, list):
        return any(_has_unknowns(v) for v in value)
    return isinstance(value, Unknown)
