"""A rule of this stack's in the file of a locally managed tunnel: one rule of a text, every other byte as it was.

cloudflared reads its file once, so that its restart is part of the change. One that fails restores file and restart.
"""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import pulumi
from pulumi import dynamic

from clients import connector_restart, document_keeper, ingress_check, ingress_rules
from clients.cloudflare import CloudflareError
from clients.ingress_rules import Key, Rule, spoken
from clients.kubernetes import ClusterApi, ClusterError, ClusterRefusedError, Manifest, Ref
from clients.own_rule import OwnRule
from clients.rollout import RolloutError
from clients.tunnel_document import DocumentError, TunnelDocument
from clients.tunnel_lease import HeldTunnelLease, Share, Shares, TunnelLease, joined, siblings
from providers import wording
from providers.cloudflare_provider import CloudflareProvider
from providers.cluster_provider import ClusterProvider
from providers.report import refusals, report
from providers.tunnel_rules import clashes
from text.finding import Finding
from text.visible import visible

_ATTEMPTS = 10
_BUSY = "other clients change it at the same moment, again and again"
_CATCH_ALL = "every host without a rule"


@dataclass(frozen=True)
class FileRule:
    """What is asked for: this rule, in that file, for this stack.

    Attributes:
        account_id: the tunnel's account.
        tunnel_id: its UUID.
        holder: the ConfigMap that holds the file.
        key: the file's key in it.
        workloads: what reads the file, as `Kind/name`, in the ConfigMap's namespace.
        rule: as the file has it.
        stack: `<project>/<stack>`, whose rule it is.
        adopt: whether it may go before a rule for the same host that was made by hand.
        edit: whether what `kubectl apply` has in a file may be written.
        former: other names of that stack.

    """

    account_id: str
    tunnel_id: str
    holder: Ref
    key: str
    workloads: tuple[str, ...]
    rule: Rule
    stack: str
    adopt: bool
    edit: bool
    former: tuple[str, ...] = ()

    @property
    def keys(self) -> frozenset[Key]:
        """What the rule is known by."""
        return frozenset({ingress_rules.key(self.rule)})

    @property
    def place(self) -> tuple[object, ...]:
        """Where it is: another place means another rule."""
        return self.account_id, self.tunnel_id, self.holder, self.key

    @property
    def refs(self) -> list[Ref]:
        """What reads the file."""
        parts = (one.partition("/") for one in self.workloads)
        return [Ref("apps/v1", kind, name, self.holder.namespace) for kind, _, name in parts]


@dataclass(frozen=True)
class FileRuleDiff:
    """What a rule would come to.

    Attributes:
        problems: why it can't be written.
        text: the file as it would be.
        is_there: whether the file has a rule of this stack.
        changes: whether anything would be written.
        passed: rules of others for the same host that it goes before.
        news: what people should know before.

    """

    problems: tuple[Finding, ...] = ()
    text: str = ""
    is_there: bool = False
    changes: bool = True
    passed: tuple[Rule, ...] = ()
    news: tuple[Finding, ...] = ()


class ImpossibleError(ClusterError):
    """The rule can't be written as things are; nothing was."""


@dataclass(frozen=True)
class _Written:
    """What a write came to: the file before and after, and the rules of others that ours goes before."""

    found: str
    text: str
    passed: tuple[Rule, ...]


@dataclass(frozen=True)
class _World:
    """The file and what reads it, as they are."""

    holder: Manifest | None
    workloads: tuple[Manifest, ...]

    @classmethod
    def read(cls, api: ClusterApi, wanted: FileRule) -> "_World":
        found = (api.get(ref) for ref in wanted.refs)
        return cls(api.get(wanted.holder), tuple(one for one in found if one))


def compare(api: ClusterApi, wanted: FileRule, known: Share | None = None) -> FileRuleDiff:
    """Find what a rule would come to; nothing is changed.

    Args:
        api: the cluster.
        wanted: the rule.
        known: what the state knows of it.

    Raises:
        ClusterError: when the cluster can't be asked, or refuses.

    """
    shares = TunnelLease.of(api, wanted.tunnel_id, wanted.stack, wanted.former).shares()
    had = joined(known or Share(), shares.get(wanted.stack, Share()))
    return _weigh(wanted, _World.read(api, wanted), shares, had)


