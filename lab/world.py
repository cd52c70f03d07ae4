"""The cluster as the homelab's owner found it, or as iteration 6 left it: the data in `lab/world`, put in place."""

import http
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import yaml
from urllib3.exceptions import HTTPError

from lab.cluster import connect
from lab.errors import LabError
from text.encoding import encoded

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

_JSON: Final = "application/json"
_JSON_PATCH: Final = "application/json-patch+json"
_MERGE_PATCH: Final = "application/merge-patch+json"
_APPLY: Final = "application/apply-patch+yaml"

Object = dict[str, Any]


def put(kubeconfig: Path, world: World) -> None:
    """Bring a fresh cluster into the state `world` and wait until it is at rest; where that was done, do nothing.

    Taken up where an earlier call was interrupted. Raises LabError when the cluster holds another world, when the API
    server refuses an object, or when something does not come to rest.
    """
    with _Cluster(kubeconfig) as cluster:
        memory = cluster.get(_MEMORY)
        held = memory["data"] if memory else {"world": world, "complete": "false"}
        if held["world"] != world:
            raise LabError(
                f"The rehearsal's cluster holds the world {held['world']!r}, not {world!r}: run `make down` first."
            )
        if held["complete"] == "true":
            return
        cluster.apply({**_MEMORY, "data": held}, "rehearsal")
        for name in _STEPS[world]:
            own = list(steps(name))
            for step in own:
                step.do(cluster)
                _await_kinds(cluster, step)
            _await_rest(cluster, [thing for step in own for thing in step.objects])
        cluster.apply({**_MEMORY, "data": {**held, "complete": "true"}}, "rehearsal")


def argocd_syncs(kubeconfig: Path, world: World) -> None:
    """Apply again, over whatever is there, what ArgoCD tracks in `world`: its self-heal."""
    with _Cluster(kubeconfig) as cluster:
        for name in _STEPS[world]:
            for step in steps(name):
                for thing in step.objects:
                    if _TRACKING in thing["metadata"].get("annotations", {}):
                        cluster.apply(thing, step.manager)


@dataclass(frozen=True)
class Step:
    """One file: what was done, under which field manager, with which objects."""

    verb: str
    manager: str
    patch: list[Object]
    objects: list[Object]

    def do(self, cluster: "_Cluster") -> None:
        """Do it; what an interrupted earlier try has done already is left."""
        for thing in self.objects:
            live = cluster.get(thing)
            match self.verb:
                case "server-side apply":
                    cluster.apply(thing, self.manager)
                case "create" | "kubectl apply" if live:
                    pass
                case "create":
                    cluster.create(thing, self.manager)
                case "kubectl apply":
                    cluster.create(_with_last_applied(thing), self.manager)
                case "kubectl label":
                    labels = {"metadata": {"labels": thing["metadata"]["labels"]}}
                    cluster.patch(thing, self.manager, _MERGE_PATCH, labels)
                case "status":
                    cluster.apply(thing, self.manager, "status")
                case "kubectl patch" if self.manager in _managers(live):
                    pass
                case "kubectl patch":
                    cluster.patch(thing, self.manager, _JSON_PATCH, self.patch)
                case unknown:
                    raise LabError(f"{_PLACE} has a step with the verb {unknown!r}, which its README does not know.")


def _managers(live: Object | None) -> set[str]:
    fields = live["metadata"].get("managedFields", []) if live else []
    return {entry["manager"] for entry in fields}


def steps(name: World) -> Iterator[Step]:
    """Read a world's own steps, without those of the worlds that it builds on."""
    for file in sorted((_PLACE / name).glob("*.yaml")):
        head, *objects = yaml.safe_load_all(file.read_text())
        yield Step(verb=head["verb"], manager=head["manager"], patch=head.get("patch", []), objects=objects)


def _with_last_applied(thing: Object) -> Object:
    """Add the annotation by which a client-side `kubectl apply` remembers what it applied."""
    metadata = {"annotations": {}, **thing["metadata"]}
    applied = json.dumps({**thing, "metadata": metadata}, sort_keys=True, separators=(",", ":")) + "\n"
    annotations = {**metadata["annotations"], "kubectl.kubernetes.io/last-applied-configuration": applied}
    return {**thing, "metadata": {**metadata, "annotations": annotations}}


