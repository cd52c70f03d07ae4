"""The few calls to a Kubernetes API server that Pulumi's own resources have no words for."""

import json
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import urllib3
import websocket
import yaml
from kubernetes import client, config, stream
from websocket import WebSocket

from settings.cluster import Cluster
from text.encoding import encoded
from text.visible import VisibleError

Manifest = dict[str, Any]

# The field manager of the whole objects that this project deploys.
OBJECT_MANAGER = "immich-icloud"
# With a parameter, as without one the client encodes the body itself, in a way that YAML does not know.
APPLY = "application/apply-patch+yaml; charset=utf-8"

_TIMEOUT = 15.0  # seconds; one answer of an API server that is well takes milliseconds
websocket.setdefaulttimeout(_TIMEOUT)  # the client sets none, and would wait for ever
_SILENCE = 60.0  # seconds
# It keeps certificates in temporary files, and hands one over to a second thread before it is written.
_LOADING = threading.Lock()


class ClusterError(VisibleError):
    """The API server refused or could not be asked. `str()` is one sentence for the user."""


class UnreachableError(ClusterError):
    """No API server answered, or no way to it could be made of the kubeconfig."""


class RefusedError(ClusterError):
    """The API server answered, and said no.

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
        plural = suffixes.get(singular[-1], f"{singular}s")
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
            UnreachableError: when the file or the context is missing or unusable.

        """
        file = cluster.kubeconfig_file
        if not file.is_file():
            raise UnreachableError(
                f"immich-icloud:cluster.kubeconfig: there is no file {file}. Name your kubeconfig file there"
            )
        try:
            names = [context["name"] for context in (yaml.safe_load(file.read_text()) or {}).get("contexts", [])]
            if cluster.context not in names:
                raise UnreachableError(
                    f'immich-icloud:cluster.context: {file} has no context "{cluster.context}". '
                    f"It has: {', '.join(names)}"
                )
            connection = client.Configuration()
            connection.retries = False
            with _LOADING:
                config.load_kube_config(str(file), cluster.context, client_configuration=connection)
        except (config.ConfigException, yaml.YAMLError) as error:
            raise UnreachableError(f"immich-icloud:cluster.kubeconfig: {file} can't be used: {error}") from None
        self._client = client.ApiClient(connection)
        self._where = f'{connection.host} (context "{cluster.context}" of {file})'

    def get(self, ref: Ref) -> Manifest | None:
        """Read one object; None when it does not exist."""
        try:
            return self._call("GET", ref.path).object
        except RefusedError as refused:
            if refused.status == _NOT_FOUND:
                return None
            raise

    def list(self, like: Ref, **query: str) -> list[Manifest]:
        """Read the objects of one kind and namespace; `query` takes labelSelector and fieldSelector."""
        items: list[Manifest] = self._call("GET", like.collection, query=query).object["items"]
        return items

    def apply(self, manifest: Manifest, manager: str, *, dry_run: bool = False, force: bool = False) -> Answer:
        """Apply server-side what `manager` wants to own.

        Raises:
            RefusedError: with what other managers hold, or with the API server's or an admission webhook's own words.

        """
        query = {"fieldManager": manager, "force": str(force).lower()} | ({"dryRun": "All"} if dry_run else {})
        return self._call("PATCH", Ref.of(manifest).path, query, encoded(manifest), APPLY)

    def patch(self, ref: Ref, patch: Manifest, manager: str) -> Answer:
        """Change one object by a JSON merge patch."""
        return self._call("PATCH", ref.path, {"fieldManager": manager}, patch, "application/merge-patch+json")

    def create(self, manifest: Manifest, manager: str) -> Answer:
        """Create an object.

        Raises:
            RefusedError: with status 409 when it exists.

        """
        return self._call("POST", Ref.of(manifest).collection, {"fieldManager": manager}, manifest)

    def replace(self, manifest: Manifest, manager: str) -> Answer:
        """Write a whole object, as it was read but for what shall change.

        Raises:
            RefusedError: with status 409 when somebody else wrote since it was read.

        """
        return self._call("PUT", Ref.of(manifest).path, {"fieldManager": manager}, manifest)

    def delete(self, live: Manifest) -> None:
        """Delete an object as it was read.

        Raises:
            RefusedError: with status 409 when somebody else wrote since it was read.

        """
        preconditions = {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
        self._call("DELETE", Ref.of(live).path, body={"preconditions": preconditions})

    def connect(self, pod: Ref, port: int) -> socket.socket:
        """Open a connection to a port of a pod, as `kubectl port-forward` does.

        Raises:
            RefusedError: when the API server does not let us.
            UnreachableError: when no API server answers.

        """
        opened = client.CoreV1Api(self._client).connect_get_namespaced_pod_portforward
        try:
            forwarded = stream.portforward(opened, pod.name, pod.namespace, ports=str(port))
        except (client.ApiException, AttributeError) as error:
            raise self._not_opened(f"no port of {pod} is forwarded", error) from None
        opened_socket: socket.socket = forwarded.socket(port)
        return opened_socket

    def delete_with_dependents(self, ref: Ref) -> None:
        """Delete an object, whatever its state, and then what it owns: of a Job, its pods."""
        # Said in so many words: the default of a Job is to leave its pods (source: strategy.go of batch/v1).
        self._call("DELETE", ref.path, body={"propagationPolicy": "Background"})

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
        response = self._request("GET", f"{pod.path}/log", query, timeout=(_TIMEOUT, _SILENCE))
        rest = b""
        try:
            for chunk in response.stream():
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines)
        except urllib3.exceptions.ReadTimeoutError:
            return
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnreachableError(f"no Kubernetes API server answers at {self._where}: {error}") from None
        finally:
            response.close()
        if rest:
            yield rest.decode(errors="replace")

    def execute(self, pod: Ref, container: str, command: Sequence[str]) -> WebSocket:
        """Run a command in a container, without a terminal; return the stream of its channels, input and output.

        Raises:
            RefusedError: when the API server does not let us.
            UnreachableError: when no API server answers.

        """
        connect = client.CoreV1Api(self._client).connect_get_namespaced_pod_exec
        channels = {"stdin": True, "stdout": True, "stderr": True, "tty": False}
        try:
            opened = stream.stream(
                connect,
                pod.name,
                pod.namespace,
                container=container,
                command=list(command),
                **channels,
                _preload_content=False,
            )
        except (client.ApiException, AttributeError) as error:
            raise self._not_opened(f"no command can be run in {pod}", error) from None
        web_socket: WebSocket = opened.sock
        return web_socket

    def version(self) -> str:
        """Ask for the API server's version: the cheapest way to see that it answers and knows us."""
        return str(self._call("GET", "/version").object["gitVersion"])

    def _not_opened(self, what: str, error: Exception) -> ClusterError:
        """Say why no stream could be opened: as in `_request`, the client may have stumbled over its own exception."""
        if isinstance(error.__context__, KeyboardInterrupt):  # of which the client makes an error of its own
            raise KeyboardInterrupt
        reason = getattr(error, "reason", None) or getattr(error.__context__, "reason", error)
        refused = _HANDSHAKE.match(str(reason))
        if refused:
            return RefusedError(int(refused[1]), f"{what}: {refused[1]} {refused[2].strip()}")
        return UnreachableError(f"no Kubernetes API server answers at {self._where}: {reason}")

    def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Manifest | bytes | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        response = self._request(method, path, query, body, content_type)
        return Answer(json.loads(response.data), tuple(_text(w) for w in response.headers.getlist("Warning")))

    def _request(  # noqa: PLR0913, PLR0917 (what a request is made of)
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
            raise _refusal(refused) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnreachableError(f"no Kubernetes API server answers at {self._where}: {error}") from None
        except AttributeError as error:
            # Of a TLS error the client makes an ApiException, and stumbles over the body that this one has not.
            reason = getattr(error.__context__, "reason", error)
            raise UnreachableError(f"no Kubernetes API server answers at {self._where}: {reason}") from None
        return response


_NOT_FOUND = 404
# What the client makes of an answer that opens no web socket: then come its headers and its body.
_HANDSHAKE = re.compile(r"Handshake status (\d+) ([\w ]*)")


def _refusal(refused: client.ApiException) -> RefusedError:
    try:
        status = json.loads(refused.body)
    except (TypeError, ValueError):
        return RefusedError(refused.status, f"the API server answered {refused.status} {refused.reason}")
    causes = (status.get("details") or {}).get("causes") or []
    # `conflict with "kubectl-patch" using apps/v1`
    conflicts = tuple(
        cause["message"].split('"')[1] for cause in causes if cause.get("reason") == "FieldManagerConflict"
    )
    return RefusedError(refused.status, status.get("message", refused.reason), conflicts)


def _text(warning: str) -> str:
    """`299 - "text"` (RFC 9111, section 5.5) to text."""
    return warning.split(" ", 2)[-1].strip('"').replace('\\"', '"')
