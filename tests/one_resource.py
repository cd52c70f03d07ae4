"""A stand-in for the engine: one dynamic resource, its state, and what the engine does with them."""

import json
from dataclasses import dataclass
from typing import Any

from pulumi import dynamic

Json = dict[str, Any]


class PreviewError(Exception):
    """The engine stops: `check` found problems."""


@dataclass
class State:
    """What is kept of a resource."""

    id: str
    inputs: Json
    outputs: Json


class OneResource:
    """A resource under a provider; `state` is None when it holds nothing."""

    def __init__(self, provider: dynamic.ResourceProvider) -> None:
        self.provider = provider
        self.state: State | None = None

    def up(self, inputs: Json) -> str:
        """Refresh, preview and update; returns what was done: create, update, replace or same."""
        self.refresh()
        news = as_the_engine_sends(inputs)
        checked = self.provider.check(self.state.inputs if self.state else {}, news)
        if checked.failures:
            assert {failure.property for failure in checked.failures} == {""}
            raise PreviewError("; ".join(failure.reason for failure in checked.failures))
        if self.state is None:
            self._create(news)
            return "create"
        olds = self.state.outputs
        diff = self.provider.diff(self.state.id, olds, news)
        if diff.replaces:
            replaced = self.state.id
            self._create(news)
            self.provider.delete(replaced, olds)
            return "replace"
        if diff.changes:
            self._keep(self.state.id, news, self.provider.update(self.state.id, olds, news).outs)
            return "update"
        self._keep(self.state.id, news, olds)
        return "same"

    def refresh(self) -> None:
        if self.state:
            live = self.provider.read(self.state.id, self.state.outputs)
            if live.id:
                self._keep(live.id, live.inputs, live.outs)
            else:
                self.state = None

    def destroy(self) -> None:
        if self.state:
            self.provider.delete(self.state.id, self.state.outputs)
            self.state = None

    def _create(self, news: Json) -> None:
        created = self.provider.create(news)
        self._keep(created.id, news, created.outs)

    def _keep(self, id_: str, inputs: Any, outputs: Any) -> None:
        self.state = State(id_, as_the_engine_sends(inputs), as_the_engine_sends(outputs))


def as_the_engine_sends(props: Any) -> Any:
    """A provider's properties after their way through the engine: numbers as floats, and nothing that is null."""
    return _without_nulls(json.loads(json.dumps(props), parse_int=float))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
