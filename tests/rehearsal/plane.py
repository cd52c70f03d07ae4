"""A control plane with the homelab as found, for one module after another: restored for a third of a start."""

import json
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lab import processes, world
from lab.cluster import connect
from lab.control_plane import ControlPlane
from lab.errors import LabError
from lab.node.volumes import Disk
from lab.plugins.changes import Object
from lab.plugins.cluster import ApiError, Cluster
from lab.toolchain import Tools
from tests.soak.dump import DERIVED, alike, stated

# What of a rehearsal's home is the control plane's.
_KEPT: Final = {"control-plane", "disk", "kubeconfig", "logs", "node"}
# Its presence says that the world is in place.
_MEMORY: Final = "/api/v1/namespaces/kube-system/configmaps/rehearsal"
_AT_ONCE: Final = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
# A name has the template's hash, or what is in it changes by itself.
_KNOWN_BY_NAME: Final = {"ControllerRevision", "Lease", "ReplicaSet"}
_LOOKED_AT: Final = _KNOWN_BY_NAME | {"Pod"}
_ITS_OWN: Final = {"uid", "resourceVersion", "managedFields"}
# Of what is written back, controllers leave something in their turn.
_ROUNDS: Final = 4
_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.2


class Plane:
    """A control plane in a project directory."""

    def __init__(self, project: Path, tools: Tools) -> None:
        self.project, self.home = project, project / ".lab"
        self._plane = ControlPlane(self.home, tools)
        self._plane.start()
        world.put(self._plane.kubeconfig, "found")
        with connect(self._plane.kubeconfig) as api:
            self._found = _look(Cluster(api))

    def restored(self) -> bool:
        """Remove or undo what a module has left, and say whether all is as found again."""
        processes.end(self.home, {one.name for one in processes.find(self.home)} - {*self._plane.programs})
        with suppress(ApiError, LabError, OSError):
            for file in self._left_files():
                shutil.rmtree(file) if file.is_dir() else file.unlink()
            Disk(self.home / "disk").lay_out()
            self._plane.start()
            with connect(self._plane.kubeconfig) as api:
                return any(self._is_as_found(Cluster(api)) for _ in range(_ROUNDS))
        return False

    def _left_files(self) -> Iterator[Path]:
        yield from (file for file in self.project.iterdir() if file != self.home)
        yield from (file for file in self.home.iterdir() if file.name not in _KEPT)
        yield from (self.home / "disk").iterdir()
        own = self._plane.programs
        yield from (file for file in (self.home / "logs").iterdir() if file.name.partition(".")[0] not in own)

    def _is_as_found(self, cluster: Cluster) -> bool:
        """Look, and where something is not, put it right for the next look."""
        now = _look(cluster)
        new = now.keys() - self._found.keys()
        different = {path for path, one in self._found.items() if _stated(now.get(path)) != _stated(one)}
        if new:
            _remove(cluster, new)
        for path in different & now.keys():
            _write_back(cluster, path, self._found[path])
        if different:
            cluster.request("DELETE", _MEMORY)
            world.put(self._plane.kubeconfig, "found")
        return not (new or different)

    def forget_world(self) -> None:
        """Have another world be put on what is there."""
        with connect(self._plane.kubeconfig) as api:
            Cluster(api).request("DELETE", _MEMORY)


def _look(cluster: Cluster) -> dict[str, Object]:
    """Return all that is in the cluster, by path, but for what controllers make of it."""
    found = {}
    groups = cluster.request("GET", "/apis")["groups"]
    for root in ("/api/v1", *(f"/apis/{one['preferredVersion']['groupVersion']}" for one in groups)):
        for kind in cluster.request("GET", root)["resources"]:
            if {"list", "delete"} <= {*kind["verbs"]} and kind["kind"] not in DERIVED - _LOOKED_AT:
                for one in cluster.request("GET", f"{root}/{kind['name']}")["items"]:
                    if kind["kind"] == "Pod" and "ownerReferences" in one["metadata"]:
                        continue
                    namespace = one["metadata"].get("namespace")
                    path = f"{root}/{f'namespaces/{namespace}/' * bool(namespace)}{kind['name']}"
                    found[f"{path}/{one['metadata']['name']}"] = {
                        "apiVersion": root.removeprefix("/apis/").removeprefix("/api/"), "kind": kind["kind"], **one,
                    }  # fmt: skip
    return found


def _stated(live: Object | None) -> Any:
    """Return what is stated of an object, and by whom each field."""
    if live is None or live["kind"] in _KNOWN_BY_NAME:
        return live and live["kind"]
    entries = [one for one in live["metadata"].get("managedFields", ()) if "subresource" not in one]
    held = sorted(json.dumps({**one, "time": ""}, sort_keys=True) for one in entries)
    return alike({**stated(live), "managedFields": held})


def _write_back(cluster: Cluster, path: str, found: Object) -> None:
    metadata = {key: value for key, value in found["metadata"].items() if key not in _ITS_OWN}
    cluster.request("PUT", path, {**found, "metadata": metadata})
    managers = [{"op": "replace", "path": "/metadata/managedFields", "value": found["metadata"]["managedFields"]}]
    cluster.request("PATCH", path, managers, content="application/json-patch+json")


def _remove(cluster: Cluster, paths: Collection[str]) -> None:
    """Remove objects, with those that they own, and all Events."""
    uids = {}
    for path in paths:
        with suppress(ApiError):
            uids[path] = cluster.request("GET", path)["metadata"]["uid"]
            cluster.request("DELETE", path, _AT_ONCE)
    for namespace in cluster.request("GET", "/api/v1/namespaces")["items"]:
        cluster.request("DELETE", f"/api/v1/namespaces/{namespace['metadata']['name']}/events")
    deadline = time.monotonic() + _SECONDS
    while uids and time.monotonic() < deadline:
        path, uid = uids.popitem()
        with suppress(ApiError):
            if cluster.request("GET", path)["metadata"]["uid"] == uid:
                uids[path] = uid
                time.sleep(_POLL_SECONDS)