def _weigh(wanted: FileRule, world: _World, shares: Shares, had: Share, stated: Collection[Rule] = ()) -> FileRuleDiff:
    text, problem = _text(wanted, world)
    if text is None:
        return FileRuleDiff((problem,) if problem else ())
    try:
        document = TunnelDocument.read(text)
        own = _own(wanted, document, shares, had, stated)
        settled = _sound(own)
    except DocumentError as error:
        # Whether it has a rule of this stack can't be seen: as far as is noted, it has.
        invalid = wording.FILE_INVALID.found(wanted.holder, fault=error)
        return FileRuleDiff((invalid,), text, is_there=bool(had.keys))
    writes = settled.text != text
    due = writes or any(_due(wanted, world))
    losing = [] if wanted.adopt else own.losing
    problems = (
        *((problem,) if problem else ()),
        *clashes(wanted.keys, wanted.tunnel_id, wanted.stack, shares),
        *(wording.FILE_RULE_NOT_OURS.found(spoken(rule), holder=wanted.holder, key=wanted.key) for rule in losing),
        *(_paused(world) if due else ()),
    )
    passed = tuple(own.rivals)
    noted = shares.get(wanted.stack, Share())
    return FileRuleDiff(
        problems=problems,
        text=settled.text,
        is_there=bool(own.ours),
        changes=due or noted.keys != wanted.keys,
        passed=passed,
        news=tuple(_news(wanted, world, own, writes=writes)) if due else (),
    )


def _text(wanted: FileRule, world: _World) -> tuple[str | None, Finding | None]:
    """Return the file, and why it may not be written."""
    if world.holder is None:
        return None, wording.OBJECT_MISSING.found(wanted.holder)
    text = (world.holder.get("data") or {}).get(wanted.key)
    if text is None:
        return None, wording.OBJECT_MISSING.found(f"key {wanted.key} of {wanted.holder}")
    why = document_keeper.refusal(world.holder, wanted.key, world.workloads, edit=wanted.edit)
    return text, wording.FILE_KEPT.found(reason=why) if why else None


def _own(wanted: FileRule, document: TunnelDocument, shares: Shares, had: Share, stated: Collection[Rule]) -> OwnRule:
    owned = had.keys - siblings(shares, wanted.stack)
    return OwnRule(document, wanted.rule, owned, [*stated, wanted.rule], had.found)


def _sound(own: OwnRule) -> TunnelDocument:
    """Build the document as it should be, and see that cloudflared would take it.

    Raises:
        DocumentError: when it would not, or the document can't be changed.

    """
    settled = own.settled()
    if own.document.fault or settled.fault:
        raise DocumentError(own.document.fault or settled.fault)
    return settled


def _due(wanted: FileRule, world: _World) -> Iterator[bool]:
    """Tell of each workload whether it has yet to be restarted for the file as it is."""
    if world.holder:
        value = _mark(wanted, world.holder)
        for workload in world.workloads:
            yield connector_restart.is_due(workload, world.holder, wanted.stack, value)


def _mark(wanted: FileRule, holder: Manifest) -> str:
    return connector_restart.mark(wanted.rule, connector_restart.written_at(holder, wanted.key, wanted.stack))


def _paused(world: _World) -> Iterator[Finding]:
    for workload in world.workloads:
        if workload["spec"].get("paused"):
            yield wording.CONNECTOR_PAUSED.found(Ref.of(workload))


def _news(wanted: FileRule, world: _World, own: OwnRule, *, writes: bool) -> Iterator[Finding]:
    host = _host(wanted)
    if writes:
        yield wording.RULE_PLACED.found(spoken(wanted.rule), other=spoken(own.in_line[0]))
        for other in own.in_line[:-1]:
            if not ingress_rules.shuts_out(wanted.rule, other):
                path = ingress_rules.key(other)[1]
                yield wording.REQUESTS_MOVED.found(host=host, path=path, other=spoken(other))
        for other in own.losing:
            yield wording.FILE_RULE_PASSED.found(spoken(other))
        if world.holder and document_keeper.is_applied(world.holder, wanted.key):
            yield wording.FILE_APPLIED.found(wanted.holder)
    names = ", ".join(str(Ref.of(workload)) for workload in world.workloads)
    yield wording.CONNECTOR_RESTARTS.found(names, host=host, hosts=_interrupted(own))
    if unjudged := ingress_check.unjudged(own.document.rules):
        yield wording.PATHS_UNJUDGED.found(wanted.holder, paths=", ".join(f"`{path}`" for path in unjudged))


