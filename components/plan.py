"""Everything that the stack will state in the cluster: pure, from the settings and from what was found there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from clients.kubernetes import Manifest, Ref
from components import connector as tunnel
from components import (
    directory,
    external_library,
    immich_mount,
    kept,
    monitoring,
    mount_admission,
    mount_policy,
    photo_sync,
    pod_security,
    route,
    sign_in_page,
    storage,
)
from components.connector import Connector, Origin
from components.external_library import Libraries
from components.immich_server import Server
from components.next_steps import next_steps, tunnel_steps
from components.outputs import Outputs
from components.ownership import Ownership
from components.photo_sync import Sync
from components.pod_security import FoundLevels
from components.public_access import FoundAtCloudflare, PublicAccess, public_access
from settings import Settings
from settings.cloudflare import OwnTunnel


@dataclass(frozen=True)
class Found:
    """What the cluster holds already, as far as it shapes the plan.

    Attributes:
        servers: the workloads that run Immich's server, at least one.
        job_by_hand: whether a directory Job that is not ours has the name that ours would get.
        immich_levels: PodSecurity levels of Immich's namespace.
        photo_sync_levels: those of the photo-sync namespace, where it exists already.
        cloudflare: what Cloudflare holds; None for a stack that states nothing there.
        origin: the Service that a tunnel of our own leads to; None for any other stack.
        synced: the accounts whose photos have been fetched at least once.
        resolves: whether the host's name leads anywhere; looked up only where this stack makes no record of it.
        mounted: whether Immich has the mount, whoever states it.
        policies: whether the API server has admission policies.
        kept: the volumes and claims that keep their own values, as they are, or as the state knows those that are gone.
        node: the node that pods with a claim that is there have to run on, by its host name; empty where any will do.
        guarded: whether a policy may keep Immich from starting without the mount; where Immich's chart states that,
            only once it does.

    """

    servers: tuple[Server, ...]
    job_by_hand: bool = False
    immich_levels: FoundLevels = field(default_factory=FoundLevels)
    photo_sync_levels: FoundLevels = field(default_factory=FoundLevels)
    cloudflare: FoundAtCloudflare | None = None
    origin: Origin | None = None
    synced: frozenset[str] = frozenset()
    resolves: bool = True
    mounted: bool = True
    policies: bool = True
    guarded: bool = True
    kept: Mapping[Ref, Manifest] = field(default_factory=dict)
    node: str = ""


@dataclass(frozen=True)
class ManagedObject:
    """An object that this stack manages fully.

    Attributes:
        manifest: the object.
        setting: the setting that names it; empty when none does.
        adoptable: whether one that was made by hand may be adopted.

    """

    manifest: Manifest
    setting: str
    adoptable: bool = True

    @property
    def ref(self) -> Ref:
        """The object."""
        return Ref.of(self.manifest)


@dataclass(frozen=True)
class Plan:
    """The stack's manifests. `photo_sync` is a managed object, or entries where the namespace was found.

    Then `photo_sync_is_found`. `mounts` are the entries of Immich's workloads: this stack states them there, or
    `mount_admission` adds them to each pod; unless `states_mount`, Immich's chart states them and they are checked.
    `mutated` are objects of which the cluster's admission makes something else, as they are.
    """

    ownership: Ownership
    photo_sync: ManagedObject
    photo_sync_entries: Manifest | None
    photo_sync_is_found: bool
    directory_job: ManagedObject
    directory_record: ManagedObject
    directory_policy: ManagedObject
    disk_identity: tuple[Manifest, Manifest]
    volume: ManagedObject | None
    claim: ManagedObject | None
    immich_volume: ManagedObject | None
    immich_claim: ManagedObject | None
    immich_entries: Manifest | None
    mounts: tuple[Manifest, ...]
    states_mount: bool
    mount_admission: tuple[ManagedObject, ManagedObject] | None
    mount_policy: tuple[ManagedObject, ManagedObject] | None
    sync: Sync | None
    libraries: Libraries | None
    route: ManagedObject | None
    connector: Connector | None
    public_access: PublicAccess | None
    monitored: Mapping[str, Manifest]
    outputs: Outputs
    mutated: Mapping[Ref, Manifest] = field(default_factory=dict)

    def managed_objects(self) -> Iterator[ManagedObject]:
        """All objects that this stack manages fully, in the order in which they are made."""
        ours = None if self.claim is None else self.photo_sync  # the namespace of a claim that is there is its owner's
        candidates = (
            ours, self.directory_policy, self.directory_job, self.directory_record, self.volume, self.claim,
            self.immich_volume, self.immich_claim, self.route,
        )  # fmt: skip
        yield from (managed for managed in candidates if managed)
        yield from self.mount_admission or ()
        yield from self.mount_policy or ()
        if self.sync:  # what signs in to a person's account is never adopted
            yield from (
                ManagedObject(manifest, "photoSync.accounts", adoptable=False) for manifest in self.sync.manifests()
            )
        yield from (ManagedObject(manifest, "monitoring", adoptable=False) for manifest in self.monitored.values())
        if self.connector:
            # Its namespace may hold an unmanaged connector: nothing there is adopted.
            yield from (
                ManagedObject(manifest, "cloudflare.namespace", adoptable=False)
                for manifest in vars(self.connector).values()
                if manifest
            )

    def fragments(self) -> Iterator[Manifest]:
        """All entries of this stack in objects that it does not manage."""
        candidates = (
            self.photo_sync_entries if self.photo_sync_is_found else None,
            self.immich_entries,
            *(self.mounts if self.states_mount and not self.mount_admission else ()),
        )
        return (fragment for fragment in candidates if fragment)


def plan(settings: Settings, found: Found, ownership: Ownership) -> Plan:
    """Compute the plan."""
    sync, immich = settings.photo_sync.namespace, settings.immich
    folders = settings.photo_sync.import_folders
    pair = _kept(storage.written(settings.storage, sync, ownership), found, ownership)
    node = found.node or storage.node_to_name(settings.storage, pair[0] if pair else None)
    job = directory.job(
        settings.storage, folders, sync, ownership, node=node, beside_one_made_by_hand=found.job_by_hand
    )
    syncing = photo_sync.sync(settings, ownership, node)
    shown = external_library.libraries(settings, ownership, node)
    jobs = [job, *((shown.disk_check,) if shown else ())]
    pods = [*(each["spec"]["template"]["spec"] for each in jobs), *(syncing.pods() if syncing else ())]
    level = pod_security.least_strict([pod_security.needed(pod) for pod in pods])
    mounts = tuple(immich_mount.fragment(immich, settings.storage, server, ownership) for server in found.servers)
    immich_level = pod_security.needed(mounts[0]["spec"]["template"]["spec"] | {"containers": []})
    read_only = _kept(storage.read_by_immich(settings.storage, immich.namespace, ownership), found, ownership)
    our_namespace = ManagedObject(pod_security.namespace(sync, level, ownership), "photoSync.namespace")
    marks = ownership.adoption_marks() if pair else {}
    shared = sync == immich.namespace
    local = found.cloudflare.local if found.cloudflare and not found.cloudflare.file_rule else None
    requests = route.manifest(settings.route, settings.host, immich, ownership)
    return Plan(
        ownership=ownership,
        photo_sync=our_namespace,
        photo_sync_entries=None
        if shared
        else pod_security.namespace_entries(sync, level, found.photo_sync_levels, marks),
        photo_sync_is_found=pair is None or our_namespace.ref in ownership.adopted,
        directory_job=ManagedObject(job, ""),
        directory_record=ManagedObject(directory.record(sync, ownership), ""),
        directory_policy=ManagedObject(
            directory.network_policy(sync, ownership), "photoSync.namespace", adoptable=False
        ),
        disk_identity=directory.identity(sync, immich.namespace, ownership),
        volume=ManagedObject(pair[0], "storage.persistentVolume") if pair else None,
        claim=ManagedObject(pair[1], "storage.claim") if pair else None,
        immich_volume=ManagedObject(read_only[0], "storage.persistentVolume") if read_only else None,
        immich_claim=ManagedObject(read_only[1], "storage.claim") if read_only else None,
        immich_entries=pod_security.namespace_entries(
            immich.namespace,
            pod_security.least_strict([immich_level, *([level] if shared else [])]),
            found.immich_levels,
        ),
        mounts=mounts,
        states_mount=immich.mount.kind != "chart",
        mount_admission=_mount_admission(settings, found, mounts[0], ownership),
        mount_policy=_mount_policy(settings, found, mounts[0], ownership),
        sync=syncing,
        libraries=shown,
        route=ManagedObject(requests, "route.name") if requests else None,
        connector=tunnel.connector(settings.cloudflare, found.origin, ownership, sign_in_page.egress(settings))
        if isinstance(settings.cloudflare, OwnTunnel) and found.origin
        else None,
        public_access=public_access(settings, found.cloudflare, ownership) if found.cloudflare else None,
        monitored=monitoring.manifests(settings, ownership),
        outputs=Outputs(
            immich_url=f"https://{settings.host}",
            internal_url=immich.backend.url(settings.cluster.domain),
            namespaces={"immich": immich.namespace, "photo_sync": sync},
            claim=f"{sync}/{storage.written_claim(settings.storage)}",
            library_path=f"{immich.mount.path}/{folders[0]}",
            mounted_into="; ".join(f"{one.ref}, container {', '.join(one.containers)}" for one in found.servers),
            accounts=syncing.overview(immich.mount.path) if syncing else None,
            library_settings=shown.settings.stated if shown and shown.settings else None,
            route_kind=settings.cloudflare.kind,
            next_steps=[
                *next_steps(settings, ownership, found.synced, resolves=found.resolves, mounted=found.mounted),
                *(tunnel_steps(settings, ownership, local) if local else ()),
            ],
        ),
    )


def _kept(
    pair: tuple[Manifest, Manifest] | None, found: Found, ownership: Ownership
) -> tuple[Manifest, Manifest] | None:
    if pair is None:
        return None
    volume, claim = (kept.keeping(one, found.kept, adopted=Ref.of(one) in ownership.adopted) for one in pair)
    return volume, claim


def _mount_admission(
    settings: Settings, found: Found, mount: Manifest, ownership: Ownership
) -> tuple[ManagedObject, ManagedObject] | None:
    if settings.immich.mount.kind != "admission":
        return None
    made = mount_admission.manifests(settings.immich, found.servers, mount, ownership)
    policy, binding = (ManagedObject(one, "immich.mount", adoptable=False) for one in made)
    return policy, binding


def _mount_policy(
    settings: Settings, found: Found, mount: Manifest, ownership: Ownership
) -> tuple[ManagedObject, ManagedObject] | None:
    if not (found.policies and found.guarded):
        return None
    policy, binding = mount_policy.manifests(settings.immich, found.servers, mount, ownership)
    return ManagedObject(policy, "", adoptable=False), ManagedObject(binding, "", adoptable=False)
