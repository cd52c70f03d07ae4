"""What the live cluster holds, as far as the stack is concerned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from clients.kubernetes import OBJECT_MANAGER, ClusterApi, Manifest, Ref, RefusedError
from components import directory, pod_security
from components.immich_mount import lacking
from components.ownership import Ownership
from components.plan import Found, Plan
from components.pod_security import FoundLevels
from preflight import space_facts
from preflight.space_facts import Space
from preflight.state import Known
from providers.fragment import FragmentDryRun, Remainder, dry_run, set_by_hand, without
from settings import Settings
from settings.immich import Mount
from settings.storage import OnNode

# Its type in the state.
_JOB = "kubernetes:batch/v1:Job"


@dataclass(frozen=True)
class Facts:
    """The cluster before the stack, as read; nothing in it was changed.

    Attributes:
        namespace: Immich's namespace; None when it does not exist, and so are the next two.
        deployment: Immich's Deployment.
        service: Immich's Service.
        photo_sync: the photo-sync namespace.
        directory_job: the Job of the directory Job's plain name.
        ingresses: all Ingresses of the cluster.
        nodes: names of the nodes, by their host name label.
        storage_classes: the StorageClasses.
        volume_classes: classes of the PersistentVolumes, which need no StorageClass.
        space: the room for photos.

    """

    namespace: Manifest | None
    deployment: Manifest | None
    service: Manifest | None
    photo_sync: Manifest | None
    directory_job: Manifest | None
    ingresses: tuple[Manifest, ...] = ()
    nodes: tuple[str, ...] = ()
    storage_classes: tuple[Manifest, ...] = ()
    volume_classes: frozenset[str] = frozenset()
    space: Space = field(default_factory=Space)


@dataclass(frozen=True)
class Answers:
    """What the API server says to the plan, in dry runs.

    Attributes:
        live: each whole object of the plan as it is; an object that does not exist is left out.
        refusals: why the API server would refuse a whole object.
        trials: what each fragment would come to.
        remainder: Immich's Deployment without our mount; None where the mount is ours.

    """

    live: Mapping[Ref, Manifest] = field(default_factory=dict)
    refusals: Mapping[Ref, str] = field(default_factory=dict)
    trials: Mapping[Ref, FragmentDryRun] = field(default_factory=dict)
    remainder: Remainder | None = None


def read(api: ClusterApi, settings: Settings) -> Facts:
    """Read the facts.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read.

    """
    immich, sync = settings.immich, settings.photo_sync.namespace
    any_node, any_ingress = Ref("v1", "Node", ""), Ref("networking.k8s.io/v1", "Ingress", "")
    any_class, any_volume = Ref("storage.k8s.io/v1", "StorageClass", ""), Ref("v1", "PersistentVolume", "")
    on_node = isinstance(settings.storage, OnNode)
    syncing = bool(settings.photo_sync.accounts)
    nodes = api.list(any_node) if on_node else []
    return Facts(
        namespace=api.get(Ref("v1", "Namespace", immich.namespace)),
        deployment=api.get(Ref("apps/v1", "Deployment", immich.deployment, immich.namespace)),
        service=api.get(Ref("v1", "Service", immich.service.name, immich.namespace)),
        photo_sync=api.get(Ref("v1", "Namespace", sync)),
        directory_job=api.get(Ref("batch/v1", "Job", directory.JOB, sync)),
        ingresses=tuple(api.list(any_ingress)),
        nodes=tuple(node["metadata"].get("labels", {}).get("kubernetes.io/hostname", "") for node in nodes),
        storage_classes=tuple(api.list(any_class)) if syncing else (),
        volume_classes=frozenset(volume["spec"].get("storageClassName", "") for volume in api.list(any_volume))
        if syncing
        else frozenset(),
        space=space_facts.read(api, settings, nodes),
    )


def found(settings: Settings, facts: Facts, ownership: Ownership) -> Found:
    """Draw from the facts what shapes the plan."""
    return Found(
        container=container_for(settings.immich.mount, facts.deployment) if facts.deployment else "",
        job_by_hand=facts.directory_job is not None and not ownership.is_ours(facts.directory_job),
        immich_levels=_levels(facts.namespace, ownership),
        photo_sync_levels=_levels(facts.photo_sync, ownership),
    )


def container_for(mount: Mount, deployment: Manifest) -> str:
    """Name the container of Immich's Deployment that gets the mount."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    # The one that has the mount keeps it: a new sidecar may come first one day.
    mounting = [c["name"] for c in containers if mount.path in {m["mountPath"] for m in c.get("volumeMounts", [])}]
    names: list[str | None] = [mount.container, *mounting, *(c["name"] for c in containers)]
    return next(name for name in names if name)


