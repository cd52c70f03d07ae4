"""What would go wrong at Cloudflare, in words. Pure, as `rules` is for the cluster."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from clients import cloudflare as cloudflare_api
from clients.cloudflare import ZONE_READ
from clients.ingress_rules import Rule, spoken
from components.ownership import Ownership
from components.plan import Plan, Whole
from components.way_in import Record, WayIn, application_name
from preflight.cloudflare_facts import RECORD, CloudflareFacts, origin_of, our_record, shared_tunnel, tcp_ports
from providers.tunnel_rules import Trial
from settings import PROJECT, Settings
from settings.cloudflare import DnsRecord, OwnTunnel, SharedTunnel, Tunnelled
from settings.route import Ingress

# Megabytes that Cloudflare takes in one request, by the zone's plan (source: Cloudflare's error 413 page). Counted as
# ingress-nginx counts its `m`, so that 100m is no more than 100 MB.
_UPLOAD_LIMITS = {"free": 100, "pro": 100, "business": 200, "enterprise": 500}
_RESPONSE_LIMIT = 120  # seconds, of every plan but Enterprise (source: Cloudflare's error 524 page)
_BODY_SIZE = "nginx.ingress.kubernetes.io/proxy-body-size"
_MEGABYTE = 1 << 20
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": _MEGABYTE, "g": 1 << 30}
_TUNNEL = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared"
_APPLICATION = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"
_SERVICE_TOKEN = "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken"  # noqa: S105 (a type)
_SOON = timedelta(days=30)


def missing(settings: Settings, facts: CloudflareFacts) -> list[str]:
    """Find what has to be there before anything else can be asked."""
    return list(_missing(settings, facts))


def problems(settings: Settings, facts: CloudflareFacts, plan: Plan, trial: Trial | None) -> list[str]:
    """Find everything that would fail in `up`, or take somebody's way."""
    return [
        *(trial.problems if trial else ()),
        *(_somebodys_record(facts, plan.way_in.record, plan.ownership) if plan.way_in else ()),
        *_tunnel_of_our_own(settings, facts),
        *(_somebodys_guard(facts, plan.way_in) if plan.way_in else ()),
    ]


def warnings(settings: Settings, facts: CloudflareFacts, plan: Plan, trial: Trial | None) -> list[str]:
    """Find what is worth knowing before `up`."""
    if plan.way_in is None:
        return []
    return [
        *_record_taken_over(our_record(facts, plan.ownership), plan.way_in.record),
        *(f"taken over, and put back when this stack is removed: {spoken(rule)}" for rule in _by_hand(trial)),
        *_limits(settings, plan.way_in),
        *_token_ends(facts, datetime.now(UTC)),
    ]


def takes_over(facts: CloudflareFacts, plan: Plan, trial: Trial | None) -> bool:
    """Whether something that was made by hand becomes ours."""
    record = our_record(facts, plan.ownership)
    by_hand = bool(plan.way_in and any(_record_taken_over(record, plan.way_in.record)))
    return by_hand or bool(_by_hand(trial))


def news(settings: Settings, plan: Plan, trial: Trial | None) -> list[str]:
    """Say where our rules go, what moves with them, and what a change of the host does."""
    return [
        *(trial.news if trial else ()),
        *(_moves(settings, plan.way_in, plan.route) if plan.way_in else ()),
    ]


def _moves(settings: Settings, way_in: WayIn, route: Whole | None) -> Iterator[str]:
    cloudflare = settings.cloudflare
    past_route = isinstance(cloudflare, Tunnelled) and cloudflare.ingress_controller is None
    writes = ["the tunnel"] if isinstance(cloudflare, Tunnelled) else []
    writes += [f"the {route.ref.kind}"] if route and not past_route else []
    if len(writes) > 1:
        served = f"Neither host is served between the changes of {' and '.join(writes)}, for a few seconds"
    else:
        served = "One of the two hosts is always served"
    for host in way_in.hosts_before:
        yield (
            f"the host changes from {host} to {way_in.host}: the new DNS record is created, then "
            f"{' and then '.join(writes) or 'nothing else'} is changed, then the old DNS record is removed. {served}"
        )


def _by_hand(trial: Trial | None) -> tuple[Rule, ...]:
    return trial.taken_over if trial else ()


