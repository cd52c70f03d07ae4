"""Whatever happens to a tunnel that five stacks share: unmanaged rules stay, and managed ones are right in the end."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clients import ingress_rules
from clients.cloudflare import UnansweredError
from clients.tunnel_configuration import OverwrittenError
from lab.cloudflare import tunnels
from lab.cloudflare.faults import Fault
from tests.cloudflared import answering
from tests.one_resource import PreviewError
from tests.shared_tunnel import HOMELAB, Json, Killed, SharedTunnel, Stack

SHARED = "shared.coultonf.com"
# Each stack's own, and one that they share by path, or fight over.
HOSTS = [f"{name}{number}.coultonf.com" for number in range(5) for name in "ab"]
OURS = {*HOSTS, SHARED}

_READS = 3  # how often the SDK reads before it gives up

WISHES = st.lists(st.sampled_from(["a", "b", "path", "shared"]), unique=True, min_size=1, max_size=3)
PATTERNS = st.sampled_from(["wiki.coultonf.com", "*.coultonf.com", "*.com", "deep.a0.coultonf.com", "*"])
REGEXES = st.sampled_from(["", "^/api", "share"])


@dataclass(frozen=True)
class Trouble:
    """What goes wrong while a stack runs.

    Attributes:
        faults: at Cloudflare, in this order.
        edit: whether someone adds a rule while the stack pauses after one.
        kill: the step at which the process ends.

    """

    faults: tuple[str, ...] = ()
    edit: bool = False
    kill: int | None = None


KINDS = st.sampled_from(["rateLimited", "unavailable", "timeOut", "otherWriter", "read"])
TROUBLE = st.one_of(
    st.just(Trouble()),
    st.builds(Trouble, faults=st.lists(KINDS, min_size=1, max_size=3).map(tuple), edit=st.booleans()),
    st.builds(Trouble, kill=st.integers(0, 12)),
)


class Tunnel(RuleBasedStateMachine):
    """One tunnel, five stacks, and everybody else.

    `others` and `besides` are what everybody else has written: rules for hosts that are not ours, in order, and all of
    the document but its rules. `by_hand` are rules made by hand for its hosts. `wanted` is what each stack has;
    `unsettled` are those whose last run did not end well, with what it was to do; `tried`
    is all that they may have written since.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = SharedTunnel()
        self.stacks = [Stack(self.world, f"immich-icloud/{number}") for number in range(5)]
        self.others = deepcopy(self.world.ingress)
        self.besides = {key: value for key, value in deepcopy(self.world.document).items() if key != "ingress"}
        self.by_hand: dict[str, Json] = {}
        self.wanted: dict[int, list[Json]] = {}
        self.unsettled: dict[int, tuple[list[Json], bool]] = {}
        self.tried: dict[int, list[Json]] = {}
        self.made = 0

    def service(self) -> str:
        self.made += 1
        return f"http://s{self.made}"

    # our own stacks

    @initialize(wishes=st.lists(WISHES, max_size=5), hosts=st.lists(st.sampled_from(HOSTS), max_size=5))
    def begin(self, wishes: list[list[str]], hosts: list[str]) -> None:
        for host in hosts:
            self.somebody_makes_a_rule_for_a_host_of_ours(host, 0)
        for number, wish in enumerate(wishes):
            self.up(number, wish, Trouble(), adopt=True)

    @rule(number=st.integers(0, 4), wish=WISHES, adopt=st.booleans(), trouble=TROUBLE)
    def up(self, number: int, wish: list[str], trouble: Trouble, *, adopt: bool) -> None:
        self.run(number, [self.rule_of(number, part) for part in sorted(wish)], trouble, adopt=adopt)

    @rule(number=st.integers(0, 4), trouble=TROUBLE)
    @precondition(lambda self: self.wanted)
    def up_again(self, number: int, trouble: Trouble) -> None:
        if self.wanted.get(number):
            self.run(number, self.wanted[number], trouble)

    @rule(number=st.integers(0, 4), trouble=TROUBLE)
    def destroy(self, number: int, trouble: Trouble) -> None:
        # Of a create that did not end the engine knows nothing: it takes another `up` first.
        if self.stacks[number].state:
            self.run(number, [], trouble)

    def rule_of(self, number: int, part: str) -> Json:
        host = SHARED if part in {"path", "shared"} else f"{part}{number}.coultonf.com"
        return {"hostname": host, "service": self.service(), **({"path": f"^/{number}"} if part == "path" else {})}

    def run(self, number: int, rules: list[Json], trouble: Trouble | None = None, *, adopt: bool = False) -> None:
        """Let a stack have these rules; with none, destroy it."""
        world, version, trouble = self.world, self.world.version, trouble or Trouble()
        world.cloudflare.faults = [self.fault(kind) for kind in trouble.faults]
        world.kill_at = None if trouble.kill is None else len(world.steps) + trouble.kill
        edited = len(self.others)
        world.meanwhile = self.somebody_edits_meanwhile if trouble.edit else lambda: None
        overwriting = sum(fault.kind == "otherWriter" for fault in world.cloudflare.faults)
        problem: BaseException | None = None
        try:
            self.stacks[number].settle(*rules, adopt=adopt) if rules else self.stacks[number].destroy()
        except (PreviewError, OverwrittenError, UnansweredError, Killed) as error:
            problem = error
        overwrote = overwriting - sum(fault.kind == "otherWriter" for fault in world.cloudflare.faults)
        world.cloudflare.faults, world.kill_at, world.meanwhile = [], None, lambda: None
        if isinstance(problem, PreviewError):
            unreadable = trouble.faults.count("read") == _READS
            assert unreadable or self.may_be_refused(number, rules, adopt=adopt), str(problem)
            return
        assert problem is None or trouble != Trouble()
        if overwrote and not isinstance(problem, Killed):
            assert isinstance(problem, OverwrittenError)
            assert f"read version {world.version - 2} and left version {world.version}" in str(problem)
            assert world.version - 2 >= version
        elif isinstance(problem, OverwrittenError):
            # A write whose answer is lost, and an edit after it that is not: which was first can't be known.
            assert len(self.others) > edited
            assert f"left version {world.version}" in str(problem)
        if problem is None:
            assert not self.must_be_refused(number, rules, adopt=adopt)
            self.wanted[number] = rules
            self.unsettled.pop(number, None)
            self.tried.pop(number, None)
            for one in rules:
                assert answering(world.ingress, one["hostname"], one.get("path", "^/")[1:]) == one
        else:
            self.disturb(number, rules, adopt=adopt)

    def disturb(self, number: int, rules: list[Json], *, adopt: bool = False) -> None:
        self.unsettled[number] = rules, adopt
        self.tried[number] = [*self.tried.get(number, []), *self.wanted.get(number, []), *rules]

    def fault(self, kind: Any) -> Fault:
        lost = {"hostname": "lost.coultonf.com", "service": self.service()}
        return Fault(
            "unavailable" if kind == "read" else kind,
            "GET" if kind == "read" else "PUT",
            edit=lambda config: {**config, "ingress": [lost, *config["ingress"]]},
        )

    def may_be_refused(self, number: int, rules: list[Json], *, adopt: bool) -> bool:
        disturbed = [one for each in self.unsettled if each != number for one in self.tried[each]]
        claims = [*self.claims(number), *disturbed]
        return self.fights(rules, claims) or (not adopt and any(one["hostname"] in self.by_hand for one in rules))

    def must_be_refused(self, number: int, rules: list[Json], *, adopt: bool) -> bool:
        had = {one["hostname"] for one in (*self.wanted.get(number, []), *self.tried.get(number, []))}
        strangers = any(one["hostname"] in self.by_hand.keys() - had for one in rules)
        return self.fights(rules, self.claims(number)) or (not adopt and strangers)

    def claims(self, number: int) -> list[Json]:
        """What stacks have whose last run ended well, but for one."""
        return [one for each, own in self.wanted.items() if each not in {number, *self.unsettled} for one in own]

    def fights(self, rules: list[Json], claims: list[Json]) -> bool:
        key = ingress_rules.key
        return any(ingress_rules.overlap(key(one), key(other)) for one in rules for other in claims)

    # everybody else

    @rule(place=st.integers(0, 30), pattern=PATTERNS, path=REGEXES, more=st.sampled_from([{}, {"x": [1, None, 2.0]}]))
    def somebody_adds(self, place: int, pattern: str, path: str, more: Json) -> None:
        if pattern == "*" and not path:
            return
        made = {"hostname": pattern, **({"path": path} if path else {}), "service": self.service(), **more}
        place %= len(self.world.ingress)
        self.others.insert(len(foreign(self.world.ingress[:place])), made)
        self.world.edit(lambda rules: rules.insert(place, made))

    def somebody_edits_meanwhile(self) -> None:
        self.world.meanwhile = lambda: None
        self.somebody_adds(0, "wiki.coultonf.com", "", {})

    @rule(place=st.integers(0, 30))
    @precondition(lambda self: len(self.others) > 1)
    def somebody_removes(self, place: int) -> None:
        gone = self.others.pop(place % (len(self.others) - 1))
        self.world.edit(lambda rules: rules.remove(gone))

    @rule(value=st.sampled_from([None, [], {"y": [None]}, 1, 1.5]))
    def somebody_sets_what_we_do_not_know(self, value: Any) -> None:
        self.besides["unknown"] = value
        tunnels.configure(self.world.cloudflare.world, HOMELAB, {**self.world.document, "unknown": value})

    @rule(host=st.sampled_from(HOSTS), place=st.integers(0, 30))
    def somebody_makes_a_rule_for_a_host_of_ours(self, host: str, place: int) -> None:
        number = int(host[1])
        ours = [one["hostname"] for one in self.wanted.get(number, [])]
        if number in self.unsettled or host in ours or host in self.by_hand:
            return
        made = {"hostname": host, "service": self.service(), "originRequest": {"connectTimeout": 30, "none": None}}
        # Behind a wildcard it would get no requests.
        free = next(at for at, one in enumerate(self.world.ingress) if ingress_rules.covers(one, host))
        self.by_hand[host] = made
        self.world.edit(lambda rules: rules.insert(place % (free + 1), made))

    @rule(number=st.integers(0, 4), removes=st.booleans())
    def somebody_spoils_ours(self, number: int, *, removes: bool) -> None:
        ours = self.wanted.get(number, [])
        if number in self.unsettled or not ours:
            return
        at = self.world.ingress.index(ours[0])
        spoilt = [] if removes else [{**ours[0], "service": "http://spoilt"}]
        self.world.edit(lambda rules: rules.__setitem__(slice(at, at + 1), spoilt))
        self.disturb(number, ours)

    # what holds at any time

    @invariant()
    def nothing_of_anybody_elses_is_touched(self) -> None:
        document = self.world.document
        assert foreign(self.world.ingress) == self.others
        assert {key: value for key, value in document.items() if key != "ingress"} == self.besides
        assert list(document)[:3] == ["ingress", "warp-routing", "rehearsalUnknown"]
        assert ingress_rules.fault(self.world.ingress) == ""

    @invariant()
    def hosts_of_ours_have_the_rules_of_their_owners(self) -> None:
        if not self.unsettled:
            ours = [one for own in self.wanted.values() for one in own]
            by_hand = [one for host, one in self.by_hand.items() if host not in {one["hostname"] for one in ours}]
            there = [one for one in self.world.ingress if one.get("hostname") in OURS]
            assert sorted(there, key=str) == sorted([*ours, *by_hand], key=str)

    def teardown(self) -> None:
        """The end: whoever was disturbed tries again, and then all go."""
        for number, (rules, adopt) in list(self.unsettled.items()):
            self.run(number, rules, adopt=adopt)
        # Refused since: what another stack or a person took meanwhile. It goes back to what it had.
        for number in list(self.unsettled):
            self.run(number, self.wanted.get(number, []))
        self.hosts_of_ours_have_the_rules_of_their_owners()
        for number in range(5):
            self.run(number, [])
        self.nothing_of_anybody_elses_is_touched()
        self.hosts_of_ours_have_the_rules_of_their_owners()
        assert not self.unsettled
        assert self.world.cluster.objects == {}


def foreign(ingress: list[Json]) -> list[Json]:
    return [one for one in ingress if one.get("hostname") not in {*OURS, "lost.coultonf.com"}]


TestTunnel = Tunnel.TestCase
TestTunnel.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    phases=[Phase.generate],  # to shrink a history takes minutes
)
