"""Deploys a stack onto Pulumi's mocks, and gives back what was registered, in words that a test can assert on."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi.runtime import mocks, rpc

from components.ownership import Ownership
from components.photo_stack import PhotoStack
from components.plan import Found, plan
from settings import Settings

STACK = "immich-icloud/test"


@dataclass(frozen=True)
class Registered:
    """One registration, with the options that Pulumi's own mocks leave out."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    parent: str
    provider: str
    depends_on: frozenset[str]
    retain_on_delete: bool

    @property
    def kind(self) -> str:
        return self.type.rsplit(":", 1)[-1]


@dataclass
class Recording:
    """Everything that was registered, once all of it is in."""

    resources: list[Registered] = field(default_factory=list)

    def all(self, kind: str) -> list[Registered]:
        return [resource for resource in self.resources if resource.kind == kind]

    def one(self, kind: str, name: str = "") -> Registered:
        found = [r for r in self.all(kind) if not name or r.inputs["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} of kind {kind} {name}, among {sorted({r.kind for r in self.resources})}"
        return found[0]

    def fragment(self, kind: str, name: str) -> Registered:
        """The fragment of one object that is somebody else's."""
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
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], None]:
        raise AssertionError(f"the program calls {args.token}, which it has no reason to")


class _Monitor(mocks.MockMonitor):
    def __init__(self, recording: Recording) -> None:
        super().__init__(_Mocks())
        self._recording = recording

    def make_urn(self, parent: str, type_: str, name: str) -> str:  # noqa: ARG002
        return f"{type_}::{name}"

    def RegisterResource(self, request: Any) -> Any:
        self._recording.resources.append(
            Registered(
                type=request.type,
                name=request.name,
                inputs=rpc.deserialize_properties(request.object),
                parent=request.parent,
                provider=request.provider,
                depends_on=frozenset(request.dependencies),
                retain_on_delete=request.retainOnDelete,
            )
        )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def deployed(settings: Settings, found: Found, ownership: Ownership | None = None) -> Recording:
    """Build the stack on fresh mocks; it returns when every registration is in, so that absence is a fact."""
    recording = Recording()
    pulumi.runtime.set_mocks(_Mocks(), "immich-icloud", "test", preview=False, monitor=_Monitor(recording))
    owner = ownership or Ownership(STACK, adopting=settings.adopt_existing)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def build() -> pulumi.Output[dict[str, Any]]:
        provider = kubernetes.Provider("cluster", context="test")
        stack = PhotoStack("immich-icloud", plan(settings, found, owner), pulumi.ResourceOptions(provider=provider))
        return pulumi.Output.from_input(asdict(stack.outputs))

    build()
    return recording