def _missing(settings: Settings, facts: CloudflareFacts) -> Iterator[str]:
    if facts.zone is None:
        yield (
            f"{PROJECT}:host: the Cloudflare API token sees no zone that {settings.host} lies in. Give the token the "
            f"permission {ZONE_READ} for it, or set {PROJECT}:cloudflare.zoneId and accountId"
        )
        return
    match settings.cloudflare:
        case SharedTunnel() as cloudflare:
            yield from _missing_tunnel(settings, cloudflare, facts)
            yield from _missing_origin(settings, cloudflare, facts)
        case OwnTunnel() as cloudflare:
            yield from _missing_origin(settings, cloudflare, facts)
        case DnsRecord() as cloudflare:
            yield from _missing_sibling(settings.host, cloudflare, facts)


def _missing_tunnel(settings: Settings, cloudflare: SharedTunnel, facts: CloudflareFacts) -> Iterator[str]:
    if shared_tunnel(settings, facts) is None:
        names = ", ".join(sorted(tunnel.name for tunnel in facts.tunnels if not tunnel.deleted)) or "none"
        yield (
            f"{PROJECT}:cloudflare.tunnel: the account has no tunnel {cloudflare.tunnel}. It has: {names}. For one of "
            f"this stack's own, set {PROJECT}:cloudflare.kind to ownTunnel"
        )


def _missing_origin(settings: Settings, cloudflare: Tunnelled, facts: CloudflareFacts) -> Iterator[str]:
    controller, key = cloudflare.ingress_controller, f"{PROJECT}:cloudflare.ingressController"
    if controller is None:
        return  # Immich's own Service, which is asked for anyway
    if facts.origin is None:
        yield f"{key}: the cluster has no {origin_of(settings)}. `kubectl get services -A` lists what it has"
        return
    ports = [port["port"] for port in tcp_ports(facts.origin)]
    if controller.port not in ports:
        has = ", ".join(map(str, ports)) or "none"
        yield f"{key}.port: {origin_of(settings)} has no TCP port {controller.port}. It has: {has}"


def _missing_sibling(host: str, cloudflare: DnsRecord, facts: CloudflareFacts) -> Iterator[str]:
    key = f"{PROJECT}:cloudflare.sameAs"
    if cloudflare.same_as is None:
        return
    if len(facts.siblings) != 1:
        has = "; ".join(map(str, facts.siblings)) or "none"
        yield (
            f"{key}: {cloudflare.same_as} needs one record of type A, AAAA or CNAME, in the zone of {host}. It has: "
            f"{has}"
        )
    elif facts.siblings[0].content == host:
        yield f"{key}: {cloudflare.same_as} points at {host} itself. Name the host that both shall be like"
    elif cloudflare.access and not facts.siblings[0].proxied:
        yield f"{key}: {cloudflare.same_as} is not proxied, and Cloudflare Access sees only what is"


def _somebodys_record(facts: CloudflareFacts, ours: Record, owner: Ownership) -> Iterator[str]:
    mine = our_record(facts, owner)
    # A record's type can't change: the record would be replaced, and one that is imported or kept stays in the way.
    stays = bool(ours.import_id or ours.adopted)
    untouched = mine is not None and facts.is_known(RECORD, mine.id) and mine.type == ours.type
    for record in facts.records:
        if mine is None:
            yield (
                f"{PROJECT}:host: there is a DNS record already, which was not made by this stack: {record}. To take "
                f"it over, set {PROJECT}:adoptExisting to true for one `up`, or remove it at Cloudflare"
            )
        elif (stays and record.type != ours.type) if record is mine else not untouched:
            yield (
                f"{PROJECT}:host: the DNS record {record} can't become the one {ours.type} record of this host. Remove "
                "it at Cloudflare"
            )


def _record_taken_over(record: cloudflare_api.Record | None, ours: Record) -> Iterator[str]:
    if record is None or not (ours.adopted and ours.import_id):
        return
    becomes = ""
    if (record.content, record.proxied) != (ours.content, ours.proxied):
        target, how = ours.content or "the tunnel of this stack's own", "proxied" if ours.proxied else "not proxied"
        becomes = f", and becomes {ours.type} {ours.name} → {target}, {how}"
    yield f"the DNS record {record} is taken over{becomes}. It is kept, like that, when this stack is removed"


