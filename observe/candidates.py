"""What a cluster offers to a stack that has no file yet: read by its context alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from clients.kubernetes import ClusterApi, Manifest, Ref
from clients.nodes import host_name
from clients.volumes import claim_names, is_default
from components import immich_server
from observe.lists import Lists
from observe.local_tunnel import OF_GATEWAY, FoundConnector, connector
from observe.route_kinds import GATEWAY_API, served
from settings.model import Backend
from text.owner_marks import INSTANCE
from text.resource_types import WORKLOADS

_INGRESS = ("networking.k8s.io/v1", "Ingress")
_SEVERAL = "ReadWriteMany"
_HTTP = 80


@dataclass(frozen=True)
class Candidates:
    """What the questions of `make new` offer. What may not be read is left out.

    Attributes:
        immich: the workloads that run Immich's server.
        nodes: host names of the nodes, those that run Immich first.
        claims: the claims that several pods can mount and none does.
        storage_classes: the StorageClasses, the default one first.
        default_class: whether there is a default one.
        ingress_classes: the IngressClasses.
        gateways: the Gateways.
        namespaces: the Namespaces, by whose labels a Gateway may admit routes.
        pods: the pods, among them those of an IngressClass's controller; None: unknown.
        routes: Ingresses and routes of other kinds.
        services: the Services.
        connectors: the workloads that run cloudflared with a configuration file.
        forbidden: what may not be read, as the API server words it.

    """

    immich: tuple[Manifest, ...] = ()
    nodes: tuple[str, ...] = ()
    claims: tuple[Ref, ...] = ()
    storage_classes: tuple[str, ...] = ()
    default_class: bool = False
    ingress_classes: tuple[Manifest, ...] = ()
    gateways: tuple[Manifest, ...] = ()
    namespaces: tuple[Manifest, ...] = ()
    pods: tuple[Manifest, ...] | None = None
    routes: tuple[Manifest, ...] = ()
    services: tuple[Manifest, ...] = ()
    connectors: tuple[FoundConnector, ...] = ()
    forbidden: tuple[str, ...] = ()

    def serving(self, labels: Iterable[tuple[str, str]]) -> Backend | None:
        """Find the one Service that has one of the labels and a port for HTTP; None where that is unclear."""
        wanted = set(labels)
        found = [
            Ref.of(one)
            for one in self.services
            if wanted & set((one["metadata"].get("labels") or {}).items()) and _HTTP in immich_server.ports(one)
        ]
        return Backend(found[0].namespace or "", found[0].name, _HTTP) if len(found) == 1 else None

    def of_ingress_class(self, name: str) -> Backend | None:
        """Find the Service of an IngressClass's controller."""
        labels = [
            one["metadata"].get("labels") or {} for one in self.ingress_classes if one["metadata"]["name"] == name
        ]
        return self.serving((INSTANCE, one[INSTANCE]) for one in labels if INSTANCE in one)

    def of_gateway(self, name: str) -> Backend | None:
        """Find the Service of a Gateway."""
        return self.serving((label, name) for label in OF_GATEWAY)


def read_candidates(api: ClusterApi) -> Candidates:
    """Read it.

    Raises:
        ClusterError: when the API server can't be reached.

    """
    lists, forbidden = Lists(api), list[str]()

    def readable(version: str, kind: str) -> list[Manifest] | None:
        there = version in {"v1", "apps/v1"} or api.serves(version, kind)
        return lists.of(Ref(version, kind, ""), forbidden) if there else []

    def listed(version: str, kind: str) -> list[Manifest]:
        return readable(version, kind) or []

    workloads = [one for kind in WORKLOADS for one in listed("apps/v1", kind)]
    immich = [one for one in workloads if any(map(immich_server.runs_server, immich_server.containers(one)))]
    running, classes = readable("v1", "Pod"), listed("storage.k8s.io/v1", "StorageClass")
    pods = running or []
    mounted = {place for one in (*workloads, *pods) for place in _mounted(one)}
    shared = [
        one for one in listed("v1", "PersistentVolumeClaim") if _SEVERAL in (one["spec"].get("accessModes") or [])
    ]
    return Candidates(
        immich=tuple(immich),
        nodes=tuple(_nodes(listed("v1", "Node"), pods)),
        claims=tuple(ref for ref in map(Ref.of, shared) if (ref.namespace, ref.name) not in mounted),
        storage_classes=tuple(one["metadata"]["name"] for one in sorted(classes, key=lambda one: not is_default(one))),
        default_class=any(map(is_default, classes)),
        ingress_classes=tuple(listed("networking.k8s.io/v1", "IngressClass")),
        gateways=tuple(listed(GATEWAY_API, "Gateway")),
        namespaces=tuple(listed("v1", "Namespace")),
        pods=None if running is None else tuple(running),
        routes=tuple(one for version, kind in (_INGRESS, *served(api)) for one in listed(version, kind)),
        services=tuple(listed("v1", "Service")),
        connectors=tuple(filter(None, (connector(api, one) for one in workloads))),
        forbidden=tuple(forbidden),
    )


def _nodes(nodes: Iterable[Manifest], pods: Iterable[Manifest]) -> list[str]:
    """Name the nodes as a volume does, those that run Immich first."""
    with_immich = {
        pod["spec"].get("nodeName") for pod in pods if any(map(immich_server.runs_server, pod["spec"]["containers"]))
    }
    return [host_name(one) for one in sorted(nodes, key=lambda one: one["metadata"]["name"] not in with_immich)]


def _mounted(workload: Manifest) -> set[tuple[str, str]]:
    spec, metadata = workload["spec"], workload["metadata"]
    pod = spec.get("template", {}).get("spec") or spec
    return {(metadata.get("namespace", ""), name) for name in claim_names(pod)}
