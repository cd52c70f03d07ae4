"""Requests to one API server, and streams: each is asked once, and an answer that can't be read is none."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import urllib3
import websocket
from kubernetes import client
from kubernetes.stream import ws_client
from pydantic import ValidationError
from websocket import WebSocket, WebSocketBadStatusException, WebSocketException

from clients import clock, kubeconfig
from clients.credentials import tls_of
from clients.deadline import Socket, within
from clients.kubeconfig import KubeconfigError
from clients.kubernetes.errors import ClusterError, UnreachableError, refusal, refusal_of_stream
from clients.kubernetes.objects import Manifest
from settings.cluster import Cluster
from text.visible import visible_sentence

T = TypeVar("T")

TIMEOUT = 15.0  # seconds of silence; one answer of an API server that is well takes milliseconds
_PATIENCE = 60.0  # seconds, of a whole answer: a long list on a slow line
websocket.setdefaulttimeout(TIMEOUT)  # the client sets none, and would wait forever
# Of a length that no number or no memory holds, a place to go to that is no URL, text in another encoding.
_NO_ANSWER = (ValueError, LookupError, OverflowError, MemoryError)
_PROTOCOLS = f"{ws_client.V5_CHANNEL_PROTOCOL},{ws_client.V4_CHANNEL_PROTOCOL}"


class Transport:
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
        self.ahead = clock.NONE
        self._where = f'{self._client.configuration.host} (context "{cluster.context}" of {cluster.kubeconfig_file})'

    @within(_PATIENCE)
    def stream(self, path: str, query: Sequence[tuple[str, str]], otherwise: str) -> WebSocket:
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
        with self.answering():
            url = ws_client.get_websocket_url(settings.host + path, query)
            try:
                opened.connect(url, redirect_limit=0, **options)  # type: ignore[no-untyped-call]
            except WebSocketBadStatusException as refused:
                raise refusal_of_stream(refused.status_code, refused.resp_body, otherwise) from None
        return opened

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turn what the libraries raise of an answer that is none, its head or its body, into one error."""
        try:
            yield
        except (urllib3.exceptions.HTTPError, WebSocketException, OSError, *_NO_ANSWER) as error:
            raise self.unreachable(error) from None

    def parsed(self, path: str, read: Callable[[], T]) -> T:
        """Read an answer; one that can't be read is none, and a proxy's or another server's may pass."""
        try:
            return read()
        except (ValueError, KeyError, RecursionError) as error:
            why = "" if isinstance(error, ValidationError) else f": {error}"
            raise UnreachableError(
                f"what answers at {self._where} is not a Kubernetes API server: its answer to {path} can't be read"
                f"{why}. Is there a proxy or a sign-in page in between?"
            ) from None

    @within(_PATIENCE)
    def ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Manifest | bytes | None = None,
        content_type: str = "application/json",
    ) -> tuple[bytes, tuple[str, ...]]:
        """Ask once, and read the answer to its end: the bytes, and the API server's warnings."""
        response = self.open(method, path, query, body, content_type)
        with self.answering():
            content = response.data
        self.ahead = clock.ahead(response.headers)
        return content, tuple(_text(w) for w in response.headers.getlist("Warning"))

    @within(_PATIENCE)
    def open(  # noqa: PLR0913, PLR0917 (what a request is made of)
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Manifest | bytes | None = None,
        content_type: str = "application/json",
        timeout: float | tuple[float, float] = TIMEOUT,
    ) -> urllib3.HTTPResponse:
        """Ask once; the answer is still to be read.

        Raises:
            ClusterRefusedError: when the API server says no.
            UnreachableError: when no API server answers.

        """
        with self.answering():
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
                raise refusal(refused, self._where, path) from None
            except AttributeError as error:
                # Of a TLS error the client makes an ApiException, and stumbles over the body that this one has not.
                raise self.unreachable(getattr(error.__context__, "reason", error)) from None
        return response

    def unreachable(self, reason: object) -> UnreachableError:
        """Say why there is no answer."""
        return UnreachableError(f"no Kubernetes API server answers at {self._where}: {visible_sentence(str(reason))}")


class ForwardedPort(Socket):
    """A connection to a port of a pod. Where its node says why it ends, that is the error."""

    def __init__(self, stream: WebSocket, port: int) -> None:
        self._forwarding, self._port = _Forwarding(stream, [port]), port
        super().__init__(fileno=self._forwarding.socket(port).detach())

    def sendall(self, *arguments: Any) -> None:
        """Send what is given."""
        with self._explaining():
            super().sendall(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        """Read what is there, by the deadline."""
        with self._explaining():
            count = super().recv_into(*arguments)
            if not count and self._forwarding.error(self._port):
                raise ConnectionAbortedError
        return count

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except ConnectionError as error:
            raise ConnectionError(self._forwarding.error(self._port) or error) from None


class _Forwarding(ws_client.PortForward):  # type: ignore[misc]  # the client has no types
    """What is sent and is none ends the connection, without the traceback of the client's thread."""

    def _proxy(self) -> None:
        try:
            super()._proxy()
        except Exception:  # noqa: BLE001 (of any frame, connection and encoding)
            self.websocket.shutdown()
            for port in self.local_ports.values():
                port.python.close()


def _text(warning: str) -> str:
    """`299 - "text"` (RFC 9111, section 5.5) to text."""
    return warning.split(" ", 2)[-1].strip('"').replace('\\"', '"')
