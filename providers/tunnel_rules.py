"""This stack's rules in the configuration of a shared tunnel: only these are written, the rest is never touched."""

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pulumi
from pulumi import dynamic

from clients import ingress_rules, tunnel_lease
from clients.cloudflare import (
    CloudflareApi,
    CloudflareRefusedError,
    Configuration,
    MissingError,
    Tunnel,
)
from clients.ingress_rules import Key, Places, Rule, spoken
from clients.kubernetes import ClusterApi, ClusterError
from clients.lease import Lease
from clients.tunnel_configuration import change, ingress_of
from clients.tunnel_lease import Share, Shares, joined, note
from clients.tunnel_manager import Manager, manager, refusal
from providers import wording
from providers.cloudflare_provider import CloudflareProvider
from providers.cluster_provider import ClusterProvider
from providers.report import checked
from text.finding import Finding


@dataclass(frozen=True)
class RuleSet:
    """What is asked for: these rules, in that tunnel, for this stack.

    Attributes:
        account_id: the account.
        tunnel_id: the tunnel's UUID.
        rules: as the configuration has them: `hostname`, `service`, and `path` where there is one.
        stack: `<project>/<stack>`, whose rules they are.
        adopt: whether rules for the same hosts that were made by hand may be adopted.
        former: other names of that stack.

    """

    account_id: str
    tunnel_id: str
    rules: tuple[Rule, ...]
    stack: str
    adopt: bool
    former: tuple[str, ...] = ()

    @property
    def keys(self) -> frozenset[Key]:
        """What the rules are known by."""
        return frozenset(map(ingress_rules.key, self.rules))

    @property
    def place(self) -> tuple[str, str]:
        """Where they are: another place means other rules."""
        return self.account_id, self.tunnel_id


@dataclass(frozen=True)
class TunnelRulesDiff:
    """What a rule set would come to.

    Attributes:
        problems: why it cannot be applied.
        settled: all rules of the tunnel, as they would be.
        ours: our rules as they are.
        covering: rules of others that stand before ours and take our requests.
        changes: whether anything would be written.
        adopted: rules made by hand that would be adopted.
        news: what people should know before.
        gone: whether there is no such tunnel.

    """

    problems: tuple[Finding, ...] = ()
    settled: tuple[Rule, ...] = ()
    ours: tuple[Rule, ...] = ()
    covering: tuple[Rule, ...] = ()
    changes: bool = True
    adopted: tuple[Rule, ...] = ()
    news: tuple[Finding, ...] = ()
    gone: bool = False


class ImpossibleError(CloudflareRefusedError):
    """The rules cannot be applied; nothing was written."""


def _unusable(tunnel: Tunnel, found: Configuration) -> Finding | None:
    """Explain why rules can't go into a tunnel at all; None when they can."""
    if tunnel.deleted:
        return wording.TUNNEL_DELETED.found(tunnel.name, id=tunnel.id)
    if manager(tunnel, found) is Manager.FILE:
        return wording.TUNNEL_LOCAL.found(reason=refusal(tunnel, found), id=tunnel.id)
    why = refusal(tunnel, found)
    return wording.TUNNEL_UNCLEAR.found(reason=why) if why else None


def compare(
    cloudflare: CloudflareApi, cluster: ClusterApi, wanted: RuleSet, known: Collection[Key] = ()
) -> TunnelRulesDiff:
    """Find what a rule set would come to; nothing is changed.

    Args:
        cloudflare: where the tunnel is.
        cluster: where each stack records its rules.
        wanted: the rule set.
        known: keys of this stack, whatever is noted down.

    Raises:
        CloudflareError: when Cloudflare can't be asked, or refuses.
        ClusterError: when the cluster can't be asked, or refuses.

    """
    shares = tunnel_lease.shares(tunnel_lease.lease_for(cluster, wanted.tunnel_id, wanted.stack, wanted.former))
    tunnel = cloudflare.tunnel(wanted.account_id, wanted.tunnel_id)
    found = cloudflare.configuration(wanted.account_id, wanted.tunnel_id) if tunnel else None
    if tunnel is None or found is None:
        return TunnelRulesDiff((wording.TUNNEL_GONE.found(wanted.tunnel_id),), gone=True)
    trial = _weigh(wanted, ingress_of(found), shares, known)
    if why := _unusable(tunnel, found):
        trial = replace(trial, problems=(why,), adopted=(), news=())
    return replace(trial, changes=trial.changes or shares.get(wanted.stack, Share()).keys != wanted.keys)


