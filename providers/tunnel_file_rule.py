"""A rule of this stack's in the file of a locally managed tunnel: one rule of a text, every other byte as it was.

cloudflared reads its file once, so that its restart is part of the change. One that fails restores file and restart.
"""

import json
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any

import pulumi
from pulumi import dynamic

from clients import connector_restart
from clients.cloudflare import CloudflareError
from clients.file_rule import FileRule, FileWorld, compare, own_rule, sound, stated, weigh
from clients.ingress_rules import Rule
from clients.kubernetes import ClusterError, ClusterRefusedError, Manifest, Ref
from clients.lease import HeldLease, Lease
from clients.rollout import RolloutError
from clients.tunnel_document import DocumentError, TunnelDocument
from clients.tunnel_lease import Share, Shares, joined, lease_for, note, share, shares
from providers.cloudflare_provider import CloudflareProvider
from providers.cluster_provider import ClusterProvider
from providers.report import checked, report
from text.visible import visible

_ATTEMPTS = 10
_BUSY = "other clients change it at the same moment, again and again"


class ImpossibleError(ClusterError):
    """The rule can't be written as things are; nothing was."""


@dataclass(frozen=True)
class _Written:
    """What a write came to: the file before and after, and the rules of others that ours goes before."""

    found: str
    text: str
    passed: tuple[Rule, ...]