def _tunnel_of_our_own(settings: Settings, facts: CloudflareFacts) -> Iterator[str]:
    cloudflare = settings.cloudflare
    if not isinstance(cloudflare, OwnTunnel):
        return
    for tunnel in facts.tunnels:
        if tunnel.name == cloudflare.tunnel and not tunnel.deleted and not facts.is_known(_TUNNEL, tunnel.id):
            yield (
                f"{PROJECT}:cloudflare.tunnel: the account has a tunnel {cloudflare.tunnel} already ({tunnel.id}), "
                "which is not this stack's. Choose another name, or use it with kind sharedTunnel. If an interrupted "
                "`up` left it, delete it in the dashboard"
            )
    for known in facts.known:
        deleted = {tunnel.id for tunnel in facts.tunnels if tunnel.deleted}
        if known.type != _TUNNEL or known.id not in deleted:
            continue
        yield (
            f"the tunnel {cloudflare.tunnel} of this stack was deleted at Cloudflare, which Pulumi's provider does not "
            "notice. To have it made anew, take it out of the state, then run `up`: "
            f"pulumi state delete --force --target-dependents '{known.urn}'"
        )


def _somebodys_guard(facts: CloudflareFacts, way_in: WayIn) -> Iterator[str]:
    for application in facts.applications:
        if facts.is_known(_APPLICATION, application.id):
            continue
        if application.name == application_name(way_in.stack):
            yield (
                f"{PROJECT}:cloudflare.access: an interrupted `up` left the Access application {application.name} "
                f"({application.id}). Delete it in the dashboard"
            )
        else:
            yield (
                f"{PROJECT}:cloudflare.access: the Access application {application.name} guards {way_in.host} "
                "already. Remove it in the dashboard, or leave access out here"
            )


def upload_limit(plan: str) -> int:
    """Return the megabytes that Cloudflare takes in one request, by the zone's plan."""
    return _UPLOAD_LIMITS.get(plan, _UPLOAD_LIMITS["free"])


def _limits(settings: Settings, way_in: WayIn) -> Iterator[str]:
    if not way_in.record.proxied:
        return
    limit = upload_limit(way_in.zone.plan)
    allowed, said = _body_limit(settings)
    if allowed is None or allowed > limit * _MEGABYTE:
        plan = f"plan {way_in.zone.plan.capitalize()}" if way_in.zone.plan else "plans Free and Pro"
        yield (
            f"Cloudflare takes at most {limit} MB in one request ({plan}) and answers 413 to more, though {said}. "
            "Immich does not upload in parts: a larger video has to be uploaded at home, past Cloudflare. And a "
            f"response that takes longer than {_RESPONSE_LIMIT} s ends in 524"
        )


def _body_limit(settings: Settings) -> tuple[int | None, str]:
    """Bytes that the cluster's own way in takes; None for no limit. And where that is said."""
    route, cloudflare = settings.route, settings.cloudflare
    if not isinstance(route, Ingress) or (isinstance(cloudflare, Tunnelled) and not cloudflare.ingress_controller):
        return None, "Immich itself has no limit"
    said = f"{_BODY_SIZE} is {route.annotations.get(_BODY_SIZE)}"
    # What ingress-nginx can't read, it takes for its default, 1m (source: its internal/ingress/annotations/parser).
    size = re.fullmatch(r"([0-9]+)([bkmg]?)", route.annotations.get(_BODY_SIZE, ""), re.IGNORECASE)
    if size is None:
        is_nginx = route.class_name == "nginx"
        return (_MEGABYTE, "") if is_nginx else (None, f"the ingress class {route.class_name} takes more")
    if int(size[1]) == 0:
        return None, f"{said}, no limit"
    return int(size[1]) * _UNITS[size[2].lower()], said


def _token_ends(facts: CloudflareFacts, now: datetime) -> Iterator[str]:
    for token in facts.service_tokens:
        ours = facts.is_known(_SERVICE_TOKEN, token.id)
        if ours and token.expires_at and token.expires_at - now < _SOON:
            yield (
                f"the mobile app's service token ends on {token.expires_at:%Y-%m-%d}, and the app is shut out then. "
                "Refresh it in the dashboard (Zero Trust, Access, Service auth): its id and secret stay as they are"
            )
