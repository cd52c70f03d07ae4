"""One operation of the Pulumi engine as data: read from its events, whichever program ran it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TextIO

from pulumi.automation import EngineEvent, OpType
from pulumi.runtime.rpc import UNKNOWN

from text.pulumi_secret import SECRET, SIGNATURE

Operation = Literal["preview", "up", "destroy"]

_INTERNAL = "__"
_STACK = "pulumi:pulumi:Stack"
# What a step tells of a resource beside its inputs and outputs, and the state keeps.
_OPTIONS = ("parent", "provider", "protect", "retain_on_delete", "delete", "init_errors", "taint")
# What the engine puts before the second telling of an inline program's error.
_UNHANDLED = "an unhandled error occurred: "
_NOT_YET_KNOWN = "[known after up]"
# What a secret holds, the events hide.
_HIDDEN = "[secret]"


@dataclass(frozen=True)
class Step:
    """One resource in one run.

    Attributes:
        operation: the engine's word (create, update, replace, ...); `retain` for a delete that only forgets.
        type: Pulumi's type of the resource.
        name: its name in the program.
        before: its inputs before, secrets hidden; empty when there were none.
        after: its inputs after, secrets hidden; empty when there are none.
        found: what its provider knew of it before.
        retained: whether removing it before would only have forgotten it.
        urn: its URN in the state, which an alias may be about to change; of what is new, the one to be.
        protected: whether the engine deletes or replaces it only once its protection is lifted.

    """

    operation: str
    type: str
    name: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)
    retained: bool = False
    urn: str = ""
    protected: bool = False

    @property
    def is_component(self) -> bool:
        """Whether it only holds other resources together."""
        return self.type.startswith("immich-icloud:")

    @property
    def is_change(self) -> bool:
        """Whether it changes something of a resource."""
        return self.operation not in {"same", "refresh", "read"} and not self.is_component

    @property
    def kind(self) -> str:
        """The last part of its type, such as PersistentVolume."""
        return self.type.rsplit(":", 1)[-1]

    @property
    def title(self) -> str:
        """Kind and name."""
        return f"{self.kind} {self.name}"

    @property
    def differences(self) -> Mapping[str, tuple[Any, Any]]:
        """Which inputs an update or a replacement changes, by path: before and after."""
        return dict(_differences(self.before, self.after)) if self.operation in {"update", "replace"} else {}


@dataclass(frozen=True)
class Diagnostic:
    """One message of the engine, a provider or the program."""

    severity: str
    text: str
    resource: str = ""


@dataclass
class Run:
    """What one operation came to; filled while it runs, and complete once the engine has summed it up.

    Attributes:
        operation: what the engine did.
        succeeded: whether it ended well.
        steps: the resources that it came by.
        diagnostics: its messages.
        outputs: the stack's, secrets hidden.
        complete: whether the engine has summed it up.
        alters: whether it leaves any other state than it found, of the engine's own resources and components, too.

    """

    operation: Operation
    succeeded: bool = False
    steps: list[Step] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    complete: bool = False
    alters: bool = False

    @classmethod
    def of_log(cls, operation: Operation, log: TextIO, *, succeeded: bool) -> "Run":
        """Read what the CLI's `--event-log` has written.

        Raises:
            ValueError: when a line is no event that this version of Pulumi's SDK knows.

        """
        run = cls(operation, succeeded)
        try:
            for line in log:
                list(run.take(EngineEvent.from_json(json.loads(line))))
        except (LookupError, TypeError, AttributeError, RecursionError) as error:  # the SDK checks nothing
            raise ValueError(f"a line is no event: {type(error).__name__}") from None
        return run

    def take(self, event: EngineEvent) -> Iterator[Step | Diagnostic]:
        """Add what an event says; yields what is new in it."""
        self.complete = self.complete or event.summary_event is not None
        self.alters = self.alters or _alters(event)
        if (outputs := _outputs(event)) is not None:
            self.outputs = outputs
        for item in _items(event):
            if isinstance(item, Step):
                self.steps.append(item)
            elif item in self.diagnostics:
                continue  # an inline program's error comes twice
            else:
                self.diagnostics.append(item)
            yield item

    @property
    def changed(self) -> list[Step]:
        """The steps that change something, those of mere components left out."""
        return [step for step in self.steps if step.is_change]

    @property
    def protected_removals(self) -> list[str]:
        """URNs of the protected resources that this run deletes, replaces or only forgets."""
        removing = {"delete", "replace", "retain"}
        return [step.urn for step in self.steps if step.protected and step.operation in removing]

    @property
    def errors(self) -> list[str]:
        """Texts of the errors, each once."""
        return [d.text for d in self.diagnostics if d.severity == "error"]

    @property
    def warnings(self) -> list[str]:
        """Texts of the warnings, each once."""
        return [d.text for d in self.diagnostics if d.severity == "warning"]


def _outputs(event: EngineEvent) -> dict[str, Any] | None:
    """The stack's outputs, where an event has them."""
    told = event.res_outputs_event and event.res_outputs_event.metadata
    if not told or told.type != _STACK or told.op == OpType.REFRESH or told.new is None:
        return None
    return dict(_stated(told.new.outputs or {}))