class TunnelFileRuleProvider(ClusterProvider, CloudflareProvider):
    """Writes, reads and removes one rule, and restarts what reads it."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Refuse, at preview, what can't be written."""
        wanted = FileRule.of(news)
        return checked(news, lambda: compare(self._api(), wanted, wanted.known(_olds)).problems)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change exactly when something would be written."""
        old, new = FileRule.of(_olds), FileRule.of(_news)
        if old.place != new.place:
            return dynamic.DiffResult(changes=True, replaces=["config_map"], delete_before_replace=True)
        changes = (old.stack, old.workloads) != (new.stack, new.workloads)
        return dynamic.DiffResult(changes=changes or compare(self._api(), new, stated(_olds)).changes)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Put the rule in its place."""
        wanted = FileRule.of(props)
        found = self._settle(wanted, None, Share())
        return dynamic.CreateResult(f"{wanted.holder.path}/{wanted.key}", _outputs(wanted, found))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Bring the rule to what is asked for."""
        wanted = FileRule.of(_news)
        found = self._settle(wanted, FileRule.of(_olds), stated(_olds))
        return dynamic.UpdateResult(_outputs(wanted, found))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Find whether there is a file at all; how the rule is in it, `diff` reads."""
        wanted = FileRule.of(props)
        holder = self._api().get(wanted.holder)
        if holder is None or wanted.key not in (holder.get("data") or {}):
            return dynamic.ReadResult("", {})
        return dynamic.ReadResult(id_, props, _inputs(wanted))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove the rule, and restart without it. A file with another owner, or an invalid one, stays as it is."""
        was = replace(FileRule.of(_props), edit=True)
        with self._lease(was).held() as lease:
            had = joined(stated(_props), share(lease))
            note(lease, had)
            kept = self._take_out(was, None, shares(lease), had, None)
            note(lease, Share())
        if kept:
            report(f"the rule for {was.host} stays in {was.holder}: {kept}")
            return
        try:
            self._finish(was, self._relinquish(was))
        except (RolloutError, ClusterError, CloudflareError) as error:
            report(f"the rule is removed, but {error}")

    def _settle(self, wanted: FileRule, before: FileRule | None, stated: Share) -> tuple[Rule, ...]:
        """Bring file and workloads to what is asked for; returns the rules of others that ours goes before."""
        self._cloudflare()  # without a token nothing is begun
        with self._lease(wanted).held() as lease:
            had = joined(stated, share(lease))
            written = self._write(wanted, before, lease, had)
        for name in wanted.former:  # whose annotation has another name
            self._relinquish(replace(wanted, stack=name))
        try:
            self._finish(wanted, self._restart(wanted))
        except (RolloutError, ClusterRefusedError) as error:
            report(f"the restart failed, going back to what was found: {error}")
            self._restore(wanted, before, had, written)
            raise RuntimeError(visible(f"{error}. Rolled back to the previous configuration")) from None
        return written.passed

    def _write(self, wanted: FileRule, before: FileRule | None, lease: HeldLease, had: Share) -> _Written:
        """Write the file, unless it is as it should be."""
        known = had
        for _ in range(_ATTEMPTS):
            world = FileWorld.read(self._api(), wanted)
            diff = weigh(wanted, world, shares(lease), known, _rules(before))
            if diff.problems or world.holder is None:
                note(lease, had)
                raise ImpossibleError("; ".join(map(str, diff.problems)))
            # First, so that a kill at any moment leaves no rule whose owner is unknown.
            known = Share(had.keys | wanted.keys, diff.passed)
            note(lease, known)
            try:
                written = self._replace(wanted, world.holder, diff.text)
            except ClusterRefusedError:
                note(lease, had)
                raise
            if written:
                note(lease, Share(wanted.keys, diff.passed))
                return _Written(world.holder["data"][wanted.key], diff.text, diff.passed)
        note(lease, had)
        raise ImpossibleError(f"{wanted.holder} cannot be written: {_BUSY}. Run this again")

    def _take_out(
        self, was: FileRule, before: FileRule | None, shares: Shares, had: Share, written: _Written | None
    ) -> str:
        """Bring the file to the rule that was there before, or to none; returns why that can't be done.

        What is unchanged since this stack's write is restored; later changes of others are kept.
        """
        for _ in range(_ATTEMPTS):
            world = FileWorld.read(self._api(), was)
            text, problem = world.text(was)
            if text is None or world.holder is None:
                return ""
            if problem:
                return str(problem)
            if written and written.found != text == written.text:
                restored = written.found
            else:
                try:
                    own = own_rule(was, TunnelDocument.read(text), shares, had, _rules(before))
                    restored = sound(replace(own, wanted=before.rule if before else None)).text
                except DocumentError as error:
                    return f"the document {error}"
            if self._replace(was, world.holder, restored):
                return ""
        return _BUSY

    def _restore(self, wanted: FileRule, before: FileRule | None, had: Share, written: _Written) -> None:
        """Go back to the file and the annotation that were found."""
        try:
            with self._lease(wanted).held() as lease:
                known = joined(had, share(lease))
                if kept := self._take_out(wanted, before, shares(lease), known, written):
                    report(f"the rule for {wanted.host} stays in {wanted.holder}: {kept}")
                    return
                note(lease, had)
            self._finish(wanted, self._restart(before) if before else self._relinquish(wanted))
        except (RolloutError, ClusterError, CloudflareError) as error:
            report(f"what was found does not come up either: {error}")

    def _replace(self, wanted: FileRule, holder: Manifest, text: str) -> bool:
        """Write the file; False when the ConfigMap has changed since it was read."""
        if holder["data"][wanted.key] == text:
            return True
        try:
            self._api().replace({**holder, "data": {**holder["data"], wanted.key: text}}, wanted.stack)
        except ClusterRefusedError as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise
            return False
        return True

    def _restart(self, wanted: FileRule) -> str:
        """Restart what has not read the file as it is; returns the moment after which a connector has read it."""
        world = FileWorld.read(self._api(), wanted)
        for workload, due in zip(world.workloads, world.due(wanted), strict=True):
            if due and world.holder:
                value = wanted.mark(world.holder)
                connector_restart.request(self._api(), Ref.of(workload), wanted.stack, value)
        return self._since(wanted)

    def _relinquish(self, was: FileRule) -> str:
        """Restart what was restarted for our rule; returns the moment after which a connector has read the file.

        Empty where nothing restarts.
        """
        world = FileWorld.read(self._api(), was)
        stated = [one for one in world.workloads if connector_restart.is_stated(one, was.stack)]
        for workload in stated:
            connector_restart.request(self._api(), Ref.of(workload), was.stack, "")
        watched = (world.holder and connector_restart.watched(one, world.holder) for one in world.workloads)
        return self._since(was) if stated or any(watched) else ""

    def _since(self, wanted: FileRule) -> str:
        world = FileWorld.read(self._api(), wanted)
        requested = [connector_restart.requested_at(workload, wanted.stack) for workload in world.workloads]
        written = connector_restart.written_at(world.holder, wanted.key, wanted.stack) if world.holder else ""
        return max([written, *requested])

    def _finish(self, wanted: FileRule, since: str) -> None:
        """Wait until the tunnel runs the file as it is."""
        api = self._api()
        listed = partial(self._cloudflare().connectors, wanted.account_id, wanted.tunnel_id)
        workloads = [Ref.of(one) for one in FileWorld.read(api, wanted).workloads]
        moment = connector_restart.moment(since, api.ahead)
        connector_restart.finish(api, listed, workloads, moment, report, wait=self._wait)

    def _lease(self, wanted: FileRule) -> Lease:
        return lease_for(self._api(), wanted.tunnel_id, wanted.stack, wanted.former)

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)


class TunnelFileRule(dynamic.Resource, module="cloudflare", name="TunnelFileRule"):
    """A rule of this stack's in a file that others use too."""

    rule: pulumi.Output[str]
    found: pulumi.Output[str]

    def __init__(self, name: str, wanted: FileRule, opts: pulumi.ResourceOptions) -> None:
        super().__init__(TunnelFileRuleProvider(), name, {**_inputs(wanted), "found": None}, opts)


def _rules(before: FileRule | None) -> list[Rule]:
    return [before.rule] if before else []


def _inputs(wanted: FileRule) -> dict[str, Any]:
    return {
        "account_id": wanted.account_id,
        "tunnel_id": wanted.tunnel_id,
        "namespace": wanted.holder.namespace,
        "config_map": wanted.holder.name,
        "key": wanted.key,
        "workloads": list(wanted.workloads),
        # As text: the engine keeps no order of keys, which the file does.
        "rule": json.dumps(wanted.rule),
        "stack": wanted.stack,
        "adopt": wanted.adopt,
        "edit": wanted.edit,
        **({"former": [*wanted.former]} if wanted.former else {}),
    }


def _outputs(wanted: FileRule, passed: Collection[Rule]) -> dict[str, Any]:
    return {**_inputs(wanted), "found": json.dumps([dict(rule) for rule in passed])}