def _weigh(
    wanted: RuleSet, ingress: list[Rule], shares: Shares, known: Collection[Key], returning: Sequence[Rule] = ()
) -> TunnelRulesDiff:
    places = _places(wanted, ingress, shares, known, returning)
    ours, covering = tuple(places.ours), tuple(places.covering)
    if fault := ingress_rules.fault(ingress):
        return TunnelRulesDiff(
            (wording.TUNNEL_INVALID.found(wanted.tunnel_id, fault=fault),), ours=ours, covering=covering
        )
    settled = places.settled()
    return TunnelRulesDiff(
        problems=(
            *clashes(wanted.keys, wanted.tunnel_id, wanted.stack, shares),
            *(wording.RULE_NOT_OURS.found(spoken(rule)) for rule in places.strangers),
        ),
        settled=tuple(settled),
        ours=ours,
        covering=covering,
        changes=settled != ingress,
        adopted=tuple(places.adopted),
        news=tuple(_news(wanted, places)) if settled != ingress else (),
    )


def _places(
    wanted: RuleSet, ingress: list[Rule], shares: Shares, known: Collection[Key], returning: Sequence[Rule]
) -> Places:
    others = tunnel_lease.siblings(shares, wanted.stack)
    owned = {*known, *shares.get(wanted.stack, Share()).keys} - others
    return Places(ingress, wanted.rules, owned, others, returning, adopt=wanted.adopt)


def clashes(keys: Collection[Key], tunnel_id: str, stack: str, shares: Shares) -> list[Finding]:
    """Find the hosts that another stack leads through the same tunnel."""
    lease = tunnel_lease.lease_of(tunnel_id)
    return [
        wording.RULE_OF_ANOTHER_STACK.found(
            stack=other,
            host=f"{hostname}{path and f' (path {path})'}",
            namespace=lease.namespace,
            lease=lease.name,
        )
        for other, share in sorted(shares.items())
        for hostname, path in sorted(share.keys)
        if other != stack and any(ingress_rules.overlap((hostname, path), key) for key in keys)
    ]


def _news(wanted: RuleSet, places: Places) -> Iterator[Finding]:
    for rule in wanted.rules:
        in_line = places.in_line(rule)
        yield wording.RULE_PLACED.found(spoken(rule), other=spoken(in_line[0]))
        for other in in_line[:-1]:
            yield wording.REQUESTS_MOVED.found(host=rule["hostname"], path=other["path"], other=spoken(other))