def _alters(event: EngineEvent) -> bool:
    """Whether what an event tells of will be another one in the state; a refresh alone shows that in the next step."""
    told = event.resource_pre_event or event.res_outputs_event
    if not told:
        return False
    step, old, new = told.metadata, told.metadata.old, told.metadata.new
    if step.op in {OpType.REFRESH, OpType.READ}:
        return False
    if step.op != OpType.SAME or old is None or new is None:
        return True
    if event.res_outputs_event and step.type == _STACK and old.outputs != new.outputs:
        return True
    return any(getattr(old, option) != getattr(new, option) for option in _OPTIONS)


def _items(event: EngineEvent) -> Iterator[Step | Diagnostic]:
    if event.resource_pre_event:
        metadata = event.resource_pre_event.metadata
        old, new = metadata.old, metadata.new
        if not metadata.type.startswith("pulumi:"):
            retained = bool(old and old.retain_on_delete)
            yield Step(
                operation="retain" if retained and metadata.op == "delete" else str(metadata.op.value),
                type=metadata.type,
                name=metadata.urn.rsplit("::", 1)[-1],
                before=_stated(old.inputs or {}) if old else {},
                after=_stated(new.inputs or {}) if new else {},
                found=_stated(old.outputs or {}) if old else {},
                retained=retained,
                urn=(old or metadata).urn,
                protected=bool(old and old.protect),
            )
    if event.diagnostic_event and event.diagnostic_event.severity != "debug":
        diagnostic = event.diagnostic_event
        text = _plain(diagnostic.message).strip().removeprefix(_UNHANDLED)
        if text and not diagnostic.ephemeral:
            urn = diagnostic.urn or ""
            yield Diagnostic(diagnostic.severity, text, "" if "pulumi:pulumi:Stack" in urn else urn.rsplit("::", 1)[-1])


def _stated(value: Any) -> Any:
    """Without what the engine and its providers keep there for themselves."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return _HIDDEN
        return {key: _stated(inner) for key, inner in value.items() if not key.startswith(_INTERNAL)}
    if isinstance(value, list):
        return [_stated(inner) for inner in value]
    return _NOT_YET_KNOWN if value == UNKNOWN else value


def _differences(old: Any, new: Any, way: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key), new.get(key), f"{way}.{key}" if way else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, f"{way}[{index}]")
    elif old != new:
        yield way, (old, new)


def _plain(text: str) -> str:
    """Without the engine's colour tags, such as <{%fg 1%}>."""
    parts = text.split("<{%")
    return parts[0] + "".join(part.partition("%}>")[2] for part in parts[1:])
