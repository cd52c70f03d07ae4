"""What Cloudflare holds, as far as the stack is concerned."""

from collections.abc import Iterable
from dataclasses import dataclass

from clients import cloudflare as cloudflare_api
from clients.cloudflare import AccessApplication, CloudflareApi, Record, RefusedError, ServiceToken, Tunnel, Zone
from clients.ingress_rules import Key
from clients.kubernetes import ClusterApi, Manifest, Ref
from components.connector import Origin
from components.ownership import Ownership
from components.way_in import RECORD_NAME, FoundAtCloudflare, is_marked
from preflight import zone_facts
from preflight.state import Known
from providers import tunnel_rules
from providers.tunnel_rules import RuleSet
from settings import Settings
from settings.cloudflare import DnsRecord, OnCloudflare, OwnTunnel, SharedTunnel, Tunnelled
from text.hostname import normal

# Its type in the state.
RECORD = "cloudflare:index/dnsRecord:DnsRecord"


@dataclass(frozen=True)
class CloudflareFacts:
    """Cloudflare before the stack, as read; nothing there was changed.

    Attributes:
        zone: the host's zone; None when the token sees none, and then the rest is empty.
        tunnels: the account's tunnels, where the stack is to use one.
        origin: the Service that a tunnel leads to; None when it does not exist.
        origin_on_host: whether its pods use their node's network, where no NetworkPolicy knows them by their labels.
        records: the host's records.
        siblings: those of the host that ours shall be like.
        applications: the Access applications; None where the token may not read them, and need not.
        service_tokens: those of Access, where the stack is to have one.
        known: the resources in the stack's state.
        zone_names: names of the zone's records, where its own name may not be read.
        certified: names that the zone's certificates are for, where that decides; None where they may not be read.

    """

    zone: Zone | None
    tunnels: tuple[Tunnel, ...] = ()
    origin: Manifest | None = None
    origin_on_host: bool = False
    records: tuple[Record, ...] = ()
    siblings: tuple[Record, ...] = ()
    applications: tuple[AccessApplication, ...] | None = ()
    service_tokens: tuple[ServiceToken, ...] = ()
    known: tuple[Known, ...] = ()
    zone_names: tuple[str, ...] = ()
    certified: tuple[str, ...] | None = ()

    def is_known(self, type_: str, id_: str) -> bool:
        """Whether the state knows the object of that id. Another one of the same type or name is not this stack's."""
        return any((one.type, one.id) == (type_, id_) for one in self.known)


def connect(settings: Settings) -> CloudflareApi | None:
    """Get ready to ask Cloudflare; None for a stack that states nothing there.

    Raises:
        CloudflareError: when there is no API token.

    """
    if not isinstance(settings.cloudflare, OnCloudflare):
        return None
    return CloudflareApi(cloudflare_api.token(settings.cloudflare_token))


def read(api: CloudflareApi, cluster: ClusterApi, settings: Settings, known: Iterable[Known]) -> CloudflareFacts | None:
    """Read the facts; None for a stack that states nothing there. `known` is what the state has.

    Raises:
        CloudflareError: when Cloudflare can't be asked, or the token may not read.
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    cloudflare = settings.cloudflare
    if not isinstance(cloudflare, OnCloudflare):
        return None
    api.refuse_ended_token(cloudflare.account_id)
    zone = zone_facts.find(api, settings.host, cloudflare)
    if zone is None:
        return CloudflareFacts(None)
    guarded, same_as = cloudflare.access, cloudflare.same_as if isinstance(cloudflare, DnsRecord) else None
    tunnelled = isinstance(cloudflare, Tunnelled)
    service = cluster.get(origin_of(settings)) if tunnelled else None
    return CloudflareFacts(
        zone=zone,
        tunnels=tuple(api.tunnels(zone.account_id)) if tunnelled else (),
        origin=service,
        origin_on_host=isinstance(cloudflare, OwnTunnel) and on_host(cluster, settings, service),
        records=tuple(api.records(zone.id, settings.host)),
        siblings=tuple(api.records(zone.id, same_as)) if same_as else (),
        applications=_applications(api, zone, cloudflare),
        service_tokens=tuple(api.service_tokens(zone.account_id)) if guarded else (),
        known=tuple(known),
        zone_names=zone_facts.names(api, zone),
        certified=zone_facts.certified(api, zone, settings.host),
    )


def _applications(api: CloudflareApi, zone: Zone, cloudflare: OnCloudflare) -> tuple[AccessApplication, ...] | None:
    """List what may stand before the host; without `access`, a token that may not read it is as good."""
    if isinstance(cloudflare, DnsRecord) and not cloudflare.proxied:
        return ()
    try:
        return tuple(api.access_applications(zone.account_id))
    except RefusedError:
        if cloudflare.access:
            raise
        return None


def on_host(cluster: ClusterApi, settings: Settings, service: Manifest | None) -> bool:
    """Whether the pods of the Service that a tunnel leads to use their node's network.

    Raises:
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    selector = service["spec"].get("selector") if service else None
    if not selector:
        return False
    labels = ",".join(f"{key}={value}" for key, value in selector.items())
    pods = cluster.list(Ref("v1", "Pod", "", origin_of(settings).namespace), labelSelector=labels)
    return any(pod["spec"].get("hostNetwork") for pod in pods)