class TunnelRulesProvider(ClusterProvider, CloudflareProvider):
    """Creates, reads, updates and removes a rule set."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Refuse, at preview, what cannot be applied."""
        wanted = _rule_set(news)
        known = known_keys(_olds, wanted)
        return checked(news, lambda: compare(self._cloudflare(), self._api(), wanted, known).problems)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change exactly when something would be written."""
        old, new = _rule_set(_olds), _rule_set(_news)
        if old.place != new.place:
            return dynamic.DiffResult(changes=True, replaces=["tunnel_id"])
        changes = old.stack != new.stack or compare(self._cloudflare(), self._api(), new, old.keys).changes
        return dynamic.DiffResult(changes=changes)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Put the rules in their places."""
        wanted = _rule_set(props)
        found = self._settle(wanted, Share())
        return dynamic.CreateResult(f"{wanted.account_id}/{wanted.tunnel_id}", _outputs(wanted, found))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Bring the rules to what is asked for."""
        wanted = _rule_set(_news)
        found = self._settle(wanted, _share(_olds))
        return dynamic.UpdateResult(_outputs(wanted, found))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Find the rules as they are, as inputs too, so that drift shows as a difference of properties."""
        stated = _rule_set(props)
        # Rules that others made since are unmanaged, even where they may be adopted.
        trial = compare(self._cloudflare(), self._api(), replace(stated, adopt=False), stated.keys)
        if trial.gone:
            return dynamic.ReadResult("", {})
        live = replace(stated, rules=tuple(_as_stated(rule, stated.rules) for rule in trial.ours))
        found = _share(props).found
        return dynamic.ReadResult(id_, _outputs(live, found, trial.covering), _inputs(live, trial.covering))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove our rules; adopted rules are restored. A tunnel that is gone has none."""
        none = replace(_rule_set(_props), rules=(), adopt=False)
        with self._lease(none).held() as lease:
            shares, had = tunnel_lease.shares(lease), joined(_share(_props), tunnel_lease.share(lease))

            def as_found(ingress: list[Rule]) -> list[Rule]:
                note(lease, had)
                returning = () if ingress_rules.fault(ingress) else had.found
                return _places(none, ingress, shares, had.keys, returning).settled()

            with suppress(MissingError):
                change(self._cloudflare(), *none.place, as_found, self._wait)
            note(lease, Share())

    def _settle(self, wanted: RuleSet, stated: Share) -> tuple[Rule, ...]:
        """Bring the tunnel to what is asked for; returns the rules made by hand that are adopted."""
        with self._lease(wanted).held() as lease:
            shares, had = tunnel_lease.shares(lease), joined(stated, tunnel_lease.share(lease))
            returning = [rule for rule in had.found if not _is_taken(rule, wanted)]
            tried: list[Share] = []

            def settled(ingress: list[Rule]) -> list[Rule]:
                known = tried[-1] if tried else had
                trial = _weigh(wanted, ingress, shares, known.keys, returning)
                if trial.problems:
                    raise ImpossibleError("; ".join(map(str, trial.problems)))
                tried.append(joined(known, Share(wanted.keys, trial.adopted)))
                # First, so that a kill at any moment leaves no rule whose owner is unknown; and the Lease is
                # ours for as long as the write may take.
                note(lease, tried[-1])
                return list(trial.settled)

            try:
                change(self._cloudflare(), *wanted.place, settled, self._wait)
            except CloudflareRefusedError:
                if len(tried) == 1:  # with more, the answer to the first is lost, and it may be written
                    with suppress(ClusterError):
                        note(lease, had)
                raise
            found = tuple(rule for rule in tried[-1].found if _is_taken(rule, wanted))
            note(lease, Share(wanted.keys, found))
        return found

    def _lease(self, wanted: RuleSet) -> Lease:
        return tunnel_lease.lease_for(self._api(), wanted.tunnel_id, wanted.stack, wanted.former)

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)


class TunnelRules(dynamic.Resource, module="cloudflare", name="TunnelRules"):
    """Rules of this stack in a shared tunnel."""

    account_id: pulumi.Output[str]
    tunnel_id: pulumi.Output[str]
    rules: pulumi.Output[Sequence[Rule]]
    stack: pulumi.Output[str]
    adopt: pulumi.Output[bool]
    covering: pulumi.Output[Sequence[Rule]]
    found: pulumi.Output[Sequence[str]]

    def __init__(self, name: str, wanted: RuleSet, opts: pulumi.ResourceOptions) -> None:
        super().__init__(TunnelRulesProvider(), name, {**_inputs(wanted), "found": None}, opts)


def known_keys(olds: Mapping[str, Any], wanted: RuleSet) -> frozenset[Key]:
    """Return the keys that the state, if it has any, knows to be this stack's in the same tunnel."""
    if not olds:
        return frozenset()
    old = _rule_set(olds)
    return old.keys if old.place == wanted.place else frozenset()


def _rule_set(props: Mapping[str, Any]) -> RuleSet:
    rules = tuple(dict(rule) for rule in props["rules"])
    former = tuple(props.get("former", ()))
    return RuleSet(props["account_id"], props["tunnel_id"], rules, props["stack"], bool(props["adopt"]), former)


def _is_taken(rule: Rule, wanted: RuleSet) -> bool:
    return any(ingress_rules.shuts_out(one, rule) for one in wanted.rules)


def _share(props: Mapping[str, Any]) -> Share:
    """What the state knows to be this stack's."""
    return Share(_rule_set(props).keys, tuple(json.loads(rule) for rule in props["found"]))


def _as_stated(rule: Rule, stated: Iterable[Rule]) -> Rule:
    """A rule without what Cloudflare adds to it."""
    return next((one for one in stated if ingress_rules.is_same(rule, one)), rule)


def _outputs(wanted: RuleSet, found: Sequence[Rule], covering: Sequence[Rule] = ()) -> dict[str, Any]:
    # As text: the engine would turn whole numbers into floats, and drop what is null.
    return {**_inputs(wanted, covering), "found": [json.dumps(rule) for rule in found]}


def _inputs(wanted: RuleSet, covering: Sequence[Rule] = ()) -> dict[str, Any]:
    return {
        "account_id": wanted.account_id,
        "tunnel_id": wanted.tunnel_id,
        "rules": [dict(rule) for rule in wanted.rules],
        "stack": wanted.stack,
        "adopt": wanted.adopt,
        **({"former": [*wanted.former]} if wanted.former else {}),
        # Not configured: there only as drift.
        "covering": [dict(rule) for rule in covering],
    }