def _interrupted(own: OwnRule) -> str:
    """Name the hosts that can't be reached while cloudflared restarts."""
    hosts = [ingress_rules.key(rule)[0] for rule in own.others[:-1]]
    last = str(own.others[-1].get("service") or "") if own.others else ""
    rest = () if last.startswith("http_status:") else (_CATCH_ALL,)
    return ", ".join(dict.fromkeys([*filter(None, hosts), *rest])) or "no other host"


class TunnelFileRuleProvider(ClusterProvider, CloudflareProvider):
    """Writes, reads and removes one rule, and restarts what reads it."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Refuse, at preview, what can't be written."""
        wanted = _file_rule(news)
        try:
            found: tuple[object, ...] = compare(self._api(), wanted, known(_olds, wanted)).problems
        except ClusterError as error:
            found = (error,)
        return dynamic.CheckResult(news, refusals(found))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change exactly when something would be written."""
        old, new = _file_rule(_olds), _file_rule(_news)
        if old.place != new.place:
            return dynamic.DiffResult(changes=True, replaces=["config_map"], delete_before_replace=True)
        changes = (old.stack, old.workloads) != (new.stack, new.workloads)
        return dynamic.DiffResult(changes=changes or compare(self._api(), new, _share(_olds)).changes)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Put the rule in its place."""
        wanted = _file_rule(props)
        found = self._settle(wanted, None, Share())
        return dynamic.CreateResult(f"{wanted.holder.path}/{wanted.key}", _outputs(wanted, found))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Bring the rule to what is asked for."""
        wanted = _file_rule(_news)
        found = self._settle(wanted, _file_rule(_olds), _share(_olds))
        return dynamic.UpdateResult(_outputs(wanted, found))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Find whether there is a file at all; how the rule is in it, `diff` reads."""
        wanted = _file_rule(props)
        holder = self._api().get(wanted.holder)
        if holder is None or wanted.key not in (holder.get("data") or {}):
            return dynamic.ReadResult("", {})
        return dynamic.ReadResult(id_, props, _inputs(wanted))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove the rule, and restart without it. A file that another one keeps by now, or broke, stays as it is."""
        was = replace(_file_rule(_props), edit=True)
        with self._lease(was).held() as lease:
            had = joined(_share(_props), lease.share)
            lease.note(had)
            kept = self._take_out(was, None, lease.shares, had, None)
            lease.note(Share())
        if kept:
            report(f"the rule for {_host(was)} stays in {was.holder}: {kept}")
            return
        try:
            self._finish(was, self._relinquish(was))
        except (RolloutError, ClusterError, CloudflareError) as error:
            report(f"the rule is removed, but {error}")

    def _settle(self, wanted: FileRule, before: FileRule | None, stated: Share) -> tuple[Rule, ...]:
        """Bring file and workloads to what is asked for; returns the rules of others that ours goes before."""
        self._cloudflare()  # without a token nothing is begun
        with self._lease(wanted).held() as lease:
            had = joined(stated, lease.share)
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

    def _write(self, wanted: FileRule, before: FileRule | None, lease: HeldTunnelLease, had: Share) -> _Written:
        """Write the file, unless it is as it should be."""
        known = had
        for _ in range(_ATTEMPTS):
            world = _World.read(self._api(), wanted)
            diff = _weigh(wanted, world, lease.shares, known, _rules(before))
            if diff.problems or world.holder is None:
                lease.note(had)
                raise ImpossibleError("; ".join(map(str, diff.problems)))
            # First, so that a kill at any moment leaves no rule whose owner is unknown.
            known = Share(had.keys | wanted.keys, diff.passed)
            lease.note(known)
            try:
                written = self._replace(wanted, world.holder, diff.text)
            except ClusterRefusedError:
                lease.note(had)
                raise
            if written:
                lease.note(Share(wanted.keys, diff.passed))
                return _Written(world.holder["data"][wanted.key], diff.text, diff.passed)
        lease.note(had)
        raise ImpossibleError(f"{wanted.holder} cannot be written: {_BUSY}. Run this again")

    def _take_out(
        self, was: FileRule, before: FileRule | None, shares: Shares, had: Share, written: _Written | None
    ) -> str:
        """Bring the file to the rule that was there before, or to none; returns why that can't be done.

        What nobody has changed since our write is restored as it was, and all else is kept as it is by now.
        """
        for _ in range(_ATTEMPTS):
            world = _World.read(self._api(), was)
            text, problem = _text(was, world)
            if text is None or world.holder is None:
                return ""
            if problem:
                return str(problem)
            if written and written.found != text == written.text:
                restored = written.found
            else:
                try:
                    own = _own(was, TunnelDocument.read(text), shares, had, _rules(before))
                    restored = _sound(replace(own, wanted=before.rule if before else None)).text
                except DocumentError as error:
                    return f"the document {error}"
            if self._replace(was, world.holder, restored):
                return ""
        return _BUSY

    def _restore(self, wanted: FileRule, before: FileRule | None, had: Share, written: _Written) -> None:
        """Go back to the file and the annotation that were found."""
        try:
            with self._lease(wanted).held() as lease:
                known = joined(had, lease.share)
                if kept := self._take_out(wanted, before, lease.shares, known, written):
                    report(f"the rule for {_host(wanted)} stays in {wanted.holder}: {kept}")
                    return
                lease.note(had)
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
        world = _World.read(self._api(), wanted)
        for workload, due in zip(world.workloads, _due(wanted, world), strict=True):
            if due and world.holder:
                value = _mark(wanted, world.holder)
                connector_restart.request(self._api(), Ref.of(workload), wanted.stack, value)
        return self._since(wanted)

    def _relinquish(self, was: FileRule) -> str:
        """Restart what was restarted for our rule; returns the moment after which a connector has read the file.

        Empty where nothing restarts.
        """
        world = _World.read(self._api(), was)
        stated = [one for one in world.workloads if connector_restart.is_stated(one, was.stack)]
        for workload in stated:
            connector_restart.request(self._api(), Ref.of(workload), was.stack, "")
        watched = (world.holder and connector_restart.watched(one, world.holder) for one in world.workloads)
        return self._since(was) if stated or any(watched) else ""

    def _since(self, wanted: FileRule) -> str:
        world = _World.read(self._api(), wanted)
        requested = [connector_restart.requested_at(workload, wanted.stack) for workload in world.workloads]
        written = connector_restart.written_at(world.holder, wanted.key, wanted.stack) if world.holder else ""
        return max([written, *requested])

    def _finish(self, wanted: FileRule, since: str) -> None:
        """Wait until the tunnel runs the file as it is."""
        api = self._api()
        listed = connector_restart.connectors_of(self._cloudflare(), wanted.account_id, wanted.tunnel_id)
        workloads = [Ref.of(one) for one in _World.read(api, wanted).workloads]
        connector_restart.finish(api, listed, workloads, connector_restart.moment(since), report, wait=self._wait)

    def _lease(self, wanted: FileRule) -> TunnelLease:
        return TunnelLease.of(self._api(), wanted.tunnel_id, wanted.stack, wanted.former)

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)


class TunnelFileRule(dynamic.Resource, module="cloudflare", name="TunnelFileRule"):
    """A rule of this stack's in a file that others use too."""

    rule: pulumi.Output[str]
    found: pulumi.Output[str]

    def __init__(self, name: str, wanted: FileRule, opts: pulumi.ResourceOptions) -> None:
        super().__init__(TunnelFileRuleProvider(), name, {**_inputs(wanted), "found": None}, opts)


def known(olds: Mapping[str, Any], wanted: FileRule) -> Share:
    """Return what the state, if it has any, knows of the rule in the same file."""
    return _share(olds) if olds.get("rule") and _file_rule(olds).place == wanted.place else Share()


def _share(props: Mapping[str, Any]) -> Share:
    return Share(_file_rule(props).keys, tuple(json.loads(props.get("found") or "[]")))


def _rules(before: FileRule | None) -> list[Rule]:
    return [before.rule] if before else []


def _host(wanted: FileRule) -> str:
    return ingress_rules.key(wanted.rule)[0]


def _file_rule(props: Mapping[str, Any]) -> FileRule:
    return FileRule(
        account_id=props["account_id"],
        tunnel_id=props["tunnel_id"],
        holder=Ref("v1", "ConfigMap", props["config_map"], props["namespace"]),
        key=props["key"],
        workloads=tuple(props["workloads"]),
        rule=json.loads(props["rule"]),
        stack=props["stack"],
        adopt=bool(props["adopt"]),
        edit=bool(props["edit"]),
        former=tuple(props.get("former", ())),
    )


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
