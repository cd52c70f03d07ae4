"""What a rule in the file of a locally managed tunnel would come to: nothing is changed here."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from clients import connector_restart, document_keeper, ingress_check, ingress_rules, tunnel_lease, wording
from clients.ingress_rules import Key, Rule, spoken
from clients.kubernetes import ClusterApi, Manifest, Ref
from clients.own_rule import OwnRule
from clients.rule_set import clashes
from clients.tunnel_document import DocumentError, TunnelDocument
from clients.tunnel_lease import Share, Shares, joined, siblings
from text.finding import Finding

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

    @classmethod
    def of(cls, props: Mapping[str, Any]) -> Self:
        """Read one from the properties of its resource."""
        return cls(
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

    @property
    def host(self) -> str:
        """The host that it is for."""
        return ingress_rules.key(self.rule)[0]

    def known(self, props: Mapping[str, Any]) -> Share:
        """Return what the state, if it has any, knows of the rule in the same file."""
        return stated(props) if props.get("rule") and FileRule.of(props).place == self.place else Share()

    def mark(self, holder: Manifest) -> str:
        """Say for which rule, and which write of the file, its readers are restarted."""
        return connector_restart.mark(self.rule, connector_restart.written_at(holder, self.key, self.stack))


def stated(props: Mapping[str, Any]) -> Share:
    """Return what the properties of a resource say is its stack's."""
    return Share(FileRule.of(props).keys, tuple(json.loads(props.get("found") or "[]")))


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


@dataclass(frozen=True)
class FileWorld:
    """The file and what reads it, as they are."""

    holder: Manifest | None
    workloads: tuple[Manifest, ...]

    @classmethod
    def read(cls, api: ClusterApi, wanted: FileRule) -> Self:
        """Read them."""
        found = (api.get(ref) for ref in wanted.refs)
        return cls(api.get(wanted.holder), tuple(one for one in found if one))

    def text(self, wanted: FileRule) -> tuple[str | None, Finding | None]:
        """Return the file, and why it may not be written."""
        if self.holder is None:
            return None, wording.OBJECT_MISSING.found(wanted.holder)
        text = (self.holder.get("data") or {}).get(wanted.key)
        if text is None:
            return None, wording.OBJECT_MISSING.found(f"key {wanted.key} of {wanted.holder}")
        why = document_keeper.refusal(self.holder, wanted.key, self.workloads, edit=wanted.edit)
        return text, wording.FILE_KEPT.found(reason=why) if why else None

    def due(self, wanted: FileRule) -> Iterator[bool]:
        """Tell of each workload whether it has yet to be restarted for the file as it is."""
        if self.holder:
            value = wanted.mark(self.holder)
            for workload in self.workloads:
                yield connector_restart.is_due(workload, self.holder, wanted.stack, value)


def compare(api: ClusterApi, wanted: FileRule, known: Share | None = None) -> FileRuleDiff:
    """Find what a rule would come to; nothing is changed.

    Args:
        api: the cluster.
        wanted: the rule.
        known: what the state knows of it.

    Raises:
        ClusterError: when the cluster can't be asked, or refuses.

    """
    shares = tunnel_lease.shares(tunnel_lease.lease_for(api, wanted.tunnel_id, wanted.stack, wanted.former))
    had = joined(known or Share(), shares.get(wanted.stack, Share()))
    return weigh(wanted, FileWorld.read(api, wanted), shares, had)


def weigh(
    wanted: FileRule, world: FileWorld, shares: Shares, had: Share, stated: Collection[Rule] = ()
) -> FileRuleDiff:
    """Find what a rule would come to, of what was read; `had` is this stack's, and `stated` what it wrote before."""
    text, problem = world.text(wanted)
    if text is None:
        return FileRuleDiff((problem,) if problem else ())
    try:
        document = TunnelDocument.read(text)
        own = own_rule(wanted, document, shares, had, stated)
        settled = sound(own)
    except DocumentError as error:
        # Whether it has a rule of this stack can't be seen: as far as is noted, it has.
        invalid = wording.FILE_INVALID.found(wanted.holder, fault=error)
        return FileRuleDiff((invalid,), is_there=bool(had.keys))
    writes = settled.text != text
    due = writes or any(world.due(wanted))
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


def own_rule(
    wanted: FileRule, document: TunnelDocument, shares: Shares, had: Share, stated: Collection[Rule]
) -> OwnRule:
    """Find this stack's rule in a document."""
    owned = had.keys - siblings(shares, wanted.stack)
    return OwnRule(document, wanted.rule, owned, [*stated, wanted.rule], had.found)


def sound(own: OwnRule) -> TunnelDocument:
    """Build the document as it should be, and see that cloudflared would take it.

    Raises:
        DocumentError: when it would not, or the document can't be changed.

    """
    settled = own.settled()
    if settled.fault:
        raise DocumentError(settled.fault)
    return settled


def _paused(world: FileWorld) -> Iterator[Finding]:
    for workload in world.workloads:
        if workload["spec"].get("paused"):
            yield wording.CONNECTOR_PAUSED.found(Ref.of(workload))


def _news(wanted: FileRule, world: FileWorld, own: OwnRule, *, writes: bool) -> Iterator[Finding]:
    host = wanted.host
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
