"""A stack's resources as a graph: traffic from the internet to Immich, photos from iCloud to Immich. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from components.ownership import ADOPTED_MARK
from ops.diagram.graph import Edge, Graph, Group, Node, Shape, Whose
from ops.diagram.resources import Resource
from text.resource_types import WORKLOADS

_THEIRS = "(not managed here)"
_CLOUDFLARE = Group("cloudflare", "Cloudflare", Whose.OTHERS)
_ID_DIGITS = 8  # of a tunnel's id: enough to tell it from others


def flow(resources: Sequence[Resource]) -> Graph:
    """Draw up the graph of a stack that is deployed."""
    stack = _Stack(resources)
    service = _in_namespace(stack.namespace, "service", ("Service", f"{stack.service}:{stack.port}", _THEIRS))
    immich = _deployment(stack)
    outside, inside = _outside(stack), list(_inside(stack))
    way = [*outside, *([] if stack.leads_past_the_route else inside), service, immich]
    photos, photos_edges = _photos(stack, immich)
    nodes = (*outside, *inside, service, immich, *photos)
    edges = dict.fromkeys(Edge(a.id, b.id) for a, b in (*pairwise(way), *pairwise([*inside, service])))
    groups = dict.fromkeys(node.group for node in nodes if node.group)
    return Graph(nodes, (*edges, *photos_edges), tuple(stack.group(name) for name in groups))


class _Stack:
    """The resources, to be looked up."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._resources = resources
        outputs = next(one.outputs for one in resources if one.type == "pulumi:pulumi:Stack")
        self.host = urlsplit(outputs["immich_url"]).hostname or ""
        self.internal_url = str(outputs["internal_url"])
        self.mounted_into = str(outputs["mounted_into"]).partition(",")[0]
        self.mounted_at = PurePosixPath(outputs["library_path"]).parent
        self.service, self.namespace, self.port = _backend(self.internal_url)

    def all(self, kind: str) -> list[Resource]:
        return [one for one in self._resources if one.kind == kind]

    def one(self, kind: str, name: str = "") -> Resource | None:
        """Find the one of a kind; of several, by its name in the program."""
        return next((one for one in self.all(kind) if not name or one.name == name), None)

    def entries(self, kind: str, name: str = "") -> Mapping[str, Any] | None:
        """Find this stack's entries in an object that it does not manage."""
        fragments = (one.inputs["fragment"] for one in self.all("Fragment"))
        return next((f for f in fragments if f["kind"] == kind and name in {"", f["metadata"]["name"]}), None)

    @property
    def origin(self) -> str:
        """Where a tunnel leads, as a URL; empty without one."""
        if rules := self.one("TunnelRules"):
            return next((str(rule["service"]) for rule in rules.inputs["rules"]), "")  # none: this stack's was removed
        if rule := self.one("TunnelFileRule"):
            return str(json.loads(rule.inputs["rule"])["service"])
        if own := self.one("ZeroTrustTunnelCloudflaredConfig"):
            return str(own.inputs["config"]["ingresses"][0]["service"])
        return ""

    @property
    def leads_past_the_route(self) -> bool:
        """Whether a tunnel leads to Immich's Service itself."""
        return urlsplit(self.origin).netloc == urlsplit(self.internal_url).netloc

    def group(self, name: str) -> Group:
        namespace = name.removeprefix("namespace ")
        if name == _CLOUDFLARE.id:
            return _CLOUDFLARE
        if any(one.inputs["metadata"]["name"] == namespace for one in self.all("Namespace")):
            return Group(name, name, Whose.OURS)
        if self.entries("Namespace", namespace):
            return Group(name, f"{name} (patched: labels)", Whose.HELD)
        return Group(name, f"{name} {_THEIRS}", Whose.OTHERS)


