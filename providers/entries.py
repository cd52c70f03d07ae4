"""The writes by which entries of an object change hands: each is repeated where another client wrote in between."""

import time
from collections.abc import Callable
from http import HTTPStatus

from clients import lent_mounts, managed_fields, pod_start, rollout
from clients.claim import Claim
from clients.kubernetes import ClusterApi, ClusterRefusedError, Manifest
from clients.managed_fields import Entries, Holder, Path
from clients.retry import again
from providers.report import report

_ATTEMPTS = 40  # a rollout that begins writes its status several times a second


def adopt(api: ClusterApi, claim: Claim, gives: Callable[[str], bool], entries: list[Path]) -> None:
    """Move this stack's entries from the field managers that `gives` selects, so that this stack alone owns them."""
    _change_owners(api, claim, lambda live: managed_fields.hand_over(_owned(live), entries, gives, _us(claim, live)))


def rename(api: ClusterApi, claim: Claim) -> None:
    """Own what former names of the field manager own."""
    _change_owners(api, claim, lambda live: managed_fields.renamed(_owned(live), claim.former, _us(claim, live)))


def state(api: ClusterApi, claim: Claim, entries: Manifest) -> None:
    """State these entries and no others: anything else that was owned or lent is removed."""

    def regained(live: Manifest) -> Entries:
        # One that its owner has changed by hand is held in part: it goes as a whole, as its volume does.
        lent = lent_mounts.found(live, claim.fragment, claim.manager, claim.manager.__eq__)
        return lent_mounts.regained(live, lent, _us(claim, live))

    _change_owners(api, claim, regained)
    _apply(api, claim, entries)


def relinquish(api: ClusterApi, claim: Claim) -> None:
    """Relinquish the mounts in other managers' containers; they stay."""
    _change_owners(api, claim, lambda live: lent_mounts.relinquished(_owned(live), claim.fragment, claim.manager))


def restore(api: ClusterApi, found: Manifest, claim: Claim) -> None:
    """Restore the entries and their owners from `found`."""
    holding = claim.holders(found)
    state(api, claim, managed_fields.whole_entries(found, claim.fragment) if holding else {})
    if claim.manager in holding:
        relinquish(api, claim)
    else:
        for entry in _owned(found):
            if entry.get("manager", "") in holding and "subresource" not in entry:
                _return_to(api, claim, entry, holding[entry.get("manager", "")])
        # Of another manager's container the way to its mounts is still this stack's: its owner could not rename it.
        _apply(api, claim, {})
    try:
        rollout.wait(api, claim.ref, report, forced=True)
    except (rollout.RolloutError, ClusterRefusedError) as error:
        report(f"what was found does not come up either: {error}")


def _return_to(api: ClusterApi, claim: Claim, entry: Manifest, paths: list[Path]) -> None:
    def returned(live: Manifest) -> Entries:
        version = str(entry.get("apiVersion") or live["apiVersion"])
        holder = Holder(entry.get("manager", ""), entry["operation"], version)
        return managed_fields.hand_over(_owned(live), paths, claim.manager.__eq__, holder)

    _change_owners(api, claim, returned)


def _apply(api: ClusterApi, claim: Claim, entries: Manifest) -> None:
    """Own these entries and no others: anything else that was owned is relinquished."""
    identity = {k: claim.fragment[k] for k in ("apiVersion", "kind")}
    names = {k: v for k, v in claim.fragment["metadata"].items() if k in {"name", "namespace"}}
    metadata = {**names, **entries.get("metadata", {})}
    api.apply({**entries, **identity, "metadata": metadata}, claim.manager)


def _change_owners(api: ClusterApi, claim: Claim, change: Callable[[Manifest], Entries]) -> None:
    """Write managedFields as `change` has them of the object as it is; an object that is gone has none."""

    def write() -> None:
        live = api.get(claim.ref)
        if live and (wanted := change(live)) != _owned(live):
            metadata = {"resourceVersion": live["metadata"]["resourceVersion"], "managedFields": wanted}
            api.patch(claim.ref, {"metadata": metadata}, claim.manager)

    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            again(write)
        except ClusterRefusedError as refused:
            if refused.status != HTTPStatus.CONFLICT or not attempts_left:
                raise
            time.sleep(pod_start.POLL / 10)  # a controller has written its status
        else:
            return


def _owned(live: Manifest) -> Entries:
    owned: Entries = live["metadata"].get("managedFields", [])
    return owned


def _us(claim: Claim, live: Manifest) -> Holder:
    return Holder(claim.manager, "Apply", live["apiVersion"])
