"""What the API server says to the plan, in dry runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clients.kubernetes import OBJECT_MANAGER, ClusterApi, ClusterRefusedError, Manifest, Ref
from components.plan import Plan
from observe import Observed
from preflight import pod_trials
from providers.fragment import FragmentDryRun, Remainder, dry_run, without
from text.resource_types import JOB


@dataclass(frozen=True)
class Answers:
    """What the API server says to the plan, in dry runs.

    Attributes:
        live: each managed object of the plan as it is; an object that does not exist is left out.
        refusals: why the API server would refuse a managed object.
        trials: what each fragment would come to.
        refused_pods: why quotas and limits keep the pods out, by who has them.
        remainders: each workload of Immich without the mount of this stack; empty where this stack states the mount.

    """

    live: Mapping[Ref, Manifest] = field(default_factory=dict)
    refusals: Mapping[Ref, str] = field(default_factory=dict)
    trials: Mapping[Ref, FragmentDryRun] = field(default_factory=dict)
    refused_pods: Mapping[Ref, str] = field(default_factory=dict)
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
    # A Job that the state knows is made anew where its template differs.
    jobs = {Ref.of(dict(one.outputs)) for one in observed.known if one.type == JOB}
    asked = (
        (managed.ref, _refusal(api, managed.manifest))
        for managed in plan.managed_objects()
        if managed.ref in live and not (managed is plan.directory_job and managed.ref in jobs)
    )
    return Answers(
        live=live,
        refusals={ref: refusal for ref, refusal in asked if refusal},
        trials={Ref.of(fragment): dry_run(api, plan.ownership.claim(fragment)) for fragment in plan.fragments()},
        refused_pods=pod_trials.refused(api, plan, observed),
        remainders={} if plan.mount_is_ours else _remainders(api, plan),
    )


def _remainders(api: ClusterApi, plan: Plan) -> dict[Ref, Remainder]:
    asked = ((Ref.of(mount), without(api, plan.ownership.claim(mount))) for mount in plan.mounts)
    return {ref: remainder for ref, remainder in asked if remainder}


def _refusal(api: ClusterApi, manifest: Manifest) -> str | None:
    try:
        # By force, as the provider does it: what others changed in an object of ours is drift, and preview shows it.
        api.apply(manifest, OBJECT_MANAGER, dry_run=True, force=True)
    except ClusterRefusedError as refused:
        return str(refused)
    return None
