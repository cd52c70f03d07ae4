"""What Cloudflare holds of the stack, beside what the stack states there."""

from dataclasses import dataclass

from clients.access_domains import Reach, guarding
from clients.cloudflare import AccessApplication, Connector, Record, Tunnel, Zone
from clients.rule_set import TunnelRulesDiff
from components.public_access import PublicAccess, tunnel_host
from observe.cloudflare import CloudflareSeen, tunnel_of
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
        applications: the Access applications of the host, and of those of pages to sign in.

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


def beside(settings: Settings, seen: CloudflareSeen | None, public_access: PublicAccess | None) -> CloudflareFacts:
    """Put what was read beside what the stack states."""
    if seen is None or seen.zone is None:
        return CloudflareFacts(None)
    tunnel = tunnel_of(settings, seen.tunnels, seen.local)
    hosts = (settings.host, *settings.photo_sync.pages.values())
    before = [each for host in hosts for each in guarding(seen.applications or (), host)]
    return CloudflareFacts(
        zone=seen.zone,
        tunnel=None if tunnel is None or tunnel.deleted else tunnel,
        connectors=seen.connectors,
        trial=seen.rules,
        public_access=public_access,
        records=seen.records,
        applications=tuple(each.application for each in before if each.reach is Reach.HOST),
    )
