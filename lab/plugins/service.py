"""What every stand-in for a provider plugin shares: its gRPC service, told apart by connection, and what it refuses."""
# The method names are gRPC's.
# ruff: noqa: N802

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

Session = TypeVar("Session")
Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
Context = Any  # grpc.ServicerContext; grpc has no types


class InitFailedError(Exception):
    """An object that exists, and so must be in the state, but isn't as it should be."""

    def __init__(self, message: str, detail: provider_pb2.ErrorResourceInitFailed) -> None:
        super().__init__(message)
        self.detail = detail


def answering(method: Callable[[Any, Request, Context], Response]) -> Callable[[Any, Request, Context], Response]:
    """Turn the faults that the plugin expects into gRPC errors that the engine prints as they are."""

    @functools.wraps(method)
    def answer(self: "Plugin[Any]", request: Request, context: Context) -> Response:
        try:
            return method(self, request, context)
        except InitFailedError as error:
            packed = AnyMessage()
            packed.Pack(error.detail)
            status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[packed])
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            _abort(context, str(error))
        except self.faults as error:
            _abort(context, str(error))

    return answer


def _abort(context: Context, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError("abort raises")


class Plugin(provider_pb2_grpc.ResourceProviderServicer, Generic[Session]):
    """A provider's service: the engine dials once for each configured provider, the old and the new one included."""

    name: ClassVar[str]
    """The provider's name in messages."""
    version: ClassVar[str]
    """The version of the real plugin that this one stands in for."""
    faults: ClassVar[tuple[type[Exception], ...]] = (ConnectionError, ValueError)
    """What may go wrong in a call, with a message for the user."""

    def __init__(self, new_session: Callable[[], Session]) -> None:
        self._new_session = new_session
        self._sessions: dict[str, Session] = {}
        self._latest = new_session()
        self._lock = threading.Lock()

    def close(self) -> None:
        """End what the connections still do and hold."""

    def _opened(self, context: Context) -> Session:
        """Return this connection's own session."""
        with self._lock:
            if context.peer() not in self._sessions:
                self._sessions[context.peer()] = self._new_session()
            return self._sessions[context.peer()]

    def _configuring(self, context: Context) -> Session:
        """Return this connection's own session, from now on the latest one."""
        session = self._opened(context)
        with self._lock:
            self._latest = session
        return session

    def _session(self, context: Context) -> Session:
        # A connection that was idle and dialled again has no configuration of its own: the latest one is meant.
        with self._lock:
            return self._sessions.get(context.peer(), self._latest)

    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:  # noqa: ARG002
        """Say which version this stands in for."""
        return plugin_pb2.PluginInfo(version=self.version)

    def Attach(self, request: plugin_pb2.PluginAttach, context: Context) -> Empty:  # noqa: ARG002
        """Take note that an engine attached."""
        return Empty()

    def Cancel(self, request: Empty, context: Context) -> Empty:  # noqa: ARG002
        """End what this connection waits for: nothing, where every call is short."""
        return Empty()

    # What the program does not use.

    def _unimplemented(self, request: Message, context: Context) -> NoReturn:
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"the lab's {self.name} stand-in does not do {type(request).__name__.removesuffix('Request')}: "
            "use the real plugin for it",
        )
        raise AssertionError("abort raises")

    Handshake = _unimplemented
    Parameterize = _unimplemented
    GetSchema = _unimplemented
    Invoke = _unimplemented
    Call = _unimplemented
    Construct = _unimplemented
    List = _unimplemented
    GetMapping = _unimplemented
    GetMappings = _unimplemented


def difference(changed: Sequence[str], replaces: Sequence[str] = ()) -> provider_pb2.DiffResponse:
    """Answer with the names of what changed, and of what of it replaces."""
    some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=replaces)


def failures(reasons: Mapping[str, str]) -> list[provider_pb2.CheckFailure]:
    """Say why inputs are refused, by their names."""
    return [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in reasons.items()]


@contextmanager
def serving(plugin: Plugin[Any]) -> Iterator[int]:
    """Serve a plugin on a free loopback port for the time of the context.

    Yields:
        The port, for `PULUMI_DEBUG_PROVIDERS=<package>:<port>`.
    """
    # A call may wait for minutes: as many threads as the engine has operations under way.
    server = grpc.server(
        ThreadPoolExecutor(max_workers=64, thread_name_prefix=f"{plugin.name}-plugin"),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield int(port)
    finally:
        plugin.close()
        server.stop(grace=1).wait()
