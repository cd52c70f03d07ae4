"""A fake of ClusterApi: objects in memory that know who overtook whom."""

from collections.abc import Callable
from copy import deepcopy
from itertools import count

from clients import clock
from clients.kubernetes import Answer, ClusterApi, ClusterRefusedError, Manifest, Ref

Step = Callable[[str], None]


class FakeCluster(ClusterApi):
    """Objects with a resourceVersion each. `step` is called before and after each call that writes."""

    ahead = clock.NONE

    def __init__(self) -> None:  # the real one reads a kubeconfig
        self.objects: dict[Ref, Manifest] = {}
        self.writes: list[str] = []
        self.step: Step = lambda _: None
        self.answers: dict[str, Manifest] = {}  # of pods, by the path
        self._versions = count(1)

    def get(self, ref: Ref) -> Manifest | None:
        return deepcopy(self.objects.get(ref))

    def list(self, like: Ref, **query: str) -> "list[Manifest]":
        return [deepcopy(self.objects[ref]) for ref in self.selected(like, **query)]

    def selected(self, like: Ref, **query: str) -> tuple[Ref, ...]:
        labels, fields = (_pairs(query.get(selector)) for selector in ("labelSelector", "fieldSelector"))
        return tuple(
            ref
            for ref, thing in self.objects.items()
            if ref.kind == like.kind
            and like.namespace in {None, ref.namespace}
            and thing["metadata"].get("labels", {}).items() >= labels.items()
            and all(_field(thing, path) == value for path, value in fields.items())
        )

    def serves(self, api_version: str, kind: str) -> bool:  # noqa: ARG002 (all kinds)
        return True

    def versions(self) -> frozenset[str]:
        return frozenset(ref.api_version for ref in self.objects)

    def of_pod(self, pod: Ref, port: int, path: str) -> Manifest:
        if path not in self.answers:
            raise ClusterRefusedError(403, f"pods/proxy of {pod} is forbidden, port {port}")
        return deepcopy(self.answers[path])

    def create(self, manifest: Manifest, manager: str) -> Answer:
        return self._write("create", manifest, manager)

    def try_to_create(self, manifest: Manifest, manager: str) -> Answer:  # noqa: ARG002 (admits all)
        return Answer(manifest, ())

    def replace(self, manifest: Manifest, manager: str) -> Answer:
        return self._write("replace", manifest, manager)

    def patch(self, ref: Ref, patch: Manifest, manager: str) -> Answer:
        live = self.get(ref)
        if live is None:
            raise ClusterRefusedError(404, f"{ref} not found")
        return self._write("patch", _merged(live, patch), manager)

    def delete(self, live: Manifest) -> None:
        self.step("before delete")
        self._refuse_overtaken(live)
        del self.objects[Ref.of(live)]
        self.writes.append("delete")
        self.step("after delete")

    def delete_with_dependents(self, ref: Ref) -> None:
        live = self.objects.pop(ref, None)
        if live is None:
            raise ClusterRefusedError(404, f"{ref} not found")
        self.writes.append("delete with dependents")

    def _write(self, verb: str, manifest: Manifest, manager: str) -> Answer:
        assert manager == "immich-icloud"
        self.step(f"before {verb}")
        if verb == "create":
            if Ref.of(manifest) in self.objects:
                raise ClusterRefusedError(409, f'{Ref.of(manifest)} "already exists"')
        else:
            self._refuse_overtaken(manifest)
        version = next(self._versions)
        metadata = {"uid": f"{version}", **manifest["metadata"], "resourceVersion": f"{version}"}
        self.objects[Ref.of(manifest)] = deepcopy({**manifest, "metadata": metadata})
        self.writes.append(verb)
        self.step(f"after {verb}")
        return Answer(deepcopy(self.objects[Ref.of(manifest)]), ())

    def _refuse_overtaken(self, manifest: Manifest) -> None:
        live = self.objects.get(Ref.of(manifest))
        if live is None:
            raise ClusterRefusedError(404, f"{Ref.of(manifest)} not found")
        if live["metadata"]["resourceVersion"] != manifest["metadata"]["resourceVersion"]:
            raise ClusterRefusedError(
                409, "the object has been modified; please apply your changes to the latest version"
            )


def _merged(live: Manifest, patch: Manifest) -> Manifest:
    """As JSON merge patch has it (RFC 7396)."""
    changed = {
        key: _merged(live.get(key, {}), value) if isinstance(value, dict) else value for key, value in patch.items()
    }
    return {key: value for key, value in {**live, **changed}.items() if value is not None}


def _pairs(selector: str | None) -> dict[str, str]:
    return dict(pair.split("=") for pair in selector.split(",")) if selector else {}


def _field(thing: Manifest, path: str) -> object:
    value: object = thing
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
