"""How the internet gets to Immich by way of Cloudflare: pure, from the settings and from what was found there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from clients import cloudflare as cloudflare_api
from clients.cloudflare import Tunnel, Zone
from clients.file_rule import FileRule
from clients.ingress_rules import Rule
from clients.rule_set import RuleSet
from components import sign_in_page
from components.local_route import LocalRoute
from components.origin_request import origin_request
from components.ownership import Ownership
from settings import Settings
from settings import cloudflare as settings
from settings.cloudflare import Access, OnCloudflare

RECORD_NAME = "cloudflare-record"
PAGE_RECORD_NAME = "sign-in-record"
_ADOPTED = ", adopted"


@dataclass(frozen=True)
class FoundAtCloudflare:
    """What Cloudflare holds already, as far as it shapes the plan.

    Attributes:
        zone: the host's zone.
        tunnel: the shared or locally managed tunnel; None for any other kind.
        sibling: the record that ours shall be like; None unless `sameAs` names one.
        record: the host's record, where there is one that may be this stack's.
        import_record: whether that record carries this stack's comment, and the state does not know it.
        adopt_record: whether that record was made by hand, and is, or becomes, a resource that restores it.
        record_name: the record's name in the program, which is another one when the host changes.
        hosts_before: the other hosts whose records the state knows.
        local: what a locally managed tunnel does with the host's requests; None for any other kind.
        inherited: what a shared tunnel states for all its rules.
        file_rule: our rule in its file; None where the file needs none, or this stack may not write it.
        pages: what is there of the hosts of pages to sign in, by host.

    """

    zone: Zone
    tunnel: Tunnel | None = None
    sibling: cloudflare_api.Record | None = None
    record: cloudflare_api.Record | None = None
    import_record: bool = False
    adopt_record: bool = False
    record_name: str = RECORD_NAME
    hosts_before: tuple[str, ...] = ()
    local: LocalRoute | None = None
    inherited: Mapping[str, Any] = field(default_factory=dict)
    file_rule: FileRule | None = None
    pages: Mapping[str, "FoundAtCloudflare"] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """The host's DNS record.

    Attributes:
        name: the host.
        type: A, AAAA or CNAME.
        content: what it points at; None for a tunnel that is yet to be made.
        proxied: whether requests go through Cloudflare.
        comment: this stack's mark on it.
        adopted: whether an older version adopted it: then it is kept, as it is, when the stack is removed.
        import_id: Pulumi's id to import it by; None unless it is there and the state does not know it.
        adopted_id: its id, where it was made by hand: then it is restored when the stack is removed; else None.
        resource: its name in the program.

    """

    name: str
    type: str
    content: str | None
    proxied: bool
    comment: str
    adopted: bool
    import_id: str | None
    adopted_id: str | None = None
    resource: str = RECORD_NAME


@dataclass(frozen=True)
class Page:
    """What leads to the page on which an account is signed in.

    Attributes:
        account: the account's name.
        setting: the setting that names the host.
        host: the host.
        record: its DNS record.
        rule: the rule of the tunnel that leads there.

    """

    account: str
    setting: str
    host: str
    record: Record
    rule: Rule


@dataclass(frozen=True)
class PublicAccess:
    """Everything that the stack will state at Cloudflare.

    Attributes:
        zone: the zone, which names the account, too.
        host: the host.
        stack: `<project>/<stack>`: in the name of all that has no other place for our mark.
        record: the host's DNS record.
        rules: our rules in a shared tunnel; None for any other kind.
        own_tunnel: name of a tunnel of our own; None for any other kind.
        rule: of a tunnel, the rule that leads the host to its origin.
        access: who is admitted; None when Access is off.
        hosts_before: the hosts that this one replaces.
        local: what a locally managed tunnel does with the host's requests; None for any other kind.
        file_rule: our rule in its file; None where it has none of this stack.
        former: other names of that stack.
        pages: the pages on which accounts are signed in, at hosts of their own.

    """

    zone: Zone
    host: str
    stack: str
    record: Record
    rules: RuleSet | None
    own_tunnel: str | None
    rule: Rule
    access: Access | None
    hosts_before: tuple[str, ...] = ()
    local: LocalRoute | None = None
    file_rule: FileRule | None = None
    former: tuple[str, ...] = ()
    pages: tuple[Page, ...] = ()

    @property
    def stacks(self) -> tuple[str, ...]:
        """The names by which this stack's objects may be known."""
        return self.stack, *self.former


def rule(whole: Settings, inherited: Mapping[str, Any]) -> Rule:
    """Build our rule, for a document that states something for all its rules."""
    request = origin_request(whole.origin, inherited)
    return {
        "hostname": whole.host,
        "service": whole.origin_url,
        **({"originRequest": request} if request else {}),
    }


