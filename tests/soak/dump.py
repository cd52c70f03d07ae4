"""The whole world of a rehearsal as data: cluster, Cloudflare, Immich and the node's disk.

Two dumps are equal where the worlds are: what differs in every rehearsal, or with every write, is left out or alike.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.client import ApiClient

from components.photo_disk import MARK, RECORD
from lab.cluster import connect

OWNER = "immich-icloud/stack"
_ID = re.compile(r"^id: (\S+)$", re.MULTILINE)
# What the cluster's own controllers make of what is stated, or only tell of it.
_DERIVED = {
    "APIService", "ComponentStatus", "ControllerRevision", "CSINode", "Endpoints", "EndpointSlice", "Event",
    "FlowSchema", "IPAddress", "Lease", "Node", "Pod", "PriorityLevelConfiguration", "ReplicaSet",
}  # fmt: skip
# Whether one of them has written to an object already is a matter of moments.
_CONTROLLERS = {"kube-controller-manager", "kube-scheduler", "local-path-provisioner"}
_VOLATILE = {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences"}
_REVISION = "deployment.kubernetes.io/revision"
# Drawn again in each rehearsal: ids, times, ports of loopback, what an authority or a token is.
_DRAWN = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "<id>"),
    (re.compile(r"\b1-[0-9a-f]{16}\b"), "<disk>"),
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|\+00:00)"), "<time>"),
    (re.compile(r"\b10\.(9[6-9]|10\d|11[01])\.\d+\.\d+\b"), "<address>"),
    (re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL), "<certificate>"),
)


@dataclass(frozen=True)
class Dump:
    """What is there, each by its place; by ids what no command may replace: objects of others, the disk's mark.

    `disk_ids` is the photo disk's id in each place that has it: the marker files and both ConfigMaps.
    """

    things: Mapping[str, Any]
    kept: Mapping[str, str]
    disk_ids: Mapping[str, str]

    def differences(self, other: "Dump") -> list[str]:
        """Say what `other` has beside this one, lacks, or has otherwise."""
        return list(_differences(self.things, other.things, ""))

    def replaced(self, other: "Dump") -> list[str]:
        """Name what may not be replaced, and in `other` is gone or is another one of that name."""
        return [name for name, uid in self.kept.items() if other.kept.get(name) != uid]

    def is_in_own_namespace(self, name: str) -> bool:
        """Whether something is in a namespace of the stack, with which it goes."""
        _, _, place = name.partition(" ")
        namespace = self.things.get(f"Namespace /{place.partition('/')[0]}", {})
        return OWNER in namespace.get("metadata", {}).get("annotations", {})

    def disagreements(self) -> list[str]:
        """Name every place of the disk's id, unless all of them have the same one."""
        agree = len(set(self.disk_ids.values())) <= 1
        return [] if agree else [f"{place}: id {id_ or 'missing'}" for place, id_ in self.disk_ids.items()]


def dump(home: Path) -> Dump:
    """Look at all of the rehearsal in `home`, whose control plane runs."""
    things: dict[str, Any] = {}
    kept: dict[str, str] = {}
    ids: dict[str, str] = {}
    with connect(home / "kubeconfig") as api:
        for live in _objects(api):
            metadata = live["metadata"]
            name = f"{live['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
            if name != "Service default/kubernetes":  # it names the port of this control plane
                things[name] = _alike(_stated(live))
            if OWNER not in metadata.get("annotations", {}):
                kept[name] = metadata["uid"]
            if metadata["name"] == RECORD:
                ids[name] = live.get("data", {}).get("id", "")
                if marked := live.get("data", {}).get("marked"):
                    kept[f"{name} marked"] = ids[f"{name} marked"] = marked
    for part in ("cloudflare", "immich"):
        world = json.loads((home / part / "world.json").read_text())
        things |= {f"{part} {key}": _alike(value) for key, value in world.items() if key not in {"mounts", "queue"}}
    disk = home / "disk" / "var" / "mnt"
    things |= {f"disk {path.relative_to(disk)}": _alike(_content(path)) for path in sorted(disk.rglob("*"))}
    for marker in sorted(disk.rglob(MARK)):
        ids[f"disk {marker.relative_to(disk)}"] = "".join(_ID.findall(marker.read_text()))
    return Dump(things, kept, ids)


def _objects(api: ApiClient) -> Iterator[dict[str, Any]]:
    groups = [
        "/api/v1",
        *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in _get(api, "/apis")["groups"]),
    ]
    for root in groups:
        for kind in _get(api, root)["resources"]:
            if "list" in kind["verbs"] and "/" not in kind["name"] and kind["kind"] not in _DERIVED:
                live = ({**item, "kind": kind["kind"]} for item in _get(api, f"{root}/{kind['name']}")["items"])
                yield from (one for one in live if not goes_by_itself(one))


def goes_by_itself(live: dict[str, Any]) -> bool:
    """Whether the cluster removes an object soon: the Job of a command that was killed (clients/jobs.py)."""
    return live["kind"] == "Job" and "ttlSecondsAfterFinished" in live["spec"]


def _get(api: ApiClient, path: str) -> Any:
    answer = api.call_api(
        path, "GET", auth_settings=["BearerToken"], _preload_content=False, _return_http_data_only=True
    )
    return json.loads(answer.data)


def _stated(live: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in live["metadata"].items() if key not in _VOLATILE}
    managers = sorted({entry["manager"] for entry in live["metadata"].get("managedFields", ())} - _CONTROLLERS)
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if key != _REVISION}
    rest = {key: value for key, value in live.items() if key not in {"metadata", "status"}}
    if "claimRef" in rest.get("spec", {}):
        rest["spec"] = {**rest["spec"], "claimRef": rest["spec"]["claimRef"]["name"]}
    return {**rest, "metadata": {**metadata, "annotations": annotations, "managers": managers}}


def _content(path: Path) -> Any:
    stat = path.lstat()
    return {
        "mode": oct(stat.st_mode),
        "owner": [stat.st_uid, stat.st_gid],
        "is": path.read_text() if path.is_file() else "",
    }


def _alike(value: Any) -> Any:
    """Replace what is drawn; things that are kept by their id become a list, so that each of them counts."""
    if isinstance(value, dict):
        parts = {_text(key): _alike(inner) for key, inner in value.items()}
        if len(parts) < len(value) or any(key.startswith("<") for key in parts):
            return sorted((_alike(inner) for inner in value.values()), key=json.dumps)
        return {key: inner for key, inner in parts.items() if key != "version" or not isinstance(inner, int)}
    if isinstance(value, list):
        return [_alike(inner) for inner in value]
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    for drawn, name in _DRAWN:
        text = drawn.sub(name, text)
    return text


def _differences(one: Any, other: Any, place: str) -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted(one.keys() | other.keys()):
            if key not in other:
                yield f"{place}{key}: lost"
            elif key not in one:
                yield f"{place}{key}: one more"
            else:
                yield from _differences(one[key], other[key], f"{place}{key} ")
    elif one != other:
        yield f"{place}: {one!r} became {other!r}"
