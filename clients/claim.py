"""What a fragment claims of an object, and what that would come to: nothing is changed here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clients import lent_mounts, managed_fields, wording
from clients.kubernetes import OBJECT_MANAGER, ClusterApi, ClusterRefusedError, Manifest, Ref
from clients.likeness import value_at
from clients.managed_fields import Holder, set_by_hand
from text.finding import Finding


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

    def holders(self, live: Manifest) -> dict[str, list[managed_fields.Path]]:
        """Find which field managers hold which of the entries."""
        return managed_fields.holders(live["metadata"].get("managedFields", []), managed_fields.entries(self.fragment))

    def rivals(self, live: Manifest) -> dict[str, list[managed_fields.Path]]:
        """Find which other field managers hold which of the entries; a person with kubectl is none."""
        us = {self.manager, OBJECT_MANAGER}
        return {one: held for one, held in self.holders(live).items() if one not in us and not set_by_hand(one)}

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
        adopted: as text, the entries that were set by hand and would be adopted; empty when there are none.
        shared: as text, those that another manager applies too, with equal values; empty when there are none.
        renamed: the former names of the field manager that own anything there.

    """

    live: Manifest | None
    problems: tuple[Finding, ...] = ()
    changes: bool = True
    restarts: bool = True
    warnings: tuple[str, ...] = ()
    adopted: str = ""
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
    by_hand = [path for manager, paths in claim.holders(live).items() if set_by_hand(manager) for path in paths]
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
    # Violations of the owner's own pods are not reported here.
    warnings = tuple(w for w in answer.warnings if not w.startswith("would violate PodSecurity"))
    return FragmentDryRun(
        live,
        changes=changes,
        restarts=replaces_pods(live, answer.object),
        warnings=warnings,
        adopted=f"{claim.ref}: {_listed(by_hand)}" if by_hand else "",
        shared="; ".join(
            f'{claim.ref}: "{manager}" states {_listed(paths)}, too, with the same values'
            for manager, paths in claim.holders(live).items()
            if _shares(live, claim, manager)
        ),
        renamed=renamed,
    )


def replaces_pods(live: Manifest, after: Manifest) -> bool:
    """Whether a change of an object is one of the template of its pods."""
    return bool(value_at(live, "spec.template") != value_at(after, "spec.template"))


def without(api: ClusterApi, claim: Claim) -> Remainder | None:
    """Compute what giving up the claim's entries would leave; None of a missing object.

    Raises:
        ClusterError: when the API server can't be reached, or refuses.

    """
    live, _ = claim.read(api)
    if live is None:
        return None
    holding = claim.holders(live)
    ours = holding.get(claim.manager)
    if not ours:
        return Remainder(live)
    ours = [*ours, *lent_mounts.found(live, claim.fragment, claim.manager, set_by_hand)]
    by_hand = {path for manager, paths in holding.items() if set_by_hand(manager) for path in paths if path in ours}
    staying = {path for paths in claim.rivals(live).values() for path in paths}
    going = [path for path in ours if path not in staying]
    return Remainder(lent_mounts.without(live, going), ours=True, by_hand=_listed(sorted(by_hand)))


def _held_by_others(live: Manifest, claim: Claim) -> Iterator[Finding]:
    holding = claim.holders(live)
    ours = holding.get(claim.manager, [])
    lent = lent_mounts.found(live, claim.fragment, claim.manager, set_by_hand)
    held = {path for paths in [*holding.values(), lent] for path in paths}
    found = managed_fields.entries(managed_fields.as_found(live, claim.fragment))
    there = [path for path in managed_fields.entries(claim.fragment) if path in found]
    if not claim.adopt and (unheld := [path for path in there if managed_fields.is_item(path) and path not in held]):
        yield wording.ENTRIES_UNOWNED.found(claim.ref, entries=_listed(unheld))
    for manager, paths in holding.items():
        if manager in {claim.manager, OBJECT_MANAGER} or _shares(live, claim, manager):
            continue
        if not set_by_hand(manager):
            yield (
                wording.ENTRIES_OF_ANOTHER_STACK.found(claim.ref, stack=manager, entries=_listed(paths))
                if _of_a_stack(manager)
                else wording.ENTRIES_OF_ANOTHER.found(claim.ref, manager=manager, entries=_listed(paths))
            )
        elif not claim.adopt and (made := [path for path in paths if not _is_drift(path, [*ours, *lent])]):
            yield wording.ENTRIES_BY_HAND.found(claim.ref, manager=manager, entries=_listed(made))


def _shares(live: Manifest, claim: Claim, manager: str) -> bool:
    """Whether another manager applies items of this stack server-side, too: it can let go, and they stay."""
    held = [
        (entry["operation"], path)
        for entry in live["metadata"].get("managedFields", [])
        if not set_by_hand(manager) and not _of_a_stack(manager)
        for path in managed_fields.holders([entry], managed_fields.entries(claim.fragment)).get(manager, [])
    ]
    alike = managed_fields.as_found(live, claim.fragment) == claim.fragment
    return bool(held) and alike and all(verb == "Apply" and managed_fields.is_item(path) for verb, path in held)


def _is_drift(path: managed_fields.Path, ours: list[managed_fields.Path]) -> bool:
    """Whether an entry set by hand was this stack's: it still is in part, or is a plain field beside others of it."""
    return path in ours or (bool(ours) and not managed_fields.is_item(path))


def _listed(paths: Iterable[managed_fields.Path]) -> str:
    return ", ".join(managed_fields.spoken(path) for path in paths)


def _of_a_stack(manager: str) -> bool:
    """Whether a field manager is another stack, `<project>/<stack>`; of a program's name the API server cuts a slash.

    Source: Kubernetes, staging/src/k8s.io/apiserver/pkg/endpoints/handlers/create.go, `prefixFromUserAgent`.
    """
    return "/" in manager


def _essence(live: Manifest, manager: str) -> tuple[Manifest, list[Manifest]]:
    """What tells two versions of an object apart: everything that is stated, and what of it the manager owns."""
    volatile = {"managedFields", "resourceVersion", "generation"}
    metadata = {k: v for k, v in live["metadata"].items() if k not in volatile}
    owned = [
        e.get("fieldsV1", {}) for e in live["metadata"].get("managedFields", []) if e.get("manager", "") == manager
    ]
    return {k: v for k, v in live.items() if k not in {"metadata", "status"}} | {"metadata": metadata}, owned


def _stale(live: Manifest, claim: Claim) -> list[managed_fields.Path]:
    """List the mounts that were lent to containers which are to have none, or at another path."""
    wanted = managed_fields.entries(claim.fragment)
    return [path for path in lent_mounts.found(live, claim.fragment, claim.manager) if path not in wanted]
