"""One pod, from the moment that it is bound to the node until it has ended: what a kubelet does, for pods of Jobs.

A container that failed is not started again (`restartPolicy: Never`, as all Jobs here have it). There are no probes.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from lab.node import limits, log, signals
from lab.node.container import Container, Image, Manifest
from lab.node.log import Log
from lab.node.volumes import Disk, NotMountedError, Volumes
from lab.plugins.cluster import ApiError, Cluster

_MOUNT_EVERY: Final = 0.5  # seconds between looks at a volume that can't be mounted
_GRACE: Final = 30.0
_CANNOT_START: Final = 128  # (source: containerd and kubelet: StartError's exit code)
_LOST: Final = 137  # (source: kubelet, ContainerStatusUnknown)
# The condition that lists what a pod states and this node does not show.
_NOT_SHOWN: Final = "lab.immich-icloud/NotShown"
_STRATEGIC: Final = "application/strategic-merge-patch+json"


@dataclass(frozen=True)
class Node:
    """What the pods of a node share."""

    name: str
    cluster: Cluster
    disk: Disk
    image: Image


@dataclass
class _Running:
    """A container that has been started."""

    container: Container
    process: "subprocess.Popen[bytes]"
    kept: Log
    readers: list[threading.Thread]
    message: Path
    started: str = field(default_factory=log.now)


class Pod:
    """One pod; `run` is its life, `end` cuts it short."""

    def __init__(self, manifest: Manifest, node: Node) -> None:
        """Nothing happens yet."""
        metadata = manifest["metadata"]
        self.namespace, self.name, self.uid = metadata["namespace"], metadata["name"], metadata["uid"]
        self._running: dict[str, _Running] = {}
        self.ended = threading.Event()
        self._spec: Manifest = manifest["spec"]
        self._node = node
        self._own = node.disk.path(f"/var/lib/kubelet/pods/{self.uid}")
        self._logs = log.folder(node.disk.root, self.namespace, self.name, self.uid)
        self._volumes = Volumes(node.disk, node.cluster, self.namespace, self._own)
        self._to_end = threading.Event()
        self._lock = threading.Lock()
        self._began = log.now()
        self._states: dict[str, Manifest] = {}
        self._why: dict[str, str] = {}

    def run(self) -> None:
        """Live to the end."""
        # Private: there are secrets among its volumes.
        self._own.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._report("Pending")
            if refusal := limits.refusal(self._spec):
                self._why = {"reason": "NotModelled", "message": refusal}
            elif (places := self._mounted()) is not None:
                for spec in self._spec.get("initContainers", []):
                    if not self._live([spec], places, "Pending"):
                        break
                else:
                    self._live(self._spec["containers"], places, "Running")
        finally:
            shutil.rmtree(self._own, ignore_errors=True)
            self.ended.set()
            self._report(self._end())

    def leave(self, grace: float) -> None:
        """Do what its deletion asks for: end within `grace` seconds, and let go of the object."""
        self.end(grace)
        self.ended.wait()
        with _gone():
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
            self._node.cluster.request("DELETE", self._path, options)

    def end(self, grace: float = _GRACE) -> None:
        """Ask its processes to end, and see that they have after `grace` seconds; returns at once.

        A container's first process is deaf to what it has no handler for, as is the first one of every PID namespace.
        """
        with self._lock:
            self._to_end.set()
            running = list(self._running.values())
        for one in running:
            if signals.handled(one.process.pid, signal.SIGTERM):
                one.process.send_signal(signal.SIGTERM)
        timer = threading.Timer(grace, self.kill)
        timer.daemon = True
        timer.start()

    def container(self, name: str) -> Container | None:
        """Find one of its containers that runs."""
        one = self._running.get(name)
        return one.container if one else None

    def kill(self) -> None:
        """End its processes now, with all that they have started."""
        with self._lock:
            self._to_end.set()
            for one in self._running.values():
                _kill_group(one.process)

    def vanish(self) -> None:
        """Leave nothing of it: its object is gone."""
        self.kill()
        shutil.rmtree(self._logs, ignore_errors=True)

    def lose(self) -> None:
        """Say of a pod that ran before this node was started what a kubelet says."""
        lost = {
            "exitCode": _LOST,
            "reason": "ContainerStatusUnknown",
            "message": "The container could not be located when the pod was terminated",
            "startedAt": None,
            "finishedAt": None,
        }
        for spec in self._specs():
            self._states[spec["name"]] = {"terminated": lost}
        self._report("Failed")
        shutil.rmtree(self._own, ignore_errors=True)
        self.ended.set()

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    def _specs(self) -> list[Manifest]:
        return [*self._spec.get("initContainers", []), *self._spec["containers"]]

    def _mounted(self) -> Mapping[str, Path] | None:
        """Wait until the volumes are there; None when it is to end before."""
        told = ""
        while not self._to_end.is_set():
            try:
                return self._volumes.places(self._spec)
            except NotMountedError as error:
                if (message := str(error)) != told:
                    self._warn("FailedMount", message)
                    told = message
            self._to_end.wait(_MOUNT_EVERY)
        return None

    def _live(self, specs: list[Manifest], places: Mapping[str, Path], phase: str) -> bool:
        """Run containers beside each other to their ends; return whether all of them succeeded."""
        for spec in specs:
            self._start(spec, places)
        self._report(phase)
        for spec in specs:
            if one := self._running.get(spec["name"]):
                code = one.process.wait()
                _kill_group(one.process)
                for reader in one.readers:
                    reader.join()
                self._states[spec["name"]] = {"terminated": _terminated(spec, one, code)}
                with self._lock:
                    del self._running[spec["name"]]
        return all(self._succeeded(spec) for spec in specs)

    def _start(self, spec: Manifest, places: Mapping[str, Path]) -> None:
        name = spec["name"]
        message = self._own / "termination-log" / name
        message.parent.mkdir(parents=True, exist_ok=True)
        message.touch()
        mounts = {
            mount["mountPath"]: places[mount["name"]] / mount.get("subPath", "")
            for mount in spec.get("volumeMounts", [])
        }
        mounts[spec.get("terminationMessagePath", "/dev/termination-log")] = message
        try:
            container = Container.of(spec, self._environment(spec), mounts, self._node.image)
            with self._lock:
                if self._to_end.is_set():
                    return
                process = container.start(
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
                kept = Log(log.path(self._logs, name), container.shown)
                streams = {"stdout": process.stdout, "stderr": process.stderr}
                readers = [threading.Thread(target=kept.keep, args=pair, daemon=True) for pair in streams.items()]
                one = self._running[name] = _Running(container, process, kept, readers, message)
        except (OSError, NotMountedError) as error:
            self._states[name] = {
                "terminated": {
                    "exitCode": _CANNOT_START,
                    "reason": "StartError",
                    "message": f"failed to create containerd task: {error}",
                    "startedAt": None,
                    "finishedAt": log.now(),
                }
            }
            return
        for reader in one.readers:
            reader.start()
        self._states[name] = {"running": {"startedAt": one.started}}

    def _environment(self, spec: Manifest) -> dict[str, str]:
        """Return a container's variables, those included that a ConfigMap or Secret has."""
        found = {}
        for variable in spec.get("env", []):
            match variable:
                case {"valueFrom": {"secretKeyRef": source}} | {"valueFrom": {"configMapKeyRef": source}}:
                    kind = "Secret" if "secretKeyRef" in variable["valueFrom"] else "ConfigMap"
                    content = self._volumes.read(kind, source["name"], optional=bool(source.get("optional")))
                    if source["key"] in content:
                        found[variable["name"]] = content[source["key"]].decode()
                case {"valueFrom": source}:
                    raise NotMountedError(f"the rehearsal's node takes no variable from {', '.join(source)}")
                case _:
                    found[variable["name"]] = variable.get("value", "")
        return found

    def _succeeded(self, spec: Manifest) -> bool:
        state = self._states.get(spec["name"], {}).get("terminated", {})
        return bool(state.get("exitCode") == 0)

    def _end(self) -> str:
        """Return the phase that it ends in."""
        return "Succeeded" if not self._why and all(self._succeeded(spec) for spec in self._specs()) else "Failed"

    def _report(self, phase: str) -> None:
        """Write its status."""
        ended = phase in ("Succeeded", "Failed")
        ready = phase == "Running"
        initialized = ready or phase == "Succeeded" or all(map(self._succeeded, self._spec.get("initContainers", [])))
        why = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "ContainersNotReady")
        conditions = [
            _condition("PodReadyToStartContainers", met=not ended),
            _condition("Initialized", met=initialized),
            _condition("Ready", met=ready, reason="" if ready else why),
            _condition("ContainersReady", met=ready, reason="" if ready else why),
        ]
        if ignored := limits.not_shown(self._spec):
            conditions.append(_condition(_NOT_SHOWN, met=True, message=", ".join(ignored)))
        status = {
            "phase": phase,
            **self._why,
            "startTime": f"{self._began[:19]}Z",
            "conditions": conditions,
            "initContainerStatuses": list(map(self._status, self._spec.get("initContainers", []))),
            "containerStatuses": list(map(self._status, self._spec["containers"])),
        }
        with _gone():
            patch = {"metadata": {"uid": self.uid}, "status": status}
            self._node.cluster.request("PATCH", f"{self._path}/status", patch, content=_STRATEGIC)

    def _status(self, spec: Manifest) -> Manifest:
        state = self._states.get(spec["name"], {"waiting": {"reason": "ContainerCreating"}})
        return {
            "name": spec["name"],
            "image": spec["image"],
            "imageID": "",
            "ready": "running" in state,
            "started": "running" in state,
            "restartCount": 0,
            "state": state,
        }

    def _warn(self, reason: str, message: str) -> None:
        """Leave an event, as `kubectl describe` shows it."""
        moment = f"{log.now()[:19]}Z"
        event = {
            "metadata": {"generateName": f"{self.name}.", "namespace": self.namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": self.namespace,
                "name": self.name,
                "uid": self.uid,
            },
            "type": "Warning",
            "reason": reason,
            "message": message,
            "source": {"component": "kubelet", "host": self._node.name},
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
        with contextlib.suppress(ApiError):  # its namespace may be going
            self._node.cluster.request("POST", f"/api/v1/namespaces/{self.namespace}/events", event)


def _condition(name: str, *, met: bool, **why: str) -> dict[str, Any]:
    moment = f"{log.now()[:19]}Z"
    said = {key: text for key, text in why.items() if text}
    return {"type": name, "status": str(met), "lastTransitionTime": moment, **said}


def _terminated(spec: Manifest, one: _Running, code: int) -> Manifest:
    """Say how a container ended: with its own message, or with its log's end where that is asked for."""
    failed = code != 0
    message = one.message.read_text(errors="replace")
    if not message and failed and spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        message = one.kept.last_words()
    return {
        "exitCode": 128 - code if code < 0 else code,
        "reason": "Error" if failed else "Completed",
        "startedAt": one.started,
        "finishedAt": log.now(),
        **({"message": message} if message else {}),
    }


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _gone() -> Iterator[None]:
    """Let it be that the pod is gone, or that another one has its name."""
    try:
        yield
    except ApiError as error:
        if error.code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            raise
