"""What a stack's rules in a shared tunnel would come to: nothing is changed here."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from clients import ingress_rules, tunnel_lease, wording
from clients.cloudflare import CloudflareApi, Configuration, Tunnel
from clients.ingress_rules import Key, Places, Rule, spoken
from clients.kubernetes import ClusterApi
from clients.tunnel_configuration import ingress_of
from clients.tunnel_lease import Share, Shares
from clients.tunnel_manager import Manager, manager, refusal
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

    @classmethod
    def of(cls, props: Mapping[str, Any]) -> Self:
        """Read one from the properties of its resource."""
        rules = tuple(dict(rule) for rule in props["rules"])
        former = tuple(props.get("former", ()))
        return cls(props["account_id"], props["tunnel_id"], rules, props["stack"], bool(props["adopt"]), former)

    @property
    def keys(self) -> frozenset[Key]:
        """What the rules are known by."""
        return frozenset(map(ingress_rules.key, self.rules))

    @property
    def place(self) -> tuple[str, str]:
        """Where they are: another place means other rules."""
        return self.account_id, self.tunnel_id

    def known_keys(self, props: Mapping[str, Any]) -> frozenset[Key]:
        """Return the keys that the state, if it has any, knows to be this stack's in the same tunnel."""
        known = RuleSet.of(props) if props else None
        return known.keys if known and known.place == self.place else frozenset()


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
    trial = weigh(wanted, ingress_of(found), shares, known)
    if why := _unusable(tunnel, found):
        trial = replace(trial, problems=(why,), adopted=(), news=())
    return replace(trial, changes=trial.changes or shares.get(wanted.stack, Share()).keys != wanted.keys)


def weigh(
    wanted: RuleSet, ingress: list[Rule], shares: Shares, known: Collection[Key], returning: Sequence[Rule] = ()
) -> TunnelRulesDiff:
    """Find what a rule set would come to, of what was read."""
    places = places_of(wanted, ingress, shares, known, returning)
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


def places_of(
    wanted: RuleSet, ingress: list[Rule], shares: Shares, known: Collection[Key], returning: Sequence[Rule]
) -> Places:
    """Find the places of a rule set's rules among those of a tunnel."""
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