def _outside(stack: _Stack) -> list[Node]:
    """From the internet to the cluster's door."""
    internet = Node("internet", ("Internet",), Whose.OTHERS, "internet", shape=Shape.CLOUD)
    record = stack.one("DnsRecord") or stack.one("AdoptedRecord")
    application, tunnel = stack.one("ZeroTrustAccessApplication"), [*_tunnel(stack)]
    if record is None:
        return [internet, Node("way", ("published by other means", stack.host), Whose.OTHERS, "record"), *tunnel]
    name = (f"DNS record {record.inputs['type']}", record.inputs["name"])
    found = [internet, Node("record", name, Whose.OURS, "record", _CLOUDFLARE.id)]
    if application:
        found.append(Node("access", ("Access", application.inputs["name"]), Whose.OURS, "access", _CLOUDFLARE.id))
    target = Node("target", (record.inputs["content"], _THEIRS), Whose.OTHERS, "target")
    return [*found, *(tunnel or [target])]


def _tunnel(stack: _Stack) -> Iterator[Node]:
    if rules := stack.one("TunnelRules") or stack.one("TunnelFileRule"):
        name = f"Tunnel {rules.inputs['tunnel_id'][:_ID_DIGITS]}..."
        yield Node("tunnel", (name, "(shared, with this stack's rule)"), Whose.HELD, "tunnel", _CLOUDFLARE.id)
    if own := stack.one("ZeroTrustTunnelCloudflared"):
        yield Node("tunnel", (f"Tunnel {own.inputs['name']}",), Whose.OURS, "tunnel", _CLOUDFLARE.id)
    if connector := stack.one("Deployment"):
        yield _of(connector, "connector")


def _inside(stack: _Stack) -> Iterator[Node]:
    """From the cluster's door to Immich's Service."""
    at, namespace = ("", "") if stack.leads_past_the_route or not stack.origin else _door(stack.origin)
    if ingress := stack.one("Ingress"):
        lines = ("ingress controller", at or f"of class {ingress.inputs['spec']['ingressClassName']}", _THEIRS)
        controller = Node("controller", lines, Whose.OTHERS, "controller")
        yield _in_namespace(namespace, "controller", lines) if namespace else controller
        yield _of(ingress, "route")
    elif route := stack.one("HTTPRoute"):
        (gateway,) = route.inputs["spec"]["parentRefs"]
        named = (f"Gateway {gateway['name']}", *([at] if at else []), _THEIRS)
        yield _in_namespace(gateway["namespace"], "controller", named)
        yield _of(route, "route")


def _deployment(stack: _Stack) -> Node:
    fragments = [
        *(one.inputs["fragment"] for one in stack.all("Fragment")),
        *(fragment for one in stack.all("MountAtAdmission") for fragment in one.inputs["fragments"]),
    ]
    held = [one for one in fragments if one["kind"] in WORKLOADS]
    if held:
        named = [line for one in held for line in (one["kind"], one["metadata"]["name"])]
        lines = (*named, "(patched: volume, mount, startup check)")
        return _in_namespace(held[0]["metadata"]["namespace"], "deployment", lines, Whose.HELD)
    by_chart = (stack.mounted_into, "(not managed here; the chart has the mount)")
    return _in_namespace(stack.namespace, "deployment", by_chart)


def _photos(stack: _Stack, immich: Node) -> tuple[list[Node], list[Edge]]:
    """From iCloud onto the disk, and from there to Immich and its libraries."""
    icloud = Node("icloud", ("iCloud",), Whose.OTHERS, "icloud", shape=Shape.CLOUD)
    syncs = [_of(one, "cron_job", one.inputs["spec"]["schedule"]) for one in stack.all("CronJob")]
    stored = [
        _of(one, part)
        for part, name in (("claim", "photos-claim"), ("volume", "photos-volume"))
        if (one := stack.one(_kind(name), name))
    ]
    disk = _disk(stack)
    maker = [_of(one, "directory_job") for one in stack.all("Job")]
    read = [
        _of(one, part)
        for part, name in (("immich_volume", "immich-photos-volume"), ("immich_claim", "immich-photos-claim"))
        if (one := stack.one(_kind(name), name))
    ]
    shown = list(_shown(stack))
    nodes = [*([icloud] if syncs else []), *syncs, *maker, *stored, disk, *read, *shown]
    mounted = [disk, *read, immich]
    edges = [
        *(Edge(a.id, b.id) for sync in syncs for a, b in pairwise([icloud, sync, *(stored[:1] or [disk])])),
        *(Edge(a.id, b.id) for a, b in pairwise([*stored, disk])),
        *(Edge(job.id, disk.id, "makes and marks") for job in maker),
        *(Edge(a.id, b.id) for a, b in pairwise(mounted[:-1])),
        Edge(mounted[-2].id, immich.id, f"read-only at {stack.mounted_at}"),
        *(Edge(immich.id, library.id) for library in shown),
    ]
    return nodes, edges