def _levels(namespace: Manifest | None, ownership: Ownership) -> FoundLevels:
    if namespace is None:
        return FoundLevels()
    labels = namespace["metadata"].get("labels", {})
    by_anybody = {mode: labels[label] for mode in pod_security.MODES if (label := pod_security.label(mode)) in labels}
    staying = {
        mode
        for entry in namespace["metadata"].get("managedFields", [])
        for mode in by_anybody
        if f"f:{pod_security.label(mode)}" in entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:labels", {})
        and entry.get("manager", "") not in {ownership.manager, OBJECT_MANAGER}
        and not (ownership.adopting and set_by_hand(entry.get("manager", "")))
    }
    return FoundLevels(by_anybody, {mode: by_anybody[mode] for mode in staying})


def look_up(api: ClusterApi, plan: Plan) -> dict[Ref, Manifest]:
    """Read each whole object of the plan; one that does not exist is left out.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read.

    """
    return {whole.ref: live for whole in plan.wholes() if (live := api.get(whole.ref))}


def synced(plan: Plan, live: Mapping[Ref, Manifest]) -> frozenset[str]:
    """Name the accounts whose photos have been fetched at least once, by hand or on schedule.

    A CronJob's status keeps that when the Job itself is gone, of a Job that was made of it by hand, too (source:
    Kubernetes, pkg/controller/cronjob/cronjob_controllerv2.go).
    """
    return frozenset(
        account.account
        for account in (plan.sync.accounts if plan.sync else ())
        if live.get(Ref.of(account.cron_job), {}).get("status", {}).get("lastSuccessfulTime")
    )


def mounted(plan: Plan, facts: Facts) -> bool:
    """Whether Immich's Deployment shows the photos already, with all that goes with it."""
    return facts.deployment is not None and not [*lacking(plan.mount, facts.deployment["spec"]["template"]["spec"])]


def ask(api: ClusterApi, plan: Plan, live: Mapping[Ref, Manifest], known: Iterable[Known]) -> Answers:
    """Ask the API server about each part of the plan that exists already.

    Args:
        api: the cluster.
        plan: the plan.
        live: each whole object of it as it is.
        known: what the state has. A Job that it knows is made anew where its template differs.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read.

    """
    jobs = {Ref.of(dict(one.outputs)) for one in known if one.type == _JOB}
    asked = (
        (whole.ref, _refusal(api, whole.manifest))
        for whole in plan.wholes()
        if whole.ref in live and not (whole is plan.directory_job and whole.ref in jobs)
    )
    return Answers(
        live=live,
        refusals={ref: refusal for ref, refusal in asked if refusal},
        trials={Ref.of(fragment): dry_run(api, plan.ownership.claim(fragment)) for fragment in plan.fragments()},
        remainder=None if plan.mount_is_ours else without(api, plan.ownership.claim(plan.mount)),
    )


def _refusal(api: ClusterApi, manifest: Manifest) -> str | None:
    try:
        # By force, as the provider does it: what others changed in an object of ours is drift, and preview shows it.
        api.apply(manifest, OBJECT_MANAGER, dry_run=True, force=True)
    except RefusedError as refused:
        return str(refused)
    return None
