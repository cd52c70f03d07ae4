"""This stack's rules in the configuration of a shared tunnel: only these are written, the rest is never touched."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pulumi
from pulumi import dynamic

from clients import ingress_rules, tunnel_lease
from clients.cloudflare import (
    CloudflareRefusedError,
    MissingError,
)
from clients.ingress_rules import Rule
from clients.kubernetes import ClusterError
from clients.lease import Lease
from clients.rule_set import RuleSet, compare, places_of, weigh
from clients.tunnel_configuration import change
from clients.tunnel_lease import Share, joined, note
from providers.cloudflare_provider import CloudflareProvider
from providers.cluster_provider import ClusterProvider
from providers.report import checked


class ImpossibleError(CloudflareRefusedError):
    """The rules cannot be applied; nothing was written."""


class TunnelRulesProvider(ClusterProvider, CloudflareProvider):
    """Creates, reads, updates and removes a rule set."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Refuse, at preview, what cannot be applied."""
        wanted = RuleSet.of(news)
        known = wanted.known_keys(_olds)
        return checked(news, lambda: compare(self._cloudflare(), self._api(), wanted, known).problems)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change exactly when something would be written."""
        old, new = RuleSet.of(_olds), RuleSet.of(_news)
        if old.place != new.place:
            return dynamic.DiffResult(changes=True, replaces=["tunnel_id"])
        changes = old.stack != new.stack or compare(self._cloudflare(), self._api(), new, old.keys).changes
        return dynamic.DiffResult(changes=changes)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Put the rules in their places."""
        wanted = RuleSet.of(props)
        found = self._settle(wanted, Share())
        return dynamic.CreateResult(f"{wanted.account_id}/{wanted.tunnel_id}", _outputs(wanted, found))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Bring the rules to what is asked for."""
        wanted = RuleSet.of(_news)
        found = self._settle(wanted, _share(_olds))
        return dynamic.UpdateResult(_outputs(wanted, found))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Find the rules as they are, as inputs too, so that drift shows as a difference of properties."""
        stated = RuleSet.of(props)
        # Rules that others made since are unmanaged, even where they may be adopted.
        trial = compare(self._cloudflare(), self._api(), replace(stated, adopt=False), stated.keys)
        if trial.gone:
            return dynamic.ReadResult("", {})
        live = replace(stated, rules=tuple(_as_stated(rule, stated.rules) for rule in trial.ours))
        found = _share(props).found
        return dynamic.ReadResult(id_, _outputs(live, found, trial.covering), _inputs(live, trial.covering))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove our rules; adopted rules are restored. A tunnel that is gone has none."""
        none = replace(RuleSet.of(_props), rules=(), adopt=False)
        with self._lease(none).held() as lease:
            shares, had = tunnel_lease.shares(lease), joined(_share(_props), tunnel_lease.share(lease))

            def as_found(ingress: list[Rule]) -> list[Rule]:
                note(lease, had)
                returning = () if ingress_rules.fault(ingress) else had.found
                return places_of(none, ingress, shares, had.keys, returning).settled()

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
                trial = weigh(wanted, ingress, shares, known.keys, returning)
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


def _is_taken(rule: Rule, wanted: RuleSet) -> bool:
    return any(ingress_rules.shuts_out(one, rule) for one in wanted.rules)


def _share(props: Mapping[str, Any]) -> Share:
    """What the state knows to be this stack's."""
    return Share(RuleSet.of(props).keys, tuple(json.loads(rule) for rule in props["found"]))


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