def rule_set(
    whole: Settings, zone: Zone, tunnel: Tunnel | None, ownership: Ownership, inherited: Mapping[str, Any]
) -> RuleSet | None:
    """Say what is wanted of a shared tunnel; None for any other kind."""
    if tunnel is None or not isinstance(whole.cloudflare, settings.SharedTunnel):
        return None
    stack, former = ownership.stack, ownership.other_names
    return RuleSet(zone.account_id, tunnel.id, (rule(whole, inherited),), stack, ownership.adopting, former)


def is_marked(record: cloudflare_api.Record, owner: Ownership) -> bool:
    """Whether a record carries this stack's mark."""
    return record.comment.removesuffix(_ADOPTED) in {owner.stack, *owner.other_names}


def public_access(whole: Settings, found: FoundAtCloudflare, ownership: Ownership) -> PublicAccess | None:
    """Compute what the stack will state at Cloudflare; None for a stack that states nothing there."""
    cloudflare = whole.cloudflare
    if not isinstance(cloudflare, OnCloudflare):
        return None
    return PublicAccess(
        zone=found.zone,
        host=whole.host,
        stack=ownership.stack,
        record=_record(whole.host, cloudflare, found, ownership),
        rules=rule_set(whole, found.zone, found.tunnel, ownership, found.inherited),
        own_tunnel=cloudflare.tunnel if isinstance(cloudflare, settings.OwnTunnel) else None,
        rule=rule(whole, {}),
        access=cloudflare.access,
        hosts_before=found.hosts_before,
        local=found.local,
        file_rule=found.file_rule,
        former=ownership.other_names,
        pages=tuple(_pages(whole, cloudflare, found, ownership)),
    )


def _pages(whole: Settings, cloudflare: OnCloudflare, found: FoundAtCloudflare, ownership: Ownership) -> Iterator[Page]:
    for place, account in enumerate(whole.photo_sync.accounts):
        if host := whole.photo_sync.pages.get(account.name):
            there = found.pages.get(host) or FoundAtCloudflare(found.zone, record_name=page_record_name(host))
            yield Page(
                account=account.name,
                setting=f"photoSync.{f'accounts[{place}].' if account.sign_in else ''}signIn.host",
                host=host,
                record=_record(host, cloudflare, there, ownership),
                rule={"hostname": host, "service": sign_in_page.url(account.name, whole)},
            )


def page_record_name(host: str) -> str:
    """Name the DNS record of a page's host in the program: another host gets a record of its own."""
    return f"{PAGE_RECORD_NAME}-of-{host}"


def page_application_name(stack: str, account: str) -> str:
    """Name the Access application of the page on which an account is signed in."""
    return f"iCloud sign-in of {account} ({stack})"


def application_name(stack: str) -> str:
    """Name the Access application; people read it where they sign in."""
    return f"Immich ({stack})"


def service_token_name(stack: str) -> str:
    """Name the mobile app's service token."""
    return f"Immich mobile app ({stack})"


def app_policy_name(stack: str) -> str:
    """Name the policy that lets the mobile app in."""
    return f"Immich mobile app ({stack})"


def people_policy_name(stack: str) -> str:
    """Name the policy that lets people in."""
    return f"Immich people ({stack})"


def tunnel_host(tunnel_id: str) -> str:
    """Name what a record points at to lead into a tunnel."""
    return f"{tunnel_id}.cfargotunnel.com"


def _record(host: str, cloudflare: OnCloudflare, found: FoundAtCloudflare, ownership: Ownership) -> Record:
    kind, content, proxied = _target(cloudflare, found)
    # One whose mark was removed may have been made by hand: it is kept, too.
    by_hand = found.record.id if found.record and found.adopt_record else None
    names = {ownership.stack, *ownership.other_names}
    adopted = found.record is not None and not by_hand and found.record.comment not in names
    return Record(
        name=host,
        type=kind,
        content=content,
        proxied=proxied,
        comment=f"{ownership.stack}{_ADOPTED if adopted else ''}",
        adopted=adopted,
        import_id=f"{found.zone.id}/{found.record.id}" if found.record and found.import_record else None,
        adopted_id=by_hand,
        resource=found.record_name,
    )


def _target(cloudflare: OnCloudflare, found: FoundAtCloudflare) -> tuple[str, str | None, bool]:
    match cloudflare:
        case settings.SharedTunnel() | settings.LocalTunnel():
            return "CNAME", tunnel_host(found.tunnel.id) if found.tunnel else None, True
        case settings.OwnTunnel():
            return "CNAME", None, True
        case settings.DnsRecord(target=str(target)):
            return cloudflare.record_type, target, cloudflare.proxied
        case settings.DnsRecord() if found.sibling:
            return found.sibling.type, found.sibling.content, found.sibling.proxied
    raise AssertionError("a record has a target or a sibling: settings and preflight see to it")
