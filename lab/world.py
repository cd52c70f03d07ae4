"""The cluster as the homelab's owner found it, or as iteration 6 left it: the data in `lab/world`, put in place."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import yaml

from lab.cluster import connect
from lab.errors import LabError
from lab.plugins.changes import Object
from lab.plugins.cluster import ApiError, Cluster, NoSuchKindError

World = Literal["found", "iteration6", "iteration6-argocd", "reference", "gateway"]

_PLACE = Path(__file__).parent / "world"
# The worlds whose steps one is made of, in their order; its own come last.
_STEPS: Final[dict[World, tuple[World, ...]]] = {
    "found": ("found",),
    "iteration6": ("found", "iteration6"),
    "iteration6-argocd": ("found", "iteration6", "iteration6-argocd"),
    "reference": ("found", "reference"),
    "gateway": ("found", "gateway"),
}
_REST_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.1
_DEFINITION: Final = "CustomResourceDefinition"
_TRACKING: Final = "argocd.argoproj.io/tracking-id"
_MEMORY: Final = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"namespace": "kube-system", "name": "rehearsal"},
}


def put(kubeconfig: Path, world: World) -> None:
    """Bring a fresh cluster into the state `world` and wait until it is at rest; where that was done, do nothing.

    Taken up where an earlier call was interrupted. Raises LabError when the cluster holds another world, when the API
    server refuses an object, or when something does not come to rest.
    """
    with _api(kubeconfig) as cluster:
        memory = cluster.get(_MEMORY)
        held = memory["data"] if memory else {"world": world, "complete": "false"}
        if held["world"] != world:
            raise LabError(
                f"The rehearsal's cluster holds the world {held['world']!r}, not {world!r}: run `make down` first."
            )
        if held["complete"] == "true":
            return
        _apply(cluster, {**_MEMORY, "data": held}, "rehearsal")
        for name in _STEPS[world]:
            own = list(steps(name))
            for step in own:
                step.do(cluster)
                _await_kinds(cluster, step)
            _await_rest(cluster, [thing for step in own for thing in step.objects])
        _apply(cluster, {**_MEMORY, "data": {**held, "complete": "true"}}, "rehearsal")


def argocd_syncs(kubeconfig: Path, world: World) -> None:
    """Apply again, over whatever is there, what ArgoCD tracks in `world`: its self-heal."""
    with _api(kubeconfig) as cluster:
        for name in _STEPS[world]:
            for step in steps(name):
                for thing in step.objects:
                    if _TRACKING in thing["metadata"].get("annotations", {}):
                        _apply(cluster, thing, step.manager)


@dataclass(frozen=True)
class Step:
    """One file: what was done, under which field manager, with which objects."""

    verb: str
    manager: str
    patch: list[Object]
    objects: list[Object]

    def do(self, cluster: Cluster) -> None:
        """Do it; what an interrupted earlier try has done already is left."""
        for thing in self.objects:
            live = cluster.get(thing)
            match self.verb:
                case "server-side apply":
                    _apply(cluster, thing, self.manager)
                case "create" | "kubectl apply" if live:
                    pass
                case "create":
                    cluster.create(thing, self.manager)
                case "kubectl apply":
                    cluster.create(_with_last_applied(thing), self.manager)
                case "kubectl label":
                    labels = {"metadata": {"labels": thing["metadata"]["labels"]}}
                    cluster.patch(thing, labels, self.manager, "merge-patch")
                case "status":
                    _apply(cluster, thing, self.manager, "/status")
                case "kubectl patch" if self.manager in _managers(live):
                    pass
                case "kubectl patch":
                    cluster.patch(thing, self.patch, self.manager, "json-patch")
                case unknown:
                    raise LabError(f"{_PLACE} has a step with the verb {unknown!r}, which its README does not know.")


def _apply(cluster: Cluster, thing: Object, manager: str, subresource: str = "") -> None:
    cluster.apply(thing, manager, force=True, dry_run=False, subresource=subresource)


def _managers(live: Object | None) -> set[str]:
    fields = live["metadata"].get("managedFields", []) if live else []
    return {entry["manager"] for entry in fields}


def steps(name: World) -> Iterator[Step]:
    """Read a world's own steps, without those of the worlds that it builds on."""
    for file in sorted((_PLACE / name).glob("*.yaml")):
        head, *objects = yaml.load_all(file.read_text(), yaml.CSafeLoader)
        yield Step(verb=head["verb"], manager=head["manager"], patch=head.get("patch", []), objects=objects)


def _with_last_applied(thing: Object) -> Object:
    """Add the annotation by which a client-side `kubectl apply` remembers what it applied."""
    metadata = {"annotations": {}, **thing["metadata"]}
    applied = json.dumps({**thing, "metadata": metadata}, sort_keys=True, separators=(",", ":")) + "\n"
    annotations = {**metadata["annotations"], "kubectl.kubernetes.io/last-applied-configuration": applied}
    return {**thing, "metadata": {**metadata, "annotations": annotations}}


def _await_kinds(cluster: Cluster, step: Step) -> None:
    """Wait until the API server knows the kinds that a step defines: the next one may make objects of them."""
    kinds = [
        {"apiVersion": f"{one['spec']['group']}/v1", "kind": one["spec"]["names"]["kind"]}
        for one in step.objects
        if one["kind"] == _DEFINITION
    ]
    deadline = time.monotonic() + _REST_SECONDS
    while unknown := [one["kind"] for one in kinds if not cluster.serves(one)]:
        if time.monotonic() > deadline:
            raise LabError(f"The API server does not know {', '.join(unknown)} after {_REST_SECONDS} s: `make down`.")
        time.sleep(_POLL_SECONDS)


def _await_rest(cluster: Cluster, things: Iterable[Object]) -> None:
    restless = list(things)
    deadline = time.monotonic() + _REST_SECONDS
    while restless := [thing for thing in restless if not _at_rest(cluster.get(thing))]:
        if time.monotonic() > deadline:
            names = ", ".join(_name(thing) for thing in restless)
            raise LabError(
                f"The world is not at rest after {_REST_SECONDS} s: {names}. Look with kubectl, or `make down`."
            )
        time.sleep(_POLL_SECONDS)


def _at_rest(live: Object | None) -> bool:
    """Whether the controllers are done with an object: rolled out, bound, complete."""
    if live is None:
        return False
    status = live.get("status", {})
    wanted = live.get("spec", {}).get("replicas")
    match live["kind"]:
        case "Deployment" | "StatefulSet":
            counts = [status.get(count, 0) for count in ("replicas", "updatedReplicas", "availableReplicas")]
            return bool(status.get("observedGeneration") == live["metadata"]["generation"] and set(counts) == {wanted})
        case "PersistentVolume" | "PersistentVolumeClaim":
            return bool(status.get("phase") == "Bound")
        case "Job":
            return any(
                entry["type"] == "Complete" and entry["status"] == "True" for entry in status.get("conditions", ())
            )
        case _:
            return True


def _name(thing: Object) -> str:
    metadata = thing["metadata"]
    return f"{thing['kind']} " + "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))


@contextmanager
def _api(kubeconfig: Path) -> Iterator[Cluster]:
    """Speak to the API server.

    Raises:
        LabError: when it refuses, or does not answer.

    """
    cluster = Cluster(connect(kubeconfig))
    try:
        yield cluster
    except (ApiError, NoSuchKindError) as error:
        raise LabError(f"The rehearsal's API server refuses an object: {error}") from error
    except ConnectionError as error:
        raise LabError(f"The rehearsal's API server does not answer: run `make up` again. {error}") from error
    finally:
        cluster.close()
