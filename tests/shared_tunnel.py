"""A tunnel of many stacks, in memory: the rehearsal's Cloudflare, a fake cluster, and the engine's way with a state."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import httpx

from lab.cloudflare import tunnels
from lab.cloudflare.api import Api
from lab.cloudflare.world import TOKEN, found
from lab.stand_in.transport import Transport
from providers.cloudflare_api import CloudflareApi
from providers.ingress_rules import Rule
from providers.tunnel_configuration import TunnelConfiguration
from providers.tunnel_lease import TunnelLease
from providers.tunnel_rules import RuleSet, TunnelRulesProvider
from tests.fake_cluster import FakeCluster

Json = dict[str, Any]

HOMELAB = next(iter(found().tunnels))
ACCOUNT = str(found().account["id"])


class Killed(BaseException):
    """The process ends here, in whatever it was doing."""


class PreviewError(Exception):
    """The engine stops: `check` found problems."""


class SharedTunnel:
    """The homelab's tunnel, and the cluster of all stacks.

    `now` moves only while somebody waits, and `meanwhile` happens then. `kill_at` is the number of the step, before or
    after a call that changes something, at which the process ends.
    """

    def __init__(self) -> None:
        self.cloudflare = Api(found())
        self.cluster = FakeCluster()
        self.cluster.step = self.step
        self.now = 0.0
        self.steps: list[str] = []
        self.kill_at: int | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    def api(self, token: str = TOKEN) -> CloudflareApi:
        return CloudflareApi(token, httpx.Client(transport=_Stepping(self.cloudflare, self.step)))

    def step(self, name: str) -> None:
        self.steps.append(name)
        # A process that has ended does not tidy up either.
        if self.kill_at is not None and len(self.steps) > self.kill_at:
            raise Killed(name)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()

    @property
    def document(self) -> Json:
        """The tunnel's configuration as it is."""
        document: Json = self.cloudflare.world.configurations[HOMELAB]["config"]
        return document

    @property
    def ingress(self) -> list[Json]:
        rules: list[Json] = self.document["ingress"]
        return rules

    @property
    def version(self) -> int:
        return int(self.cloudflare.world.configurations[HOMELAB]["version"])

    @property
    def puts(self) -> int:
        """How often somebody of ours asked to write the configuration."""
        return sum(method == "PUT" for method, _ in self.cloudflare.log)

    def edit(self, change: Callable[[list[Json]], None]) -> None:
        """Change the list of rules by hand, as in the dashboard."""
        document = deepcopy(self.document)
        change(document["ingress"])
        tunnels.configure(self.cloudflare.world, HOMELAB, document)


class _Stepping(Transport):
    def __init__(self, api: Api, step: Callable[[str], None]) -> None:
        super().__init__(api)
        self._step = step

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return super().handle_request(request)
        self._step(f"before {request.method}")
        try:
            return super().handle_request(request)
        finally:
            self._step(f"after {request.method}")


class Provider(TunnelRulesProvider):
    """The real one, on a tunnel in memory."""

    def __init__(self, world: SharedTunnel) -> None:
        self.world = world
        self.cloudflare = world.api()

    def _api(self) -> FakeCluster:
        return self.world.cluster

    def _cloudflare(self) -> CloudflareApi:
        return self.cloudflare

    def _lease(self, wanted: RuleSet) -> TunnelLease:
        return TunnelLease(self._api(), wanted.tunnel_id, wanted.stack, lambda: self.world.now, self.world.wait)

    def _tunnel(self, wanted: RuleSet) -> TunnelConfiguration:
        return TunnelConfiguration(self._cloudflare(), wanted.account_id, wanted.tunnel_id, self.world.wait)


@dataclass
class Stack:
    """A stack with one rule set: its state, and what the engine does with it.

    Attributes:
        world: the tunnel and the cluster.
        name: `<project>/<stack>`.
        state: inputs and outputs; None when it holds nothing.

    """

    world: SharedTunnel
    name: str = "immich-icloud/test"
    state: tuple[Json, Json] | None = None
    provider: Provider = field(init=False)

    def __post_init__(self) -> None:
        self.provider = Provider(self.world)

    def up(self, *rules: Rule, adopt: bool = False, tunnel: str = HOMELAB) -> str:
        """Refresh, preview and update; returns what was done: create, update, replace or same."""
        self.refresh()
        news = as_the_engine_sends(inputs(*rules, stack=self.name, adopt=adopt, tunnel=tunnel))
        checked = self.provider.check(self.state[0] if self.state else {}, news)
        if checked.failures:
            assert {failure.property for failure in checked.failures} == {""}
            raise PreviewError("; ".join(failure.reason for failure in checked.failures))
        if self.state is None:
            self._keep(news, self.provider.create(news).outs)
            return "create"
        olds = self.state[1]
        diff = self.provider.diff("id", olds, news)
        if diff.replaces:
            self._keep(news, self.provider.create(news).outs)
            self.provider.delete("id", olds)
            return "replace"
        if diff.changes:
            self._keep(news, self.provider.update("id", olds, news).outs)
            return "update"
        self._keep(news, olds)
        return "same"

    def refresh(self) -> None:
        if self.state:
            live = self.provider.read("id", self.state[1])
            if live.id:
                self._keep(live.inputs, live.outs)
            else:
                self.state = None

    def destroy(self) -> None:
        if self.state:
            self.provider.delete("id", self.state[1])
            self.state = None

    def _keep(self, ins: Any, outs: Any) -> None:
        self.state = as_the_engine_sends(ins), as_the_engine_sends(outs)


def inputs(*rules: Rule, stack: str = "immich-icloud/test", adopt: bool = False, tunnel: str = HOMELAB) -> Json:
    """What TunnelRules hands to the engine."""
    return {
        "account_id": ACCOUNT,
        "tunnel_id": tunnel,
        "rules": [dict(rule) for rule in rules],
        "stack": stack,
        "adopt": adopt,
        "covering": [],
        "found": None,
    }


def as_the_engine_sends(props: Any) -> Any:
    """A provider's properties after their way through the engine: numbers as floats, and nothing that is null."""
    return _without_nulls(json.loads(json.dumps(props), parse_int=float))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
