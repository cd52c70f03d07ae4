"""Deploys a stack onto Pulumi's mocks, and returns what was registered, as text that a test can assert on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi.runtime import mocks, resource, rpc
from pulumi.runtime.proto.source_pb2 import StackTrace

from components.ownership import Ownership
from components.photo_stack import NAME, PhotoStack
from components.plan import Found, plan
from settings import Settings

STACK = "immich-icloud/test"
# What only the provider knows of a resource, by its kind.
COMPUTED = {"ZeroTrustAccessServiceToken": {"clientId": "the-apps-id", "clientSecret": "the-apps-secret"}}
TUNNEL_TOKEN = "the-tunnels-token"  # noqa: S105 (it opens nothing)


@dataclass(frozen=True)
class Registered:
    """One registration, with the options that Pulumi's own mocks leave out; `secrets` are names of inputs."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    secrets: frozenset[str]
    parent: str
    provider: str
    depends_on: frozenset[str]
    retain_on_delete: bool
    protect: bool
    delete_before_replace: bool
    import_id: str
    secret_outputs: frozenset[str]
    aliases: tuple[str, ...]

    @property
    def kind(self) -> str:
        return self.type.rsplit(":", 1)[-1]


@dataclass
class Recording:
    """Everything that was registered and asked, once all of it is in; and the stack's outputs."""

    resources: list[Registered] = field(default_factory=list)
    calls: list[mocks.MockCallArgs] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    secret_outputs: set[str] = field(default_factory=set)

    def all(self, kind: str) -> list[Registered]:
        return [resource for resource in self.resources if resource.kind == kind]

    def one(self, kind: str, name: str = "") -> Registered:
        found = [r for r in self.all(kind) if not name or r.inputs["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} of kind {kind} {name}, among {sorted({r.kind for r in self.resources})}"
        return found[0]

    def fragment(self, kind: str, name: str) -> Registered:
        """The fragment of one object that this stack does not manage."""
        found = [
            r
            for r in self.all("Fragment")
            if (r.inputs["fragment"]["kind"], r.inputs["fragment"]["metadata"]["name"]) == (kind, name)
        ]
        assert len(found) == 1, f"{len(found)} fragments of {kind} {name}"
        return found[0]

    def comes_after(self, later: Registered, earlier: Registered) -> bool:
        """Whether the engine makes `earlier` first: through depends_on of the resource, or of what it lies in."""
        by_urn = {_urn(r): r for r in self.resources}

        def waits_for(resource: Registered) -> Iterator[Registered]:
            yield from (by_urn[urn] for urn in resource.depends_on if urn in by_urn)
            if resource.parent in by_urn:
                yield from waits_for(by_urn[resource.parent])

        seen, open_ends = set(), [later]
        while open_ends:
            for before in waits_for(open_ends.pop()):
                if before.name not in seen:
                    seen.add(before.name)
                    open_ends.append(before)
        return earlier.name in seen or any(
            _urn(by_name) == earlier.parent for by_name in self.resources if by_name.name in seen
        )


def _urn(resource: Registered) -> str:
    return f"{resource.type}::{resource.name}"


class _Mocks(mocks.Mocks):
    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        return f"{args.name}-id", {**args.inputs, **COMPUTED.get(args.typ.rsplit(":", 1)[-1], {})}

    def call(self, args: mocks.MockCallArgs) -> Any:
        if not args.token.endswith(":getZeroTrustTunnelCloudflaredToken"):
            raise AssertionError(f"the program calls {args.token}, which it has no reason to")
        self._recording.calls.append(args)
        return {**args.args, "token": TUNNEL_TOKEN}


class _Monitor(mocks.MockMonitor):
    def __init__(self, recording: Recording) -> None:
        super().__init__(_Mocks(recording))
        self._recording = recording

    def make_urn(self, parent: str, type_: str, name: str) -> str:  # noqa: ARG002
        return f"{type_}::{name}"

    def RegisterResource(self, request: Any) -> Any:
        inputs = rpc.deserialize_properties(request.object)
        self._recording.resources.append(
            Registered(
                type=request.type,
                name=request.name,
                inputs={key: rpc.unwrap_rpc_secret(value) for key, value in inputs.items()},
                secrets=frozenset(key for key, value in inputs.items() if rpc.is_rpc_secret(value)),
                parent=request.parent,
                provider=request.provider,
                depends_on=frozenset(request.dependencies),
                retain_on_delete=request.retainOnDelete,
                protect=request.protect,
                delete_before_replace=request.deleteBeforeReplace,
                import_id=request.importId,
                secret_outputs=frozenset(request.additionalSecretOutputs),
                aliases=tuple(one.spec.name or one.urn for one in request.aliases) or tuple(request.aliasURNs),
            )
        )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def registered(program: Callable[[], Mapping[str, Any]]) -> Recording:
    """Run a program that returns outputs on fresh mocks, until every registration is in: then absence is a fact."""
    recording = Recording()
    monitor = _Monitor(recording)
    pulumi.runtime.set_mocks(monitor.mocks, "immich-icloud", "test", preview=False, monitor=monitor)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    async def run() -> None:
        for name, output in program().items():
            wrapped = pulumi.Output.from_input(output)
            recording.outputs[name] = await wrapped.future()
            if await wrapped.is_secret():
                recording.secret_outputs.add(name)

    with mock.patch.object(resource, "_get_stack_trace", StackTrace):  # a third of the time, and it is not looked at
        run()
    return recording


def deployed(
    settings: Settings, found: Found, ownership: Ownership | None = None, names: Sequence[str] = (NAME,)
) -> Recording:
    """Build the stack, once under each name, under the providers that it needs."""
    planned = plan(settings, found, ownership or Ownership(STACK, adopting=settings.adopt_existing))

    def stack() -> Mapping[str, Any]:
        providers: list[pulumi.ProviderResource] = [kubernetes.Provider("cluster", context="test")]
        if planned.public_access:
            from components.cloudflare import provider  # noqa: PLC0415 (see there)

            providers.append(provider(settings.cloudflare_token))
        opts = pulumi.ResourceOptions(providers=providers)
        first, *_ = [PhotoStack(name, planned, opts) for name in names]
        return first.outputs.exported()

    return registered(stack)
