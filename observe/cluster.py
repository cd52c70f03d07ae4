"""What the live cluster holds, as far as the stack is concerned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from clients.kubernetes import ClusterApi, Manifest, Ref
from clients.nodes import host_name
from components import directory, immich_server, monitoring, mount_admission, mount_policy
from components.names import names
from observe import cluster_domain, placement, routes, space
from observe.existing import ExistingSeen, read_existing
from observe.lists import Lists
from observe.placement import Placement
from observe.routes import RoutesSeen
from observe.space import Space
from settings import Settings
from settings.cloudflare import OwnTunnel, Tunnelled
from settings.storage import Existing
from text.resource_types import WORKLOADS


@dataclass(frozen=True)
class ClusterSeen:
    """The cluster as read; nothing in it was changed. None of a list is unknown: it may not be read.

    Attributes:
        namespace: Immich's namespace; None when it does not exist.
        workloads: the Deployments, StatefulSets and DaemonSets in it.
        services: the Services in it.
        photo_sync: the photo-sync namespace.
        directory_job: the Job of the directory Job's plain name.
        live: the objects that the stack deploys whole, as they are; one that does not exist is left out.
        ingresses: all Ingresses of the cluster.
        routes: routes of other kinds, and what would serve the stack's own.
        nodes: names of the nodes, by their host name label.
        storage_classes: the StorageClasses.
        volume_classes: classes of the PersistentVolumes, which need no StorageClass.
        placement: what ties pods to nodes.
        space: the room for photos.
        origin: the Service that a tunnel leads to; None when it does not exist.
        origin_address_of: of a tunnel of our own that leads to a URL, the Service that has its address; else None.
        origin_on_host: whether its pods use their node's network, where no NetworkPolicy knows them by their labels.
        policies: whether the API server has admission policies that deny.
        mutating: whether it has some that change.
        alerts: whether it has the Prometheus operator's rules; asked only where some are stated.
        existing: a claim that is there; None for a stack that creates its own.
        forbidden: what may not be read, in the API server's words, which name the permission.

    """

    namespace: Manifest | None
    workloads: tuple[Manifest, ...]
    services: tuple[Manifest, ...]
    photo_sync: Manifest | None
    directory_job: Manifest | None
    live: Mapping[Ref, Manifest] = field(default_factory=dict)
    ingresses: tuple[Manifest, ...] | None = ()
    routes: RoutesSeen = field(default_factory=RoutesSeen)
    nodes: tuple[str, ...] | None = ()
    storage_classes: tuple[Manifest, ...] | None = ()
    volume_classes: frozenset[str] | None = frozenset()
    placement: Placement = field(default_factory=Placement)
    space: Space = field(default_factory=Space)
    origin: Manifest | None = None
    origin_address_of: Manifest | None = None
    origin_on_host: bool = False
    policies: bool = True
    existing: ExistingSeen | None = None
    mutating: bool = False
    alerts: bool = True
    forbidden: tuple[str, ...] = ()

    def workload(self, ref: Ref) -> Manifest | None:
        """Find one of the workloads."""
        return next((one for one in self.workloads if Ref.of(one) == ref), None)


def read_cluster(
    api: ClusterApi, settings: Settings, lists: Lists | None = None, *, secrets: bool = True
) -> ClusterSeen:
    """Read it, with what others of the same look have listed; without `secrets`, no Secret.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read what nothing goes without.

    """
    immich, sync = settings.immich, settings.photo_sync.namespace
    forbidden: list[str] = []

    lists = lists or Lists(api)

    def listed(kind: Ref) -> list[Manifest] | None:
        return lists.of(kind, forbidden)

    syncing = bool(settings.photo_sync.accounts)
    nodes = listed(Ref("v1", "Node", ""))
    pods = listed(Ref("v1", "Pod", "", sync))
    classes = listed(Ref("storage.k8s.io/v1", "StorageClass", "")) if syncing else []
    volumes = listed(Ref("v1", "PersistentVolume", ""))
    ingresses = listed(Ref("networking.k8s.io/v1", "Ingress", ""))
    live = _live(api, settings, listed(Ref("batch/v1", "Job", "", sync)), secrets=secrets)
    leads_to = origin_of(settings) if isinstance(settings.cloudflare, Tunnelled) else None
    origin = api.get(leads_to) if leads_to else None
    existing = read_existing(api, settings)
    host = urlsplit(settings.origin.url or "").hostname if isinstance(settings.cloudflare, OwnTunnel) else None
    found = Ref("v1", "Namespace", sync)
    return ClusterSeen(
        namespace=api.get(Ref("v1", "Namespace", immich.namespace)),
        workloads=workloads(api, immich.namespace),
        services=tuple(api.list(Ref("v1", "Service", "", immich.namespace))),
        photo_sync=api.get(found) if isinstance(settings.storage, Existing) else live.get(found),
        directory_job=live.get(Ref("batch/v1", "Job", directory.JOB, sync)),
        live=live,
        ingresses=None if ingresses is None else tuple(ingresses),
        routes=routes.read_routes(api, settings, listed, secrets=secrets),
        nodes=None if nodes is None else tuple(map(host_name, nodes)),
        storage_classes=None if classes is None else tuple(classes),
        volume_classes=None if volumes is None else frozenset(map(_class, volumes)),
        placement=placement.read_placement(settings, nodes or (), volumes, listed, existing),
        space=space.read_space(api, settings, nodes or (), pods or ()),
        origin=origin,
        origin_address_of=_having(host, listed(Ref("v1", "Service", "")) or ()) if host else None,
        origin_on_host=isinstance(settings.cloudflare, OwnTunnel) and _on_host(api, origin),
        policies=api.serves(mount_policy.API, mount_policy.KIND),
        existing=existing,
        mutating=api.serves(mount_policy.API, mount_admission.KIND),
        alerts=settings.monitoring is None or api.serves(monitoring.API, monitoring.KIND),
        forbidden=tuple(forbidden),
    )


def workloads(api: ClusterApi, namespace: str) -> tuple[Manifest, ...]:
    """List all that may run Immich's server.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read.

    """
    return tuple(one for kind in WORKLOADS for one in api.list(Ref("apps/v1", kind, "", namespace)))


def resolve(api: ClusterApi, settings: Settings) -> Settings:
    """Fill in Immich's Service and its port, and the cluster's domain, where the settings leave them out.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read.

    """
    immich, cluster = settings.immich, settings.cluster
    if not cluster.domain:
        cluster = cluster.model_copy(update={"domain": cluster_domain.read_domain(api)})
    if not (immich.service.name and immich.service.port):
        services = api.list(Ref("v1", "Service", "", immich.namespace))
        service = immich_server.service(immich, workloads(api, immich.namespace), services)
        immich = immich.model_copy(update={"service": service})
    return settings.model_copy(update={"immich": immich, "cluster": cluster})


def origin_of(settings: Settings) -> Ref | None:
    """Name the Service that a tunnel leads to; None for a URL."""
    backend = settings.origin_service
    return Ref("v1", "Service", backend.service, backend.namespace) if backend else None


def _live(
    api: ClusterApi, settings: Settings, jobs: Iterable[Manifest] | None, *, secrets: bool
) -> dict[Ref, Manifest]:
    """Read what has the names of this stack's objects, and all Jobs that are named like the directory Job."""
    plain = Ref("batch/v1", "Job", directory.JOB, settings.photo_sync.namespace)
    named = (job for job in jobs or () if job["metadata"]["name"].startswith(directory.JOB))
    found = {Ref.of(job): job for job in named}
    for ref in (*names(settings), *((plain,) if jobs is None else ())):
        if (secrets or ref.kind != "Secret") and (live := api.get(ref)):
            found[ref] = live
    return found


def _on_host(api: ClusterApi, service: Manifest | None) -> bool:
    selector = service["spec"].get("selector") if service else None
    if service is None or not selector:
        return False
    labels = ",".join(f"{key}={value}" for key, value in selector.items())
    pods = api.list(Ref("v1", "Pod", "", service["metadata"]["namespace"]), labelSelector=labels)
    return any(pod["spec"].get("hostNetwork") for pod in pods)


def _having(address: str, services: Iterable[Manifest]) -> Manifest | None:
    """Find the Service that an address or a load balancer's name leads to."""
    return next((one for one in services if address in _addresses(one)), None)


def _addresses(service: Manifest) -> set[str]:
    spec, balancers = service["spec"], service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    balanced = {one.get(name, "") for one in balancers for name in ("ip", "hostname")}
    return {spec.get("clusterIP", ""), *(spec.get("clusterIPs") or []), *(spec.get("externalIPs") or []), *balanced}


def _class(volume: Manifest) -> str:
    return str(volume["spec"].get("storageClassName", ""))
