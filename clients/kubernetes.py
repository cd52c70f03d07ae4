"""The few calls to a Kubernetes API server that Pulumi's own resources have no words for."""

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Literal, Self, TypeVar

import urllib3
import websocket
from kubernetes import client
from kubernetes.stream import ws_client
from pydantic import BaseModel, ValidationError
from websocket import WebSocket, WebSocketBadStatusException, WebSocketException

from clients import kubeconfig, kubernetes_types, retry
from clients.credentials import tls_of
from clients.kubeconfig import KubeconfigError
from clients.likeness import unlike
from clients.retry import TransientError, again, once
from settings.cluster import Cluster
from text.encoding import encoded
from text.visible import VisibleError

Manifest = dict[str, Any]
Manifests = list[Manifest]
T = TypeVar("T")

# The field manager of the whole objects that this project deploys.
OBJECT_MANAGER = "immich-icloud"
# With a parameter, as without one the client encodes the body itself, in a way that YAML does not know.
APPLY = "application/apply-patch+yaml; charset=utf-8"

_TIMEOUT = 15.0  # seconds; one answer of an API server that is well takes milliseconds
_POD_TIMEOUT = 3.0  # seconds: a pod is asked what it has in memory
websocket.setdefaulttimeout(_TIMEOUT)  # the client sets none, and would wait forever
_SILENCE = 60.0  # seconds


class ClusterError(VisibleError):
    """The API server refused or could not be asked. `str()` is one sentence for the user."""


