"""The resources of a stack, as its state has them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# Their inputs are how things are reached, with credentials.
_PROVIDERS = "pulumi:providers:"


@dataclass(frozen=True)
class Resource:
    """One of them; `type` is such as `kubernetes:core/v1:Namespace`. What is secret in it stays encrypted."""

    type: str
    name: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The last part of its type."""
        return self.type.rsplit(":", 1)[-1]


def of_state(stored: Iterable[Mapping[str, Any]]) -> Iterator[Resource]:
    """Read those that a state lists, but for providers and what only waits to be deleted."""
    for one in stored:
        if not one["type"].startswith(_PROVIDERS) and not one.get("delete"):
            name = one["urn"].rpartition("::")[2]
            yield Resource(one["type"], name, one.get("inputs") or {}, one.get("outputs") or {})
