"""A fragment of an object that this stack does not manage: it owns a few keyed entries, the rest is never touched.

Applied server-side under a field manager of its own. Creating adds the entries, deleting gives up exactly them. What
lies in an item of another manager, a mount in a container, is relinquished once it is written (`lent_mounts`). Where
the object is a workload, its rollout is part of the change: one that fails is rolled back, and then the
error is raised.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
from pulumi import dynamic
from pulumi.output import Unknown

from clients import admission, lent_mounts, managed_fields, rollout
from clients.claim import Claim, dry_run, replaces_pods, without
from clients.kubernetes import OBJECT_MANAGER, ClusterRefusedError, Ref
from clients.managed_fields import set_by_hand
from providers import entries
from providers.cluster_provider import ClusterProvider
from providers.report import checked, report
from providers.restart import refuse_losses
from text.resource_types import WORKLOADS
from text.visible import visible


def _by_hand_or_us(manager: str) -> bool:
    return set_by_hand(manager) or manager == OBJECT_MANAGER


class FragmentProvider(ClusterProvider):
    """Creates, reads, updates and gives up a fragment."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Refuse, at preview, what the API server would refuse."""
        return checked(news, lambda: () if _has_unknowns(news) else dry_run(self._api(), _claim(news)).problems)

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
        ours = claim.holders(live).get(claim.manager) if live else None
        if live is None or not ours:
            return
        left = without(api, claim)
        if left and replaces_pods(live, left.live):
            refuse_losses(api, live)
        # An item goes as a whole, whoever else set a part of it by hand; a label that another manager states too stays.
        # Of an object of this stack only its marks are a fragment: there both of our managers have to let go.
        going = [path for path in ours if managed_fields.is_item(path) or "f:annotations" in path]
        # What mounts its volume goes with it: the API server refuses a mount of none.
        going += lent_mounts.found(
            live, claim.fragment, claim.manager, lambda owner: owner == claim.manager or _by_hand_or_us(owner)
        )
        entries.adopt(api, claim, _by_hand_or_us, going)
        entries.state(api, claim, {})
        # A policy in force admits no pod without the entries: they are being replaced, and no pod has to be.
        demanded = claim.policy and api.get(Ref.of(claim.policy))
        if claim.ref.kind in WORKLOADS and not demanded:
            try:
                rollout.wait(api, claim.ref, report)
            except rollout.RolloutError as error:
                report(f"our entries are given up, but {error}")

    def _apply(self, claim: Claim, previous: Claim) -> None:
        api = self._api()
        trial = dry_run(api, claim)
        if trial.problems or trial.live is None:
            raise RuntimeError(visible("; ".join(map(str, trial.problems))))
        if trial.restarts:
            refuse_losses(api, trial.live)
        found = api.get(claim.ref) or trial.live
        entries.rename(api, claim)
        entries.adopt(api, claim, set_by_hand, managed_fields.entries(claim.fragment))
        if claim.policy:  # the one in force may deny the new entries, and a narrow one those that are restored
            admission.widen(api, claim.policy)
        entries.state(api, claim, claim.fragment)
        entries.relinquish(api, claim)
        if claim.ref.kind not in WORKLOADS:
            return
        try:
            rollout.wait(api, claim.ref, report)
        except (rollout.RolloutError, ClusterRefusedError) as error:
            report(f"the rollout failed, going back to what was found: {error}")
            # Who owned the entries owns them again: of a stack that is renamed, the state knows the former name.
            owner = next(iter(trial.renamed), claim.manager)
            if owner != claim.manager:
                entries.rename(api, replace(claim, manager=owner, former=(claim.manager,)))
            entries.restore(api, found, replace(previous, manager=owner))
            raise RuntimeError(f"{error}. Rolled back to the previous configuration") from None


class Fragment(dynamic.Resource, module="kubernetes", name="Fragment"):
    """Entries of this stack in an object that it does not manage."""

    fragment: pulumi.Output[Mapping[str, Any]]
    manager: pulumi.Output[str]
    adopt: pulumi.Output[bool]

    def __init__(self, name: str, claim: Claim, opts: pulumi.ResourceOptions) -> None:
        super().__init__(FragmentProvider(), name, _inputs(claim), opts)


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
