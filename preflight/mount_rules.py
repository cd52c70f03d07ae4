"""Who states the photos' mount in Immich's Deployment, in words. Pure, as `rules` is.

Immich trashes every photo that it does not find: the mount may pass from this stack to the chart and back, and must not
be missing in between.
"""

from collections.abc import Iterator

from clients import managed_fields
from clients.kubernetes import OBJECT_MANAGER, Manifest, Ref
from components.immich_mount import GUARD, lacking
from components.plan import Plan
from preflight.facts import Answers
from providers.fragment import set_by_hand
from settings import PROJECT

_MOUNT = f"{PROJECT}:immich.mount"


def problems(plan: Plan, answers: Answers) -> list[str]:
    """Find what would leave Immich without its photos."""
    return list(_taken_back(plan, answers) if plan.mount_is_ours else _given_away(plan, answers))


def warnings(plan: Plan, answers: Answers) -> list[str]:
    """Find what the chart's values lack, or could do without."""
    if plan.mount_is_ours:
        trial = answers.trials.get(Ref.of(plan.mount))
        words = f"Take it out there, and it stays. Or leave it there, with {_MOUNT}: chart"
        return [f"{trial.shared}, and the same. {words}"] if trial and trial.shared else []
    if answers.remainder is None or problems(plan, answers):
        return []
    live, values = answers.remainder.live, f"what `{plan.ownership.command('chart-values')}` prints"
    where = Ref.of(plan.mount)
    if lacks := _lacks(plan, live):
        return [f"{where}: {lacks}. Put {values} into the values of Immich's chart, and let ArgoCD sync"]
    if not _is_ours_of_today(plan.mount, live):
        return [f"{where}: its guard {GUARD} is an older one. Put {values} into the values of Immich's chart"]
    return []


def news(plan: Plan, answers: Answers) -> list[str]:
    """Say whether Immich restarts, and what becomes of a mount that this stack gives up."""
    trial = answers.trials.get(Ref.of(plan.mount)) if plan.mount_is_ours else None
    if trial and trial.live and not trial.problems and managed_fields.as_found(trial.live, plan.mount) != plan.mount:
        return [f"{Ref.of(plan.mount)}: mount or startup check change. Immich restarts once, after the disk is marked"]
    given = answers.remainder is not None and answers.remainder.ours and not problems(plan, answers)
    return [f"{Ref.of(plan.mount)} keeps its mount of the photos: another manager states it, too"] if given else []


def _given_away(plan: Plan, answers: Answers) -> Iterator[str]:
    """The chart shall state it: our entries go, and what is left has to show the photos."""
    remainder = answers.remainder
    if remainder is None:
        return
    where, values = Ref.of(plan.mount), f"what `{plan.ownership.command('chart-values')}` prints"
    lacks = _lacks(plan, remainder.live)
    if remainder.ours and remainder.by_hand:
        lacks = f"kubectl has set {remainder.by_hand}, and that goes, too,"
    if remainder.ours and lacks:
        yield (
            f"{where}: this stack would give up its mount of the photos, and nobody else states it yet: {lacks} then. "
            f"Immich's next scan would trash every photo. Set {_MOUNT} back to entries, and hand it over in this "
            f"order: 1. put {values} into the values of Immich's chart; 2. let ArgoCD sync it with syncOptions: "
            f"[ServerSideApply=true], or the cluster does not know that the chart states it, too; 3. set {_MOUNT} to "
            "chart"
        )
    elif lacks and plan.libraries:
        yield (
            f"{where}: {lacks}, and {_MOUNT} says that the chart states it. A library is made and scanned only with "
            f"its photos there. Put {values} into the values of Immich's chart and let ArgoCD sync. Of a new stack, "
            f"whose disk is not made yet, `up` comes first, with {_MOUNT}: entries"
        )


def _taken_back(plan: Plan, answers: Answers) -> Iterator[str]:
    """This stack shall state it: whoever shows the photos now must not stop before."""
    trial = answers.trials.get(Ref.of(plan.mount))
    if trial is None or trial.live is None or not trial.problems or _lacks(plan, trial.live):
        return
    holding = managed_fields.holders(
        trial.live["metadata"].get("managedFields", []), managed_fields.entries(plan.mount)
    )
    us = {plan.ownership.manager, OBJECT_MANAGER}
    for manager in (one for one in holding if one not in us and not set_by_hand(one)):
        yield (
            f'{_MOUNT}: Immich shows the photos by the mount of "{manager}": were it taken out there first, the next '
            "scan would trash them. Set it to chart to leave it there. To have it here, let both state the same for a "
            f"while: put what `{plan.ownership.command('chart-values')}` prints into the values of Immich's chart, and "
            "let ArgoCD sync it with syncOptions: [ServerSideApply=true]"
        )


def _lacks(plan: Plan, live: Manifest) -> str:
    return "; ".join(lacking(plan.mount, live["spec"]["template"]["spec"]))


def _is_ours_of_today(mount: Manifest, live: Manifest) -> bool:
    wanted, found = (one["spec"]["template"]["spec"] for one in (mount, managed_fields.as_found(live, mount)))
    return bool(wanted["initContainers"] == found["initContainers"])
