"""What Cloudflare holds, as far as the stack is concerned."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from clients import cloudflare as cloudflare_api
from clients.cloudflare import (
    AccessApplication,
    AccessPolicy,
    CloudflareApi,
    CloudflareRefusedError,
    Connector,
    Record,
    ServiceToken,
    Tunnel,
    Zone,
)
from clients.ingress_rules import Key
from clients.kubernetes import ClusterApi
from clients.rule_set import RuleSet, TunnelRulesDiff, compare
from components.origin_request import inherited_of
from components.ownership import Ownership
from components.public_access import is_marked, rule_set
from observe import local_tunnel
from observe import zone as zones
from observe.lists import Lists
from observe.local_tunnel import LocalTunnelSeen
from observe.state import Known
from settings import Settings
from settings.cloudflare import DnsRecord, LocalTunnel, OnCloudflare, SharedTunnel, Tunnelled
from text.resource_types import ADOPTED_RECORD, APPLICATION, POLICY, RECORD, SERVICE_TOKEN, TUNNEL_RULES

_ACCESS = {APPLICATION, POLICY, SERVICE_TOKEN}


@dataclass(frozen=True)
class HostSeen:
    """What there is of one host, as of the stack's own in `CloudflareSeen`."""

    records: tuple[Record, ...] = ()
    delegations: tuple[Record, ...] = ()
    certified: tuple[str, ...] | None = ()


@dataclass(frozen=True)
class CloudflareSeen:
    """Cloudflare as read; nothing there was changed.

    Attributes:
        zone: the host's zone; None when the token sees none, and then the rest is empty.
        tunnels: the account's tunnels, where the stack is to use one.
        rules: what our rules in a shared tunnel come to; None for any other kind.
        records: the host's records.
        delegations: NS records of the host, beside which it can have no other.
        siblings: those of the host that ours shall be like.
        applications: the Access applications; None where the token may not read them, and need not.
        service_tokens: those of Access, where the stack is to have one.
        policies: those of Access, likewise.
        known: the resources in the stack's state.
        zone_names: names of the zone's records, where its own name may not be read.
        certified: names that the zone's certificates are for, where that decides; None where they may not be read.
        local: what runs a locally managed tunnel; None for any other kind.
        inherited: what a shared tunnel states for all its rules.
        connectors: what runs the tunnel.
        pages: what else is there of the hosts of pages to sign in, by host.

    """

    zone: Zone | None
    tunnels: tuple[Tunnel, ...] = ()
    rules: TunnelRulesDiff | None = None
    records: tuple[Record, ...] = ()
    delegations: tuple[Record, ...] = ()
    siblings: tuple[Record, ...] = ()
    applications: tuple[AccessApplication, ...] | None = ()
    service_tokens: tuple[ServiceToken, ...] = ()
    policies: tuple[AccessPolicy, ...] = ()
    known: tuple[Known, ...] = ()
    zone_names: tuple[str, ...] = ()
    certified: tuple[str, ...] | None = ()
    local: LocalTunnelSeen | None = None
    inherited: Mapping[str, Any] = field(default_factory=dict)
    connectors: tuple[Connector, ...] = ()
    pages: Mapping[str, HostSeen] = field(default_factory=dict)

    def of(self, page: str) -> "CloudflareSeen":
        """What is there for the host of a page."""
        return replace(self, **vars(self.pages.get(page, HostSeen())), pages={})

    def is_known(self, type_: str, id_: str) -> bool:
        """Whether the state knows the object of that id. Another one of the same type or name is not this stack's."""
        return any((one.type, one.id) == (type_, id_) for one in self.known)

    def is_adopted(self, record: Record) -> bool:
        """Whether the state knows a record as one that was made by hand."""
        return self.is_known(ADOPTED_RECORD, record.id)

    def in_state(self, record: Record) -> bool:
        """Whether the state knows a record."""
        return self.is_known(RECORD, record.id) or self.is_adopted(record)

    def our_record(self, owner: Ownership) -> Record | None:
        """Find the record that this stack manages, by its id in the state or its comment, or else one to adopt."""
        known = [record for record in self.records if self.in_state(record)]
        marked = [record for record in self.records if is_marked(record, owner)]
        return next(iter([*known, *marked, *(self.records if owner.adopting else ())]), None)


def connect(settings: Settings) -> CloudflareApi | None:
    """Get ready to ask Cloudflare; None for a stack that states nothing there.

    Raises:
        CloudflareError: when there is no API token.

    """
    if not isinstance(settings.cloudflare, OnCloudflare):
        return None
    return CloudflareApi(cloudflare_api.token(settings.cloudflare_token))