def origin_of(settings: Settings) -> Ref:
    """Name the Service that a tunnel leads to."""
    return Ref("v1", "Service", settings.origin.service, settings.origin.namespace)


def shared_tunnel(settings: Settings, facts: CloudflareFacts) -> Tunnel | None:
    """Find the tunnel that the settings name; rather one that is not deleted."""
    if not isinstance(settings.cloudflare, SharedTunnel):
        return None
    named = [tunnel for tunnel in facts.tunnels if settings.cloudflare.tunnel in {tunnel.id, tunnel.name}]
    return min(named, key=lambda tunnel: tunnel.deleted, default=None)


def found(settings: Settings, facts: CloudflareFacts, ownership: Ownership) -> FoundAtCloudflare | None:
    """Draw from the facts what shapes the plan."""
    if facts.zone is None:
        return None
    record = our_record(facts, ownership)
    known = {normal(str(one.outputs.get("name"))): one.name for one in facts.known if one.type == RECORD}
    # A host that changes gets a record of its own, which is there before the old one is removed. It has another name in
    # the program: a replacement can't be imported, and of what it replaces an interrupted `up` would hide the id.
    free = f"{RECORD_NAME}-of-{settings.host}" if RECORD_NAME in known.values() else RECORD_NAME
    return FoundAtCloudflare(
        zone=facts.zone,
        tunnel=shared_tunnel(settings, facts),
        sibling=next(iter(facts.siblings), None),
        record=record,
        import_record=record is not None and not facts.is_known(RECORD, record.id),
        record_name=known.get(settings.host, free),
        hosts_before=tuple(host for host in known if host != settings.host),
    )


def known_rules(known: Iterable[Known], wanted: RuleSet) -> frozenset[Key]:
    """Find the rules that the state knows to be ours: in no Lease, they would be taken for somebody else's."""
    stated = (tunnel_rules.known_keys(one.outputs, wanted) for one in known if one.type == tunnel_rules.TYPE)
    return frozenset().union(*stated)


def our_record(facts: CloudflareFacts, ownership: Ownership) -> Record | None:
    """Find the record that this stack manages, by its id in the state or by its comment, or else one to adopt."""
    known = [record for record in facts.records if facts.is_known(RECORD, record.id)]
    marked = [record for record in facts.records if is_marked(record, ownership.stack)]
    others = facts.records if ownership.adopting else ()
    return next(iter([*known, *marked, *others]), None)


def origin(settings: Settings, facts: CloudflareFacts) -> Origin | None:
    """Draw from the Service what a NetworkPolicy has to name."""
    if facts.origin is None:
        return None
    wanted, spec = settings.origin.port, facts.origin["spec"]
    targets: dict[int, int | str] = {port["port"]: port.get("targetPort", wanted) for port in tcp_ports(facts.origin)}
    pods = {} if facts.origin_on_host else spec.get("selector") or {}
    return Origin(settings.origin.namespace, pods, targets.get(wanted, wanted))


def tcp_ports(service: Manifest) -> list[Manifest]:
    """List a Service's ports that http may use: HTTP/3 has the same number, over UDP."""
    return [port for port in service["spec"].get("ports", []) if port.get("protocol", "TCP") == "TCP"]
