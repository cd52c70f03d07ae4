"""The few calls to a Kubernetes API server that Pulumi's own resources cannot express."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from http import HTTPStatus

import urllib3
from pydantic import BaseModel, Field
from pydantic_core import from_json
from websocket import WebSocket

from clients import custom_types, kubernetes_types
from clients.deadline import Socket, within
from clients.kubernetes.errors import ClusterError, ClusterRefusedError, ContendedError
from clients.kubernetes.objects import Answer, Manifest, Manifests, Ref
from clients.kubernetes.transport import TIMEOUT, ForwardedPort, Transport
from clients.likeness import unlike
from clients.retry import TransientError, again, once
from settings.cluster import Cluster
from text.encoding import APPLY, encoded

_POD_TIMEOUT = 3.0  # seconds: a pod is asked what it has in memory
_SILENCE = 60.0  # seconds


class ClusterApi:
    """One API server, reached through one context of one kubeconfig file."""

    def __init__(self, cluster: Cluster) -> None:
        """Read the kubeconfig; nothing is asked yet.

        Raises:
            ClusterError: when the file or the context is missing or unusable.

        """
        self._server = Transport(cluster)

    @property
    def ahead(self) -> timedelta:
        """By how much the API server's clock was ahead of this machine's at its last answer."""
        return self._server.ahead

    def get(self, ref: Ref) -> Manifest | None:
        """Read one object; None when it does not exist."""
        try:
            return again(partial(self._object, ref, "GET", ref.path)).object
        except ClusterRefusedError as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def list(self, like: Ref, **query: str) -> Manifests:
        """Read the objects of one kind and namespace; `query` takes labelSelector and fieldSelector."""
        return again(partial(self._items, like, query))

    def apply(self, manifest: Manifest, manager: str, *, dry_run: bool = False, force: bool = False) -> Answer:
        """Apply server-side the fields that `manager` states.

        Raises:
            ClusterRefusedError: with what other managers hold, or with the words of the API server or a webhook.

        """
        ref = Ref.of(manifest)
        query = {"fieldManager": manager, "force": str(force).lower()} | ({"dryRun": "All"} if dry_run else {})
        write = partial(self._object, ref, "PATCH", ref.path, query, encoded(manifest), APPLY)

        def attempt() -> Answer:
            try:
                return write()
            except ClusterRefusedError as refused:
                if refused.status != HTTPStatus.CONFLICT or refused.conflicts:
                    raise
                raise ContendedError(refused.status, str(refused)) from None

        return again(attempt)

    def patch(self, ref: Ref, patch: Manifest, manager: str) -> Answer:
        """Change one object by a JSON merge patch, asked once: where the answer is lost, read the object again."""
        return self._object(
            ref, "PATCH", ref.path, {"fieldManager": manager}, patch, content_type="application/merge-patch+json"
        )

    def create(self, manifest: Manifest, manager: str) -> Answer:
        """Create an object.

        Raises:
            ClusterRefusedError: with status 409 when it exists.

        """
        ref = Ref.of(manifest)
        write = partial(self._object, ref, "POST", ref.collection, {"fieldManager": manager}, manifest)
        return self._write_once(ref, write, manifest)

    def try_to_create(self, manifest: Manifest, manager: str) -> Answer:
        """Ask, in a dry run, what creating an object would come to: admission is asked, too.

        Raises:
            ClusterRefusedError: with the API server's or an admission webhook's own words.

        """
        query = {"fieldManager": manager, "dryRun": "All"}
        ref = Ref.of(manifest)
        return again(partial(self._object, ref, "POST", ref.collection, query, manifest))

    def replace(self, manifest: Manifest, manager: str) -> Answer:
        """Write a whole object, as it was read but for what shall change.

        Raises:
            ClusterRefusedError: with status 409 when another client wrote since it was read.

        """
        ref = Ref.of(manifest)
        return self._write_once(
            ref, partial(self._object, ref, "PUT", ref.path, {"fieldManager": manager}, manifest), manifest
        )

    def delete(self, live: Manifest) -> None:
        """Delete an object as it was read.

        Raises:
            ClusterRefusedError: with status 409 when another client wrote since it was read.

        """
        preconditions = {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
        self._delete(Ref.of(live), {"preconditions": preconditions})

    def delete_with_dependents(self, ref: Ref) -> None:
        """Delete an object, whatever its state, and then what it owns: of a Job, its pods."""
        # Stated explicitly: the default of a Job is to leave its pods (source: strategy.go of batch/v1).
        self._delete(ref, {"propagationPolicy": "Background"})

    def connect(self, pod: Ref, port: int) -> Socket:
        """Open a connection to a port of a pod, as `kubectl port-forward` does.

        Raises:
            ClusterRefusedError: when the API server does not let us.
            UnreachableError: when no API server answers.

        """
        stream = self._server.stream(
            f"{pod.path}/portforward", [("ports", str(port))], f"no port of {pod} is forwarded"
        )
        return ForwardedPort(stream, port)

    @within(_POD_TIMEOUT)
    def of_pod(self, pod: Ref, port: int, path: str) -> Manifest:
        """Ask a port of a pod over HTTP, by the API server's proxy: once, as the pod may not answer.

        Raises:
            ClusterRefusedError: when the API server does not let us, or the pod refuses.
            UnreachableError: when neither answers, or not in JSON.

        """
        response = self._server.open("GET", f"{pod.path}:{port}/proxy/{path}", timeout=_POD_TIMEOUT)
        with self._server.answering():
            found = from_json(response.data, allow_inf_nan=False)
        if not isinstance(found, dict):
            raise self._server.unreachable(f"{pod} answers with no object")
        return found

    def log(self, pod: Ref, container: str, since: str | None = None) -> Iterator[str]:
        """Follow a container's log: each line as it comes, after its time (RFC 3339, nanoseconds) and a blank.

        It ends with the log, and when nothing has come for a minute: then the connection may be dead.

        Args:
            pod: the pod.
            container: its name.
            since: time of the last line that is known; lines of the same second come again.

        """
        query = {"container": container, "follow": "true", "timestamps": "true"} | (
            {"sinceTime": since} if since else {}
        )
        response = again(partial(self._server.open, "GET", f"{pod.path}/log", query, timeout=(TIMEOUT, _SILENCE)))
        rest = b""
        with self._server.answering():
            try:
                for chunk in response.stream():
                    *lines, rest = (rest + chunk).split(b"\n")
                    yield from (line.decode(errors="replace") for line in lines)
            except urllib3.exceptions.ReadTimeoutError:
                return
            finally:
                response.close()
        if rest:
            yield rest.decode(errors="replace")

    def execute(self, pod: Ref, container: str, command: Sequence[str]) -> WebSocket:
        """Run a command in a container, without a terminal; return the stream of its channels, input and output.

        Raises:
            ClusterRefusedError: when the API server does not let us.
            UnreachableError: when no API server answers.

        """
        channels = {"stdin": "true", "stdout": "true", "stderr": "true", "tty": "false"}
        query = [("container", container), *channels.items(), *(("command", word) for word in command)]
        return self._server.stream(f"{pod.path}/exec", query, f"no command can be run in {pod}")

    def serves(self, api_version: str, kind: str) -> bool:
        """Whether the API server has a kind, in that version.

        Raises:
            ClusterError: when the API server can't be reached, or does not let us read.

        """

        def asked() -> bool:
            path = f"/apis/{api_version}"
            content, _ = self._server.ask("GET", path)
            served = self._server.parsed(path, lambda: _Kinds.model_validate_json(content))
            return any(one.kind == kind for one in served.resources)

        try:
            return again(asked)
        except ClusterRefusedError as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                return False
            raise

    def versions(self) -> frozenset[str]:
        """List the versions of all API groups that the API server has, such as "apps/v1".

        Raises:
            ClusterError: when the API server can't be reached, or does not let us read.

        """

        def asked() -> frozenset[str]:
            content, _ = self._server.ask("GET", "/apis")
            found = self._server.parsed("/apis", lambda: _Groups.model_validate_json(content))
            return frozenset(one.groupVersion for group in found.groups for one in group.versions)

        return again(asked)

    def version(self) -> str:
        """Ask for the API server's version: the cheapest way to see that it answers and knows us."""

        def asked() -> str:
            content, _ = self._server.ask("GET", "/version")
            return self._server.parsed("/version", lambda: _Version.model_validate_json(content)).gitVersion

        return again(asked)

    def _write_once(self, ref: Ref, write: Callable[[], Answer], wanted: Manifest) -> Answer:
        """Write an object once. Where the answer is lost, it is done if the object has what was wanted."""
        sent = {**wanted, "metadata": _without_version(wanted.get("metadata", {}))}

        def made() -> Answer | None:
            live = self.get(ref)
            return Answer(live, ()) if live and not any(unlike(sent, live)) else None

        lost = False

        def attempt() -> Answer:
            nonlocal lost
            try:
                return write()
            except TransientError:
                lost = True
                raise
            except ClusterRefusedError as refused:
                # The first attempt may have arrived after it was looked for.
                if lost and refused.status == HTTPStatus.CONFLICT and (found := made()):
                    return found
                raise

        return once(attempt, made)

    def _delete(self, ref: Ref, options: Manifest) -> None:
        def gone() -> bool | None:
            return self.get(ref) is None or None

        def attempt() -> bool:
            content, _ = self._server.ask("DELETE", ref.path, body=options)
            return self._server.parsed(ref.path, lambda: _is_deletion(content, ref))

        once(attempt, gone)

    def _object(  # noqa: PLR0913, PLR0917 (what a request is made of)
        self,
        ref: Ref,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Manifest | bytes | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        content, warnings = self._server.ask(method, path, query, body, content_type)

        def read() -> Manifest:
            found = kubernetes_types.without_nulls(from_json(content, allow_inf_nan=False))
            stored = "dryRun" not in (query or {})
            _refuse(found, ref, stored=stored)
            told = Ref.of({**found, "metadata": {"name": ref.name, **found["metadata"]}})
            if told != ref:
                raise ValueError(f"it is of {told}")
            return dict(found)

        return Answer(self._server.parsed(path, read), warnings)

    def _items(self, like: Ref, query: dict[str, str]) -> Manifests:
        content, _ = self._server.ask("GET", like.collection, query)

        def read() -> Manifests:
            answer = kubernetes_types.without_nulls(from_json(content, allow_inf_nan=False))
            found = _List.model_validate(answer)
            if found.kind != f"{like.kind}List":
                raise ValueError(f"it is a {found.kind}")
            if found.metadata.rest:  # only of a request with a limit, and none has one
                raise ValueError("it is a part of a list")
            for item in found.items:
                _refuse(item, like)
            # Its items come without them.
            return [{**item, "apiVersion": like.api_version, "kind": like.kind} for item in found.items]

        return self._server.parsed(like.collection, read)


class _ListMetadata(BaseModel):
    rest: str = Field("", alias="continue")


class _List(BaseModel):
    kind: str
    metadata: _ListMetadata = _ListMetadata()
    items: Manifests = []


class _Kind(BaseModel):
    kind: str


class _Kinds(BaseModel):
    resources: list[_Kind]


class _GroupVersion(BaseModel):
    groupVersion: str  # noqa: N815 (the API's name)


class _Group(BaseModel):
    versions: list[_GroupVersion]


class _Groups(BaseModel):
    groups: list[_Group]


class _Version(BaseModel):
    gitVersion: str  # noqa: N815 (the API's name)


def _is_deletion(content: bytes, ref: Ref) -> bool:
    """Whether it answers a deletion: by a status, or by the object where that has to wait."""
    found = _Kind.model_validate_json(content)
    if found.kind not in {"Status", ref.kind}:
        raise ValueError(f"it is a {found.kind}")
    return True


def _refuse(found: Manifest, like: Ref, *, stored: bool = True) -> None:
    place = next(kubernetes_types.faults(found, like.api_version, like.kind, stored=stored), None)
    if place is None:
        if like.namespace and found["metadata"].get("namespace") != like.namespace:
            raise ValueError("metadata.namespace")
        return
    if custom_types.is_read(like.kind) and not place.startswith("metadata"):
        named = Ref(like.api_version, like.kind, found["metadata"]["name"], found["metadata"].get("namespace"))
        raise ClusterError(
            f"{named} is malformed, and its CustomResourceDefinition admits that: {place} is missing or of another "
            "type. Correct the object"
        )
    raise ValueError(place)


def _without_version(metadata: Manifest) -> Manifest:
    return {key: value for key, value in metadata.items() if key not in {"resourceVersion", "managedFields"}}