class UnreachableError(ClusterError, TransientError):
    """No API server gave an answer: there is none, it is busy or failing, or what answers can't be read.

    Attributes:
        retry_after: seconds that it asks to wait; 0 when it does not say.

    """

    def __init__(self, message: str, retry_after: float = 0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class ClusterRefusedError(ClusterError):
    """The API server answered, and said no: the same request will be refused again.

    Attributes:
        status: the HTTP status code.
        conflicts: the field managers that hold what was to be applied; empty unless `status` is 409.

    """

    def __init__(self, status: int, message: str, conflicts: tuple[str, ...] = ()) -> None:
        self.status = status
        self.conflicts = conflicts
        super().__init__(message)


@dataclass(frozen=True)
class Ref:
    """Names one object."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Read the reference out of an object."""
        metadata = manifest["metadata"]
        return cls(manifest["apiVersion"], manifest["kind"], metadata["name"], metadata.get("namespace"))

    @property
    def path(self) -> str:
        """Path of the object in the API."""
        return f"{self.collection}/{self.name}"

    @property
    def collection(self) -> str:
        """Path of the objects of this kind beside it."""
        # The plural, as apimachinery's meta.UnsafeGuessKindToResource forms it.
        singular = self.kind.lower()
        suffixes = {"s": f"{singular}es", "y": f"{singular[:-1]}ies"}
        # But for Gateway API's "gateways", where that guess is wrong.
        plural = f"{singular}s" if singular.endswith("way") else suffixes.get(singular[-1], f"{singular}s")
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        return f"{root}/namespaces/{self.namespace}/{plural}" if self.namespace else f"{root}/{plural}"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Answer:
    """What a write came to: the object as the server has it (or, in a dry run, would have it), and its warnings."""

    object: Manifest
    warnings: tuple[str, ...]


class ClusterApi:
    """One API server, reached through one context of one kubeconfig file."""

    def __init__(self, cluster: Cluster) -> None:
        """Read the kubeconfig; nothing is asked yet.

        Raises:
            ClusterError: when the file or the context is missing or unusable.

        """
        try:
            self._client = kubeconfig.load(cluster)
        except KubeconfigError as error:
            raise ClusterError(str(error)) from None
        self._where = f'{self._client.configuration.host} (context "{cluster.context}" of {cluster.kubeconfig_file})'

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
        """Apply server-side what `manager` wants to own.

        Raises:
            ClusterRefusedError: with what other managers hold, or with the words of the API server or a webhook.

        """
        ref = Ref.of(manifest)
        query = {"fieldManager": manager, "force": str(force).lower()} | ({"dryRun": "All"} if dry_run else {})
        return again(partial(self._object, ref, "PATCH", ref.path, query, encoded(manifest), APPLY))

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
        # Said in so many words: the default of a Job is to leave its pods (source: strategy.go of batch/v1).
        self._delete(ref, {"propagationPolicy": "Background"})

    def connect(self, pod: Ref, port: int) -> socket.socket:
        """Open a connection to a port of a pod, as `kubectl port-forward` does.

        Raises:
            ClusterRefusedError: when the API server does not let us.
            UnreachableError: when no API server answers.

        """
        stream = self._stream(f"{pod.path}/portforward", [("ports", str(port))], f"no port of {pod} is forwarded")
        opened_socket: socket.socket = ws_client.PortForward(stream, [port]).socket(port)
        return opened_socket

    def of_pod(self, pod: Ref, port: int, path: str) -> Manifest:
        """Ask a port of a pod over HTTP, by the API server's proxy: once, as the pod may not answer.

        Raises:
            ClusterRefusedError: when the API server does not let us, or the pod refuses.
            UnreachableError: when neither answers, or not in JSON.

        """
        response = self._open("GET", f"{pod.path}:{port}/proxy/{path}", timeout=_POD_TIMEOUT)
        try:
            found = json.loads(response.data)
        except (ValueError, RecursionError, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from None
        if not isinstance(found, dict):
            raise self._unreachable(f"{pod} answers with no object")
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
        response = again(partial(self._open, "GET", f"{pod.path}/log", query, timeout=(_TIMEOUT, _SILENCE)))
        rest = b""
        try:
            for chunk in response.stream():
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines)
        except urllib3.exceptions.ReadTimeoutError:
            return
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from None
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
        return self._stream(f"{pod.path}/exec", query, f"no command can be run in {pod}")

    def serves(self, api_version: str, kind: str) -> bool:
        """Whether the API server has a kind, in that version.

        Raises:
            ClusterError: when the API server can't be reached, or does not let us read.

        """

        def asked() -> bool:
            path = f"/apis/{api_version}"
            content, _ = self._ask("GET", path)
            served = self._parsed(path, lambda: _Kinds.model_validate_json(content))
            return any(one.kind == kind for one in served.resources)

        try:
            return again(asked)
        except ClusterRefusedError as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                return False
            raise

    def version(self) -> str:
        """Ask for the API server's version: the cheapest way to see that it answers and knows us."""

        def asked() -> str:
            content, _ = self._ask("GET", "/version")
            return self._parsed("/version", lambda: _Version.model_validate_json(content)).gitVersion

        return again(asked)

    def _stream(self, path: str, query: Sequence[tuple[str, str]], otherwise: str) -> WebSocket:
        """Open a stream of channels; `otherwise` says what is not possible where the API server refuses it."""
        settings = self._client.configuration
        headers: dict[str, str] = {}
        self._client.update_params_for_auth(headers, [], ["BearerToken"])
        lines = [f"{name}: {value}" for name, value in headers.items()]
        options = {"header": [*lines, f"sec-websocket-protocol: {_PROTOCOLS}"]}
        if settings.proxy or settings.proxy_headers:
            options = ws_client.websocket_proxycare(options, settings, None, None)
        name = {"server_hostname": settings.tls_server_name} if settings.tls_server_name else {}
        opened = WebSocket(sslopt={"context": tls_of(self._client), **name}, skip_utf8_validation=False)
        try:
            url = ws_client.get_websocket_url(settings.host + path, query)
            opened.connect(url, **options)  # type: ignore[no-untyped-call]
        except WebSocketBadStatusException as refused:
            status, said = refused.status_code, _said(refused.resp_body)
            message = f"{otherwise}: {(said and said.message) or f'{status} {HTTPStatus(status).phrase}'}"
            raise (
                UnreachableError(message) if retry.is_passing(status) else ClusterRefusedError(status, message)
            ) from None
        except (WebSocketException, OSError) as error:
            raise self._unreachable(error) from None
        return opened

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
            self._ask("DELETE", ref.path, body=options)
            return True

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
        content, warnings = self._ask(method, path, query, body, content_type)

        def read() -> Manifest:
            found = kubernetes_types.without_nulls(json.loads(content))
            stored = "dryRun" not in (query or {})
            _refuse(kubernetes_types.faults(found, ref.api_version, ref.kind, stored=stored))
            told = Ref.of({**found, "metadata": {"name": ref.name, **found["metadata"]}})
            if told != ref:
                raise ValueError(f"it is of {told}")
            return dict(found)

        return Answer(self._parsed(path, read), warnings)

    def _items(self, like: Ref, query: dict[str, str]) -> Manifests:
        content, _ = self._ask("GET", like.collection, query)

        def read() -> Manifests:
            found = _List.model_validate(kubernetes_types.without_nulls(json.loads(content)))
            if found.kind != f"{like.kind}List":
                raise ValueError(f"it is a {found.kind}")
            for item in found.items:
                _refuse(kubernetes_types.faults(item, like.api_version, like.kind))
            # Its items come without them.
            return [{**item, "apiVersion": like.api_version, "kind": like.kind} for item in found.items]

        return self._parsed(like.collection, read)

    def _parsed(self, path: str, read: Callable[[], T]) -> T:
        """Read an answer; one that can't be read is none, and a proxy's or another server's may pass."""
        try:
            return read()
        except (ValueError, KeyError, RecursionError) as error:
            why = "" if isinstance(error, json.JSONDecodeError | ValidationError | UnicodeDecodeError) else f": {error}"
            raise UnreachableError(
                f"what answers at {self._where} is not a Kubernetes API server: its answer to {path} can't be read"
                f"{why}. Is there a proxy or a sign-in page in between?"
            ) from None

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Manifest | bytes | None = None,
        content_type: str = "application/json",
    ) -> tuple[bytes, tuple[str, ...]]:
        """Ask once, and read the answer to its end: the bytes, and the API server's warnings."""
        response = self._open(method, path, query, body, content_type)
        try:
            content = response.data
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from None
        return content, tuple(_text(w) for w in response.headers.getlist("Warning"))

    def _open(  # noqa: PLR0913, PLR0917 (what a request is made of)
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Manifest | bytes | None = None,
        content_type: str = "application/json",
        timeout: float | tuple[float, float] = _TIMEOUT,
    ) -> urllib3.HTTPResponse:
        try:
            response: urllib3.HTTPResponse = self._client.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=timeout,
            )
        except client.ApiException as refused:
            raise self._refusal(refused, path) from None
        except (urllib3.exceptions.HTTPError, OSError, UnicodeDecodeError) as error:  # the last of a refusal's body
            raise self._unreachable(error) from None
        except AttributeError as error:
            # Of a TLS error the client makes an ApiException, and stumbles over the body that this one has not.
            raise self._unreachable(getattr(error.__context__, "reason", error)) from None
        return response

    def _unreachable(self, reason: object) -> UnreachableError:
        return UnreachableError(f"no Kubernetes API server answers at {self._where}: {reason}")

    def _refusal(self, refused: client.ApiException, path: str) -> ClusterError:
        status = _said(refused.body)
        message = (status and status.message) or f"the API server answered {refused.status} {refused.reason}"
        if not refused.status or retry.is_passing(refused.status):
            after = retry.retry_after((refused.headers or {}).get("Retry-After"))
            return UnreachableError(f"the Kubernetes API server at {self._where} is busy or failing: {message}", after)
        if refused.status == HTTPStatus.NOT_FOUND and status is None and _NO_SUCH_PATH not in (refused.body or ""):
            return UnreachableError(
                f"what answers at {self._where} is not a Kubernetes API server: it answers {path} with a page of "
                "its own (404)"
            )
        causes = status.details.causes if status and status.details and status.details.causes else []
        # `conflict with "kubectl-patch" using apps/v1`
        held = [cause.message.split('"') for cause in causes if cause.reason == "FieldManagerConflict"]
        return ClusterRefusedError(refused.status, message, tuple(words[1] for words in held if len(words) > 1))