def _await_kinds(cluster: "_Cluster", step: Step) -> None:
    """Wait until the API server knows the kinds that a step defines: the next one may make objects of them."""
    kinds = [(one["spec"]["group"], one["spec"]["names"]["kind"]) for one in step.objects if one["kind"] == _DEFINITION]
    deadline = time.monotonic() + _REST_SECONDS
    while unknown := [kind for group, kind in kinds if not cluster.knows(f"{group}/v1", kind)]:
        if time.monotonic() > deadline:
            raise LabError(f"The API server does not know {', '.join(unknown)} after {_REST_SECONDS} s: `make down`.")
        time.sleep(_POLL_SECONDS)


def _await_rest(cluster: "_Cluster", things: Iterable[Object]) -> None:
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


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


class _Cluster:
    """The API server, spoken to in plain requests: field managers and content types are the point here."""

    def __init__(self, kubeconfig: Path) -> None:
        self._api = connect(kubeconfig)
        self._plurals: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def get(self, thing: Object) -> Object | None:
        """The live object, or None."""
        status, answer = self._send("GET", self._path(thing, thing["metadata"]["name"]))
        return None if status == http.HTTPStatus.NOT_FOUND else self._accepted(thing, status, answer)

    def create(self, thing: Object, manager: str) -> None:
        """Create it."""
        path = f"{self._path(thing)}?fieldManager={manager}"
        self._accepted(thing, *self._send("POST", path, _JSON, thing))

    def patch(self, thing: Object, manager: str, content_type: str, patch: object) -> None:
        """Patch the live object."""
        path = f"{self._path(thing, thing['metadata']['name'])}?fieldManager={manager}"
        self._accepted(thing, *self._send("PATCH", path, content_type, patch))

    def apply(self, thing: Object, manager: str, *subresource: str) -> None:
        """Apply server-side, with force."""
        path = f"{self._path(thing, thing['metadata']['name'], *subresource)}?fieldManager={manager}&force=true"
        self._accepted(thing, *self._send("PATCH", path, _APPLY, thing))

    def knows(self, version: str, kind: str) -> bool:
        """Whether the API server has a kind."""
        if kind not in self._plurals.get(version, {}):
            _, known = self._send("GET", _root(version))
            self._plurals[version] = {
                one["kind"]: one["name"] for one in known.get("resources", []) if "/" not in one["name"]
            }
        return kind in self._plurals[version]

    def _path(self, thing: Object, *name: str) -> str:
        version = thing["apiVersion"]
        if not self.knows(version, thing["kind"]):
            raise LabError(f"The rehearsal's API server has no kind {thing['kind']} of {version}.")
        namespace = thing["metadata"].get("namespace")
        place = ("namespaces", namespace) if namespace else ()
        return "/".join((_root(version), *place, self._plurals[version][thing["kind"]], *name))

    def _send(self, method: str, path: str, content_type: str = _JSON, body: object = None) -> tuple[int, Any]:
        headers = {"Content-Type": content_type}
        self._api.update_params_for_auth(headers, [], ["BearerToken"])
        try:
            answer = self._api.rest_client.pool_manager.request(
                method,
                self._api.configuration.host + path,
                headers=headers,
                # JSON is YAML, so it serves for an apply too.
                body=None if body is None else encoded(body),
            )
        except HTTPError as error:
            host = self._api.configuration.host
            raise LabError(f"The rehearsal's API server, {host}, does not answer: run `make up` again.") from error
        # Of a group that is unknown, the answer is no object.
        is_object = answer.headers.get("Content-Type", "").startswith(_JSON)
        return answer.status, json.loads(answer.data) if is_object else {}

    @staticmethod
    def _accepted(thing: Object, status: int, answer: Any) -> Object:
        if status >= http.HTTPStatus.BAD_REQUEST:
            raise LabError(f"The rehearsal's API server refuses {_name(thing)}: {answer.get('message', answer)}")
        return dict(answer)
