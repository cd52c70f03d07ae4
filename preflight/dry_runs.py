"""What the API server says to the plan, in dry runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from clients.claim import FragmentDryRun, Remainder, dry_run, without
from clients.kubernetes import OBJECT_MANAGER, ClusterApi, ClusterRefusedError, Manifest, Ref
from clients.likeness import unlike
from clients.managed_fields import as_found
from components.mutated import as_admitted
from components.plan import Plan
from observe import Observed
from observe.cluster import ClusterSeen
from preflight import pod_trials
from text.resource_types import JOB


@dataclass(frozen=True)
class Answers:
    """What the API server says to the plan, in dry runs.

    Attributes:
        live: each managed object of the plan as it is; an object that does not exist is left out.
        refusals: why the API server would refuse a managed object; of one that does not exist, by quotas and limits.
        trials: what each fragment would come to.
        refused_pods: why quotas and limits keep the pods out, by who has them.
        admitted: each managed object that exists as the API server would take it: for a Job, a new one.
        remainders: each workload of Immich without the mount of this stack; empty where this stack states the mount.

    """

    live: Mapping[Ref, Manifest] = field(default_factory=dict)
    refusals: Mapping[Ref, str] = field(default_factory=dict)
    trials: Mapping[Ref, FragmentDryRun] = field(default_factory=dict)
    refused_pods: Mapping[Ref, str] = field(default_factory=dict)
    admitted: Mapping[Ref, Manifest] = field(default_factory=dict)
    remainders: Mapping[Ref, Remainder] = field(default_factory=dict)


def ask(api: ClusterApi, plan: Plan, observed: Observed) -> Answers:
    """Ask the API server about each part of the plan that exists already.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read.

    """
    live = {
        managed.ref: observed.cluster.live[managed.ref]
        for managed in plan.managed_objects()
        if managed.ref in observed.cluster.live
    }
    # A Job that the state knows is made again where its template differs.
    jobs = {Ref.of(dict(one.outputs)) for one in observed.known if one.type == JOB}
    answers: dict[Ref, Manifest | ClusterRefusedError] = {}
    for managed in plan.managed_objects():
        if managed.ref in live:
            made_again = managed is plan.directory_job and managed.ref in jobs
            answers[managed.ref] = _answer(api, _another(managed.manifest) if made_again else managed.manifest)
            if made_again and isinstance(answers[managed.ref], ClusterRefusedError):
                del answers[managed.ref]
    refusals = {ref: str(answer) for ref, answer in answers.items() if isinstance(answer, ClusterRefusedError)}
    return Answers(
        live=live,
        refusals=refusals | new_ones_refused(api, plan, observed),
        trials={Ref.of(fragment): dry_run(api, plan.ownership.claim(fragment)) for fragment in plan.fragments()},
        refused_pods=pod_trials.refused(api, plan, observed),
        admitted={ref: answer for ref, answer in answers.items() if not isinstance(answer, ClusterRefusedError)},
        remainders={} if plan.states_mount else _remainders(api, plan),
    )


def new_ones_refused(api: ClusterApi, plan: Plan, observed: Observed) -> dict[Ref, str]:
    """Return why quotas and limits would not let in what does not exist yet, in namespaces that do.

    Raises:
        UnreachableError: when no API server answers.

    """
    new = None if observed.cluster.photo_sync else plan.photo_sync.ref.name
    asked = (
        (managed.ref, pod_trials.reason(api, managed.manifest))
        for managed in plan.managed_objects()
        if managed.ref not in observed.cluster.live
        and managed.ref.namespace not in {None, new}
        and managed.ref.kind != "Secret"
    )
    return {ref: reason for ref, reason in asked if reason}


def _remainders(api: ClusterApi, plan: Plan) -> dict[Ref, Remainder]:
    asked = ((Ref.of(mount), without(api, plan.ownership.claim(mount))) for mount in plan.mounts)
    return {ref: remainder for ref, remainder in asked if remainder}


def mutated(plan: Plan, answers: Answers) -> dict[Ref, Manifest]:
    """Return the objects of which admission makes something else, as they are to be stated."""
    kept = {
        managed.ref: as_admitted(managed.manifest, answers.admitted[managed.ref], answers.live[managed.ref])
        for managed in plan.managed_objects()
        if managed.ref in answers.admitted and managed.ref.kind != "Secret"
    }
    stated = {managed.ref: managed.manifest for managed in plan.managed_objects()}
    return {ref: manifest for ref, manifest in kept.items() if manifest != stated[ref]}


def left(api: ClusterApi, plan: Plan, seen: ClusterSeen) -> frozenset[Ref]:
    """Name what is not as it is stated, and what an `up` would leave: admission has changed it.

    Where the API server does not let us ask, in a dry run, nothing is named.

    Raises:
        ClusterError: when the API server can't be reached.

    """
    return frozenset([*_objects_left(api, plan, seen), *_entries_left(api, plan, seen)])


def _objects_left(api: ClusterApi, plan: Plan, seen: ClusterSeen) -> Iterator[Ref]:
    for managed in plan.managed_objects():
        live = seen.live.get(managed.ref)
        if live is None or not any(unlike(managed.manifest, live)):
            continue
        answer = _answer(api, _another(managed.manifest) if managed.ref.kind == "Job" else managed.manifest)
        if not isinstance(answer, ClusterRefusedError) and _stated(answer) == _stated(live):
            yield managed.ref


def _entries_left(api: ClusterApi, plan: Plan, seen: ClusterSeen) -> Iterator[Ref]:
    for fragment in plan.fragments():
        live = seen.workload(Ref.of(fragment))
        if live is None or not any(unlike(fragment, as_found(live, fragment))):
            continue
        trial = dry_run(api, plan.ownership.claim(fragment))
        if not trial.problems and not trial.changes:
            yield Ref.of(fragment)


def _stated(thing: Manifest) -> Manifest:
    """Leave out what the API server writes: of a Job, all but its pods."""
    if thing["kind"] == "Job":
        return dict(thing["spec"]["template"]["spec"])
    metadata = {key: thing["metadata"].get(key) for key in ("labels", "annotations")}
    return {key: value for key, value in thing.items() if key not in {"metadata", "status"}} | metadata


def _answer(api: ClusterApi, manifest: Manifest) -> Manifest | ClusterRefusedError:
    try:
        # By force, as the provider does it: what others changed in it is drift, and preview shows it.
        return api.apply(manifest, OBJECT_MANAGER, dry_run=True, force=True).object
    except ClusterRefusedError as refused:
        return refused


def _another(manifest: Manifest) -> Manifest:
    return manifest | {"metadata": manifest["metadata"] | {"name": f"{manifest['metadata']['name']}-dry-run"}}