class _Cause(BaseModel):
    reason: str | None = None
    message: str = ""


class _Details(BaseModel):
    causes: list[_Cause] | None = None


class _Status(BaseModel):
    kind: Literal["Status"]
    message: str | None = None
    details: _Details | None = None


def _said(body: str | bytes | None) -> _Status | None:
    """What the API server says of a refusal; None where that is not its own word."""
    try:
        return _Status.model_validate_json(body or "")
    except ValidationError:
        return None


class _List(BaseModel):
    kind: str
    items: Manifests = []


class _Kind(BaseModel):
    kind: str


class _Kinds(BaseModel):
    resources: list[_Kind]


class _Version(BaseModel):
    gitVersion: str  # noqa: N815 (the API's name)


# What an API server answers, in plain text, where it serves no such kind.
_NO_SUCH_PATH = "404 page not found"
_PROTOCOLS = f"{ws_client.V5_CHANNEL_PROTOCOL},{ws_client.V4_CHANNEL_PROTOCOL}"


def _refuse(faults: Iterator[str]) -> None:
    if place := next(faults, None):
        raise ValueError(place)


def _without_version(metadata: Manifest) -> Manifest:
    return {key: value for key, value in metadata.items() if key not in {"resourceVersion", "managedFields"}}


def _text(warning: str) -> str:
    """`299 - "text"` (RFC 9111, section 5.5) to text."""
    return warning.split(" ", 2)[-1].strip('"').replace('\\"', '"')