def read_cloudflare(  # noqa: PLR0913, PLR0917 (what is asked, and for whom)
    api: CloudflareApi | None,
    cluster: ClusterApi,
    settings: Settings,
    owner: Ownership,
    known: Collection[Known] | None = None,
    lists: Lists | None = None,
) -> CloudflareSeen | None:
    """Read it; None for a stack that states nothing there.

    Args:
        api: Cloudflare, if the stack states anything there.
        cluster: where each stack records its rules.
        settings: the stack's settings.
        owner: the stack.
        known: what the state has; None where it is not asked, and then a rule as wanted counts as this stack's.
        lists: what others of the same look have listed.

    Raises:
        CloudflareError: when Cloudflare can't be asked, or the token may not read.
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    cloudflare = settings.cloudflare
    if api is None or not isinstance(cloudflare, OnCloudflare):
        return None
    api.refuse_ended_token(cloudflare.account_id)
    zone = zones.find(api, settings.host, cloudflare)
    if zone is None:
        return CloudflareSeen(None)
    # Access that is turned off goes in this `up`, with the permissions that it takes.
    guarded = cloudflare.access or any(one.type in _ACCESS for one in known or ())
    same_as = cloudflare.same_as if isinstance(cloudflare, DnsRecord) else None
    tunnels = tuple(api.tunnels(zone.account_id)) if isinstance(cloudflare, Tunnelled) else ()
    local = None
    if isinstance(cloudflare, LocalTunnel):
        local = local_tunnel.read_local_tunnel(cluster, settings, cloudflare, lists or Lists(cluster))
    tunnel = tunnel_of(settings, tunnels, local)
    if local and tunnel:
        local = replace(local, configuration=api.configuration(zone.account_id, tunnel.id))
        local = replace(local, pods=local_tunnel.read_pods_of(cluster, local))
        local = local_tunnel.claimed(settings, local, tunnel, zone.account_id, owner)
        # Without the state, what is to be written is not asked.
        local = local_tunnel.tried(cluster, local, known) if known is not None else local
    shared = tunnel if isinstance(cloudflare, SharedTunnel) else None
    configuration = api.configuration(zone.account_id, shared.id) if shared else None
    inherited = inherited_of(configuration.document if configuration else None)
    ours = rule_set(settings, zone, tunnel, owner, inherited)
    return CloudflareSeen(
        zone=zone,
        tunnels=tunnels,
        rules=compare(api, cluster, ours, _known_keys(known, ours)) if ours else None,
        **vars(_host(api, zone, settings.host)),
        siblings=tuple(api.records(zone.id, same_as)) if same_as else (),
        applications=_applications(api, zone, cloudflare),
        service_tokens=tuple(api.service_tokens(zone.account_id)) if guarded else (),
        policies=tuple(api.access_policies(zone.account_id)) if guarded else (),
        known=tuple(known or ()),
        zone_names=zones.names(api, zone),
        local=local,
        inherited=inherited,
        connectors=tuple(api.connectors(zone.account_id, tunnel.id)) if tunnel and not tunnel.deleted else (),
        pages={host: _host(api, zone, host) for host in settings.photo_sync.pages.values()},
    )


def _host(api: CloudflareApi, zone: Zone, host: str) -> HostSeen:
    return HostSeen(
        records=tuple(api.records(zone.id, host)),
        delegations=tuple(api.delegations(zone.id, host)),
        certified=zones.certified(api, zone, host),
    )


def _known_keys(known: Collection[Known] | None, wanted: RuleSet) -> frozenset[Key]:
    """Find the rules that the state knows to be this stack's: in no Lease, they would be taken for unmanaged ones."""
    if known is None:
        return wanted.keys
    stated = (wanted.known_keys(one.outputs) for one in known if one.type == TUNNEL_RULES)
    return frozenset().union(*stated)


def _applications(api: CloudflareApi, zone: Zone, cloudflare: OnCloudflare) -> tuple[AccessApplication, ...] | None:
    """List what may stand before the host; without `access`, a token that may not read it is as good."""
    if isinstance(cloudflare, DnsRecord) and not cloudflare.proxied:
        return ()
    try:
        return tuple(api.access_applications(zone.account_id))
    except CloudflareRefusedError:
        if cloudflare.access:
            raise
        return None


def tunnel_of(settings: Settings, tunnels: Collection[Tunnel], local: LocalTunnelSeen | None = None) -> Tunnel | None:
    """Find the tunnel that the settings name, or else its cloudflared; rather one that is not deleted."""
    cloudflare = settings.cloudflare
    if not isinstance(cloudflare, Tunnelled):
        return None
    name = (local or LocalTunnelSeen()).tunnel(cloudflare) if isinstance(cloudflare, LocalTunnel) else cloudflare.tunnel
    named = [tunnel for tunnel in tunnels if name == tunnel.name or name.lower() == tunnel.id]
    return min(named, key=lambda tunnel: tunnel.deleted, default=None)
