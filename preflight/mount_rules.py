"""The photos' mount in Immich's Deployment: what stands in its place, and who states it. Pure.

Immich trashes every photo that it does not find: the mount may pass from this stack to the chart and back, and must not
be missing in between.
"""

from collections.abc import Iterator

from clients import managed_fields
from clients.claim import Claim
from clients.kubernetes import Manifest, Ref
from components.immich_mount import GUARD, lacking, lies_within, part_of
from components.mount_admission import admitted, stamp
from components.plan import Plan
from observe.cluster import ClusterSeen
from preflight import wording
from preflight.dry_runs import Answers
from settings import Settings
from settings.storage import OnNode
from text.finding import Finding


def findings(settings: Settings, facts: ClusterSeen, plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Find what would leave Immich without its photos, and what becomes of the mount."""
    for mount in plan.mounts:
        if plan.states_mount:
            live = facts.workload(Ref.of(mount))
            in_its_place = dict.fromkeys(_in_its_place(settings, mount, live) if live else ())
            yield from in_its_place
            if not plan.mount_admission:
                yield from _stated_here(mount, facts, plan, answers)
            elif live and not in_its_place:
                yield from _added(mount, live, plan, answers)
        else:
            yield from _stated_by_chart(mount, plan, answers)


def restarts(mount: Manifest, live: Manifest, plan: Plan, answers: Answers) -> bool:
    """Whether a change of this stack, to a workload of Immich's or to what its pods are given, replaces its pods."""
    if plan.mount_admission:
        in_force = answers.live.get(plan.mount_admission[0].ref, {})
        return bool(_lacks(mount, live)) and stamp(mount) not in str(in_force.get("spec"))
    trial = answers.trials.get(Ref.of(mount))
    if trial is None or trial.live is None or trial.problems:
        return False
    return trial.restarts and managed_fields.as_found(trial.live, mount) != mount


def _in_its_place(settings: Settings, entries: Manifest, live: Manifest) -> Iterator[Finding]:
    """Find what stands where the mount goes, and would be lost or hidden: Immich's next scan would trash its photos."""
    mount, where = settings.immich.mount, Ref.of(entries)
    pod = live["spec"]["template"]["spec"]
    for volume in pod.get("volumes", []):
        path = volume.get("hostPath", {}).get("path")
        if (
            volume["name"] == mount.volume
            and isinstance(settings.storage, OnNode)
            and path not in {None, settings.storage.path}
        ):
            yield wording.MOUNT_REPOINTED.found(where, volume=mount.volume, found=path, wanted=settings.storage.path)
    containers = entries["spec"]["template"]["spec"]["containers"]
    ours, wanted = {one["name"] for one in containers}, containers[0]["volumeMounts"][0]
    for found in [each for one in pod["containers"] if one["name"] in ours for each in one.get("volumeMounts", [])]:
        at = found["mountPath"]
        if at == mount.path and part_of(found) not in {("", ""), part_of(wanted)}:
            yield wording.MOUNT_OF_A_PART.found(where, at=at)
        elif lies_within(at, mount.path) or lies_within(mount.path, at):
            yield wording.MOUNT_WITHIN_ANOTHER.found(path=mount.path, at=at)


def _added(mount: Manifest, live: Manifest, plan: Plan, answers: Answers) -> Iterator[Finding]:
    """The API server adds it to each pod: what the template states itself has to fit."""
    where, template = Ref.of(mount), live["spec"]["template"]["spec"]
    if lacks := "; ".join(lacking(mount, admitted(template, mount))):
        yield wording.MOUNT_IN_THE_WAY.found(where, lacks=lacks)
    if restarts(mount, live, plan, answers):
        yield wording.IMMICH_RESTARTS.found(where)


def _stated_here(mount: Manifest, facts: ClusterSeen, plan: Plan, answers: Answers) -> Iterator[Finding]:
    """This stack states it: whoever shows the photos now must not stop before."""
    trial = answers.trials.get(Ref.of(mount))
    if trial is None:
        return
    if trial.shared:
        yield wording.MOUNT_SHARED.found(shared=trial.shared)
    if trial.live is None:
        return
    if restarts(mount, trial.live, plan, answers):
        yield wording.IMMICH_RESTARTS.found(Ref.of(mount))
        if facts.mutating:
            yield wording.ADMISSION_ADVISED.found(workload=Ref.of(mount))
    elif trial.problems and not _lacks(mount, trial.live):
        for manager in Claim(mount, plan.ownership.manager, adopt=False).rivals(trial.live):
            yield wording.MOUNT_OF_ANOTHER.found(manager=manager, command=plan.ownership.command("chart-values"))


def _stated_by_chart(mount: Manifest, plan: Plan, answers: Answers) -> Iterator[Finding]:
    """The chart states it: our entries go, and what is left has to show the photos."""
    remainder = answers.remainders.get(Ref.of(mount))
    if remainder is None:
        return
    where, command = Ref.of(mount), plan.ownership.command("chart-values")
    lacks = _lacks(mount, remainder.live)
    if remainder.by_hand:
        lacks = f"kubectl has set {remainder.by_hand}, and that goes, too,"
    if remainder.ours and lacks:
        yield wording.MOUNT_GIVEN_UP.found(where, lacks=lacks, command=command)
    elif lacks and plan.libraries:
        yield wording.MOUNT_NOT_IN_CHART.found(where, lacks=lacks, command=command)
    elif lacks:
        yield wording.CHART_LACKS_MOUNT.found(where, lacks=lacks, command=command)
    else:
        if not _is_current(mount, remainder.live):
            yield wording.CHART_HAS_OLD_CHECK.found(where, guard=GUARD, command=command)
        if remainder.ours:
            yield wording.MOUNT_STAYS.found(where)


def _lacks(mount: Manifest, live: Manifest) -> str:
    return "; ".join(lacking(mount, live["spec"]["template"]["spec"]))


def _is_current(mount: Manifest, live: Manifest) -> bool:
    wanted, found = (_check(one) for one in (mount, managed_fields.as_found(live, mount)))
    return wanted == found


def _check(fragment: Manifest) -> list[Manifest]:
    """Return the startup check; a mirror of its image is the cluster's affair."""
    checks = fragment["spec"]["template"]["spec"]["initContainers"]
    return [one | {"image": one["image"].rpartition("/")[2]} for one in checks]
