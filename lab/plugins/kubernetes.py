"""A stand-in for the plugin `pulumi-resource-kubernetes` 4.32.0, for the engine to attach to.

It does what the program uses, against the real API server: server-side apply, previews by dry run, awaiting, drift.
What it does not know it refuses by name. The engine attaches with `PULUMI_DEBUG_PROVIDERS=kubernetes:<port>`.
"""
# The method names are gRPC's.
# ruff: noqa: N802

from collections.abc import Mapping

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2_grpc, plugin_pb2, provider_pb2

from lab.plugins import changes, configuration, properties, writes
from lab.plugins.awaits import NotReadyError, annotation, refuse_unknown, unreadiness, wait_until_gone, wait_until_ready
from lab.plugins.changes import Change, Kind, Object
from lab.plugins.checkpoint import checkpoint, field_manager, initial_version, kind_of, object_id, split
from lab.plugins.cluster import ApiError, Cluster, NoSuchKindError, UnreachableError
from lab.plugins.configuration import Configuration
from lab.plugins.properties import Properties, Unknown, decode, encode, plain, with_secrets_of
from lab.plugins.service import Context, InitFailedError, Plugin, answering, difference, failures
from lab.plugins.session import Session


class KubernetesPlugin(Plugin[Session]):
    """The provider's service, against the API server."""

    name = "Kubernetes"
    version = "4.32.0"
    faults = (ApiError, NoSuchKindError, UnreachableError, *Plugin.faults)

    def __init__(self) -> None:
        super().__init__(Session)

    def close(self) -> None:
        """End every wait and close every client."""
        with self._lock:
            for session in self._sessions.values():
                session.cancelled.set()
                if session.cluster:
                    session.cluster.close()

    # The provider itself.

    def Attach(self, request: plugin_pb2.PluginAttach, context: Context) -> Empty:
        """Take the address of the engine that attached, to report progress to."""
        self._opened(context).engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(request.address))
        return Empty()

    @answering
    def CheckConfig(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:  # noqa: ARG002
        """Refuse provider inputs that mean something that isn't done here."""
        refused = failures(configuration.refusals(plain(decode(request.news))))
        return provider_pb2.CheckResponse(inputs=request.news, failures=refused)

    @answering
    def DiffConfig(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:  # noqa: ARG002
        """Tell an update of the provider from a replacement."""
        return difference(*configuration.compare(plain(decode(request.olds)), plain(decode(request.news))))

    @answering
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: Context,
    ) -> provider_pb2.ConfigureResponse:  # fmt: skip
        """Connect this connection's provider; a cluster that can't be reached fails later, where it is needed."""
        session = self._configuring(context)
        session.configuration = Configuration.from_variables(request.variables)
        try:
            session.cluster = Cluster.connect(session.configuration)
        except UnreachableError as error:
            session.cluster, session.unreachable = None, str(error)
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(self, request: Empty, context: Context) -> Empty:  # noqa: ARG002
        """End what this connection waits for."""
        self._session(context).cancelled.set()
        return Empty()

    # Resources.

    @answering
    def Check(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:  # noqa: ARG002
        """Fill in the kind, and refuse what would be done otherwise than by the real plugin."""
        news = decode(request.news)
        version, kind = kind_of(request.urn)
        inputs = changes.normalised({"apiVersion": version, "kind": kind, **plain(news)})
        refuse_unknown(inputs)
        return provider_pb2.CheckResponse(inputs=encode(with_secrets_of(inputs, news)))

    @answering
    def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        """Compare the live object of the last operation, cut down to what its inputs set, with the new inputs."""
        session = self._session(context)
        old_inputs, live = split(plain(decode(request.olds)))
        new = changes.normalised(plain(decode(request.news)))
        old = changes.pruned(live, changes.normalised(old_inputs))
        found = changes.compare(old, new, changes.force_new(new))
        if new["kind"] == "Job" and annotation(new, "replaceUnready") == "true" and session.cluster:
            now = session.cluster.get(live)
            if now and unreadiness(new, now):
                found['metadata.annotations["pulumi.com/replaceUnready"]'] = Change(Kind.UPDATE, replaces=True)
        return _diff_response(found, new, live)

    @answering
    def Create(self, request: provider_pb2.CreateRequest, context: Context) -> provider_pb2.CreateResponse:
        """Create the object and wait for it; in a preview, ask the server by dry run."""
        session = self._session(context)
        inputs = decode(request.properties)
        obj = plain(inputs)
        as_is = provider_pb2.CreateResponse(properties=request.properties)
        if request.preview and not _can_be_asked(session, obj):
            return as_is
        manager = field_manager(obj, {})
        try:
            live = writes.create(session, request, obj, manager)
        except ApiError as error:
            missing_namespace = error.code == 404 and error.kind == "namespaces"  # noqa: PLR2004
            if request.preview and (error.reason == "Forbidden" or missing_namespace):
                return as_is
            message = f'resource "{request.urn}" was not successfully created by the Kubernetes API server: {error}'
            raise ValueError(message) from error
        except NoSuchKindError as error:
            raise ValueError(
                f'creation of resource "{request.urn}" with kind {obj["apiVersion"]}/{obj["kind"]} failed because the '
                "Kubernetes API server reported that the apiVersion for this resource does not exist. "
                f"Verify that any required CRDs have been created: {error}"
            ) from error
        if request.preview:
            live.pop("status", None)
            return provider_pb2.CreateResponse(properties=encode(checkpoint(obj, live, inputs, manager)))
        try:
            live = wait_until_ready(session.reached(), obj, live, session.patience(request.urn, request.timeout))
        except NotReadyError as error:
            message = (
                f'resource "{request.urn}" was successfully created, but the Kubernetes API server reported that it '
                f"failed to fully initialize or become live: {error}"
            )
            raise _init_failed(message, error, checkpoint(obj, error.live, inputs, manager)) from error
        return provider_pb2.CreateResponse(
            id=object_id(live), properties=encode(checkpoint(obj, live, inputs, manager))
        )

    @answering
    def Read(self, request: provider_pb2.ReadRequest, context: Context) -> provider_pb2.ReadResponse:
        """Read the live object; its inputs are the live values of what the last inputs set."""
        session = self._session(context)
        if session.cluster is None:
            raise UnreachableError(
                f"failed to read resource state due to unreachable cluster: {session.unreachable}. "
                "If a credential in the last `up` has expired, use --run-program"
            )
        state, inputs = decode(request.properties), decode(request.inputs)
        obj = changes.normalised(plain(inputs))
        if not obj.get("kind"):
            raise ValueError("the lab's Kubernetes stand-in imports nothing: install the real plugin for it")
        namespace, _, name = request.id.rpartition("/")
        target = {**obj, "metadata": {**obj["metadata"], "name": name, "namespace": namespace}}
        live = session.cluster.get(target)
        if live is None:
            return provider_pb2.ReadResponse()
        live_inputs = changes.pruned(live, obj)
        manager = field_manager(obj, state)
        kept = checkpoint(live_inputs, live, inputs, manager, initial_version(obj, state))
        marked = with_secrets_of(live_inputs, inputs)
        if unready := unreadiness(obj, live):
            raise _init_failed(str(unready), unready, kept, marked, request.id)
        return provider_pb2.ReadResponse(id=request.id, properties=encode(kept), inputs=encode(marked))

    @answering
    def Update(self, request: provider_pb2.UpdateRequest, context: Context) -> provider_pb2.UpdateResponse:
        """Apply the new inputs and wait; in a preview, ask the server by dry run."""
        session = self._session(context)
        state, inputs = decode(request.olds), decode(request.news)
        obj = changes.normalised(plain(inputs))
        as_is = provider_pb2.UpdateResponse(properties=request.news)
        if request.preview and not _can_be_asked(session, obj):
            return as_is
        cluster = session.reached()
        old_inputs, old_live = split(plain(state))
        before, manager = field_manager(old_inputs, state), field_manager(obj, state)
        version = initial_version(obj, state)
        try:
            live = writes.update(session, obj, old_live, manager, preview=request.preview)
            if not request.preview:
                live = wait_until_ready(cluster, obj, live, session.patience(request.urn, request.timeout))
        except (ApiError, NotReadyError) as error:
            if request.preview and isinstance(error, ApiError) and error.reason == "Forbidden":
                return as_is
            current = cluster.get(old_live)
            if current is None:
                raise ValueError(f'update of resource "{request.urn}" failed: {error}') from error
            message = (
                f'the Kubernetes API server reported that "{object_id(current)}" failed to fully initialize or become '
                f"live: {error}"
            )
            raise _init_failed(message, error, checkpoint(obj, current, inputs, manager, version)) from error
        if not request.preview and before != manager:
            cluster.relinquish(live, before)
        return provider_pb2.UpdateResponse(properties=encode(checkpoint(obj, live, inputs, manager, version)))

    @answering
    def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> Empty:
        """Delete the object and wait until it is gone."""
        session = self._session(context)
        cluster = session.reached()
        inputs, live = split(plain(decode(request.properties)))
        cluster.delete(live)
        try:
            wait_until_gone(cluster, inputs, live, session.patience(request.urn, request.timeout))
        except NotReadyError as error:
            raise _init_failed(str(error), error, decode(request.properties)) from error
        return Empty()


def _can_be_asked(session: Session, obj: Object) -> bool:
    return not properties.contains(obj, Unknown) and session.cluster is not None and session.cluster.serves(obj)


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["name"], obj["metadata"].get("namespace") or "default"


def _diff_response(found: Mapping[str, Change], new: Object, live: Object) -> provider_pb2.DiffResponse:
    replaces = sorted(path for path, change in found.items() if change.replaces)
    detailed = {
        path: provider_pb2.PropertyDiff(
            kind=provider_pb2.PropertyDiff.Kind.Value(change.kind.name + ("_REPLACE" if change.replaces else "")),
            inputDiff=change.kind is Kind.DELETE,
        )
        for path, change in found.items()
    }
    same_place = _place(new) == _place(live)
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=replaces,
        detailedDiff=detailed,
        hasDetailedDiff=True,
        deleteBeforeReplace=bool(replaces) and same_place,  # the same name can't be taken twice
    )


def _init_failed(
    message: str,
    error: Exception,
    state: Properties,
    inputs: Properties | None = None,
    identity: str = "",
) -> InitFailedError:
    _, live = split(plain(state))
    detail = provider_pb2.ErrorResourceInitFailed(
        id=identity or object_id(live),
        properties=encode(state),
        reasons=[message, *(error.reasons if isinstance(error, NotReadyError) else [])],
        inputs=encode(inputs) if inputs is not None else None,
    )
    return InitFailedError(message, detail)
