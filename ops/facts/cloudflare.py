"""What Cloudflare holds of the stack: the record, the tunnel with its rules and connectors, the guard."""

from dataclasses import dataclass

from clients import cloudflare as cloudflare_api
from clients.access_domains import Reach, guarding
from clients.cloudflare import AccessApplication, CloudflareApi, Connector, Record, Tunnel, Zone
from clients.kubernetes import ClusterApi
from components.ownership import Ownership
from components.way_in import FoundAtCloudflare, WayIn, is_marked, tunnel_host, way_in
from preflight import zone_facts
from providers import tunnel_rules
from providers.tunnel_rules import TunnelRulesDiff
from settings import Settings
from settings.cloudflare import DnsRecord, OnCloudflare, Tunnelled


@dataclass(frozen=True)
class CloudflareFacts:
    """Cloudflare beside what the stack states there.

    Attributes:
        zone: the host's zone; None when the token sees none, and then the rest is empty.
        tunnel: the tunnel that the host is led through; None when there is none such.
        connectors: what runs it.
        trial: what our rules in a shared tunnel would come to; None for any other kind.
        way_in: what the stack states; None where the zone or the record's target is missing.
        records: the host's records.
        applications: the Access applications of the host.

    """

    zone: Zone | None
    tunnel: Tunnel | None = None
    connectors: tuple[Connector, ...] = ()
    trial: TunnelRulesDiff | None = None
    way_in: WayIn | None = None
    records: tuple[Record, ...] = ()
    applications: tuple[AccessApplication, ...] = ()

    @property
    def target(self) -> str | None:
        """What the host's record has to point at; None when that is not there."""
        if self.way_in is None:
            return None
        return self.way_in.record.content or (tunnel_host(self.tunnel.id) if self.tunnel else None)


def read(cluster: ClusterApi, settings: Settings, owner: Ownership) -> CloudflareFacts:
    """Read them; none for a stack that states nothing there.

    Raises:
        CloudflareError: when Cloudflare can't be asked, or the token may not read.
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    cloudflare = settings.cloudflare
    if not isinstance(cloudflare, OnCloudflare):
        return CloudflareFacts(None)
    api = CloudflareApi(cloudflare_api.token(settings.cloudflare_token))
    zone = zone_facts.find(api, settings.host, cloudflare)
    if zone is None:
        return CloudflareFacts(None)
    tunnel = _tunnel(api, zone, cloudflare)
    records = tuple(api.records(zone.id, settings.host))
    sibling = _sibling(api, zone, cloudflare)
    stated = None
    if not (isinstance(cloudflare, DnsRecord) and cloudflare.same_as and sibling is None):
        marked = [record for record in records if is_marked(record, owner.stack)]
        stated = way_in(settings, FoundAtCloudflare(zone, tunnel, sibling, next(iter(marked), None)), owner)
    return CloudflareFacts(
        zone=zone,
        tunnel=tunnel,
        connectors=tuple(api.connectors(zone.account_id, tunnel.id)) if tunnel else (),
        # Whose it is, preflight asks: here it is enough that it is there.
        trial=tunnel_rules.compare(api, cluster, stated.rules, stated.rules.keys) if stated and stated.rules else None,
        way_in=stated,
        records=records,
        applications=_applications(api, zone, settings.host) if cloudflare.access else (),
    )


def _applications(api: CloudflareApi, zone: Zone, host: str) -> tuple[AccessApplication, ...]:
    found = guarding(api.access_applications(zone.account_id), host)
    return tuple(each.application for each in found if each.reach is Reach.HOST)


def _tunnel(api: CloudflareApi, zone: Zone, cloudflare: OnCloudflare) -> Tunnel | None:
    if not isinstance(cloudflare, Tunnelled):
        return None
    named = [one for one in api.tunnels(zone.account_id) if cloudflare.tunnel in {one.id, one.name} and not one.deleted]
    return next(iter(named), None)


def _sibling(api: CloudflareApi, zone: Zone, cloudflare: OnCloudflare) -> Record | None:
    if not (isinstance(cloudflare, DnsRecord) and cloudflare.same_as):
        return None
    return next(iter(api.records(zone.id, cloudflare.same_as)), None)
