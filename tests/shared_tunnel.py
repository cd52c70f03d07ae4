"""A tunnel of many stacks, in memory: the rehearsal's Cloudflare, a fake cluster, and the engine's way with a state."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import httpx

from clients.cloudflare import CloudflareApi
from clients.ingress_rules import Rule
from clients.lease import Lease
from clients.rule_set import RuleSet
from clients.tunnel_lease import lease_of
from lab.cloudflare import tunnels
from lab.cloudflare.api import Api
from lab.cloudflare.world import TOKEN, found
from lab.stand_in.transport import Transport
from providers.tunnel_rules import TunnelRulesProvider
from tests.fake_cluster import FakeCluster
from tests.one_resource import OneResource, State

Json = dict[str, Any]

HOMELAB = next(iter(found().tunnels))
ACCOUNT = str(found().account["id"])


class Killed(BaseException):
    """The process ends here, in whatever it was doing."""


class SharedTunnel:
    """The homelab's tunnel, and the cluster of all stacks.

    `now` moves only while a caller waits, and `meanwhile` happens then. `kill_at` is the number of the step, before or
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
        """How often this stack asked to write the configuration."""
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

    def _lease(self, wanted: RuleSet) -> Lease:
        world = self.world
        lease = lease_of(wanted.tunnel_id)
        return Lease(self._api(), lease, wanted.stack, lambda: world.now, world.wait, wanted.former)

    def _wait(self, seconds: float) -> None:
        self.world.wait(seconds)


class Stack(OneResource):
    """A stack with one rule set; `name` is `<project>/<stack>`."""

    def __init__(self, world: SharedTunnel, name: str = "immich-icloud/test", state: State | None = None) -> None:
        self.tunnel_rules = Provider(world)
        super().__init__(self.tunnel_rules)
        self.world, self.name, self.state = world, name, state

    def settle(self, *rules: Rule, adopt: bool = False, tunnel: str = HOMELAB) -> str:
        """Bring the tunnel to these rules; returns what was done."""
        return self.up(inputs(*rules, stack=self.name, adopt=adopt, tunnel=tunnel))


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