def _kind(name: str) -> str:
    return "PersistentVolume" if name.endswith("-volume") else "PersistentVolumeClaim"


def _disk(stack: _Stack) -> Node:
    lines = tuple(_place(stack))
    whose = Whose.OTHERS if _THEIRS in lines else Whose.OURS
    return Node("disk", ("photos", *lines), whose, "disk", shape=Shape.DISK)


def _place(stack: _Stack) -> Iterator[str]:
    volume = stack.one("PersistentVolume", "photos-volume")
    spec: Mapping[str, Any] = volume.inputs["spec"] if volume else {}
    match spec:
        case {"nfs": source}:
            yield from (f"{source['server']}:{source['path']}", _THEIRS)
        case {"csi": source}:
            yield from (source["driver"], source["volumeHandle"], _THEIRS)
        case {"hostPath": source} | {"local": source}:
            (term,) = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
            yield from (source["path"], f"on {', '.join(term['matchExpressions'][0]['values'])}")


def _shown(stack: _Stack) -> Iterator[Node]:
    """What this stack has in Immich itself."""
    for library in stack.all("Library"):
        wanted = library.inputs
        of = [f"of {wanted['owner']}"] if wanted["owner"] else []
        lines = (f"library {wanted['name']}", *of, *wanted["import_paths"])
        backend = json.loads(wanted["server"])
        yield _in_namespace(backend["namespace"], "library", lines, Whose.OURS, f"library {wanted['owner']}".strip())
    if stated := stack.one("Settings"):
        schedule, watch = stated.inputs.get("scan_schedule"), stated.inputs.get("watch")
        lines = (
            "settings of all libraries",
            *([f"scanned at {schedule}"] if schedule else []),
            *([f"{'watched' if watch else 'not watched'} between scans"] if watch is not None else []),
            "(Immich's, with this stack's values)",
        )
        yield _in_namespace(json.loads(stated.inputs["server"])["namespace"], "settings", lines, Whose.HELD)


def _of(resource: Resource, part: str, *more: str) -> Node:
    """Draw an object of the cluster that is fully managed by this stack."""
    metadata = resource.inputs["metadata"]
    adopted = metadata.get("annotations", {}).get(ADOPTED_MARK) == "true"
    lines = (resource.kind, metadata["name"], *more, *(["(adopted)"] if adopted else []))
    id_ = f"{part} {metadata['name']}" if part == "cron_job" else part
    if namespace := metadata.get("namespace"):
        return _in_namespace(namespace, part, lines, Whose.OURS, id_)
    return Node(id_, lines, Whose.OURS, part)


def _in_namespace(
    namespace: str, part: str, lines: tuple[str, ...], whose: Whose = Whose.OTHERS, id_: str = ""
) -> Node:
    return Node(id_ or part, lines, whose, part, f"namespace {namespace}")


def _door(url: str) -> tuple[str, str]:
    """Name what a tunnel leads to, and its namespace; of what is no Service of the cluster, the address alone."""
    parts = urlsplit(url)
    if ".svc." not in str(parts.hostname):
        return parts.netloc, ""
    service, namespace, port = _backend(url)
    return f"{service}:{port}", namespace


def _backend(url: str) -> tuple[str, str, int]:
    """Name a Service, its namespace and its port by the URL at which pods reach it."""
    parts = urlsplit(url)
    service, namespace = str(parts.hostname).split(".")[:2]
    return service, namespace, parts.port or 80
