"""What Cloudflare holds of the stack, beside what the stack states there."""

from dataclasses import dataclass

from clients.access_domains import Reach, guarding
from clients.cloudflare import AccessApplication, Connector, Record, Tunnel, Zone
from clients.kubernetes import ClusterApi
from components.ownership import Ownership
from components.public_access import PublicAccess, tunnel_host
from observe import cloudflare
from observe.cloudflare import CloudflareSeen, tunnel_of
from providers.tunnel_rules import TunnelRulesDiff
from settings import Settings


@dataclass(frozen=True)
class CloudflareFacts:
    """Cloudflare beside what the stack states there.

    Attributes:
        zone: the host's zone; None when the token sees none, and then the rest is empty.
        tunnel: the tunnel that the host is led through; None when it does not exist.
        connectors: what runs it.
        trial: what our rules in a shared tunnel would come to; None for any other kind.
        public_access: what the stack states; None where the zone or the record's target is missing.
        records: the host's records.
        applications: the Access applications of the host.

    """

    zone: Zone | None
    tunnel: Tunnel | None = None
    connectors: tuple[Connector, ...] = ()
    trial: TunnelRulesDiff | None = None
    public_access: PublicAccess | None = None
    records: tuple[Record, ...] = ()
    applications: tuple[AccessApplication, ...] = ()

    @property
    def target(self) -> str | None:
        """What the host's record has to point at; None when that is not there."""
        if self.public_access is None:
            return None
        return self.public_access.record.content or (tunnel_host(self.tunnel.id) if self.tunnel else None)


Connected = tuple[CloudflareSeen | None, tuple[Connector, ...]]


def read_connected(cluster: ClusterApi, settings: Settings, owner: Ownership) -> Connected:
    """Read what preflight reads, and what runs the tunnel.

    Raises:
        CloudflareError: when Cloudflare can't be asked, or the token may not read.
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    api = cloudflare.connect(settings)
    seen = cloudflare.read_cloudflare(api, cluster, settings, owner)
    tunnel = _tunnel(settings, seen)
    if api is None or seen is None or seen.zone is None or tunnel is None:
        return seen, ()
    return seen, tuple(api.connectors(seen.zone.account_id, tunnel.id))


def beside(settings: Settings, found: Connected, public_access: PublicAccess | None) -> CloudflareFacts:
    """Put what was read beside what the stack states."""
    seen, connectors = found
    if seen is None or seen.zone is None:
        return CloudflareFacts(None)
    before = guarding(seen.applications or (), settings.host)
    return CloudflareFacts(
        zone=seen.zone,
        tunnel=_tunnel(settings, seen),
        connectors=connectors,
        trial=seen.rules,
        public_access=public_access,
        records=seen.records,
        applications=tuple(each.application for each in before if each.reach is Reach.HOST),
    )


def _tunnel(settings: Settings, seen: CloudflareSeen | None) -> Tunnel | None:
    tunnel = tunnel_of(settings, seen.tunnels, seen.local) if seen else None
    return None if tunnel is None or tunnel.deleted else tunnel
