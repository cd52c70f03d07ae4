"""What would go wrong at Cloudflare, or is worth knowing. Pure."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from clients.ingress_rules import spoken
from components.ownership import Ownership
from components.plan import ManagedObject, Plan
from components.public_access import PublicAccess, Record
from observe.cloudflare import CloudflareSeen, tunnel_of
from observe.cluster import ClusterSeen
from preflight import access_rules, leftover_rules, local_tunnel_rules, origin_rules, wording, zone_rules
from settings import Settings
from settings.cloudflare import DnsRecord, LocalTunnel, OwnTunnel, SharedTunnel, Tunnelled, into_tunnel
from settings.route import Ingress
from text.finding import Finding
from text.hostname import normal
from text.resource_types import SERVICE_TOKEN, TUNNEL

# Megabytes that Cloudflare takes in one request, by the zone's plan (source: Cloudflare's error 413 page). Counted as
# ingress-nginx counts its `m`, so that 100m is no more than 100 MB.
_UPLOAD_LIMITS = {"free": 100, "pro": 100, "business": 200, "enterprise": 500}
_RESPONSE_LIMIT = 120  # seconds, of every plan but Enterprise (source: Cloudflare's error 524 page)
_BODY_SIZE = "nginx.ingress.kubernetes.io/proxy-body-size"
_MEGABYTE = 1 << 20
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": _MEGABYTE, "g": 1 << 30}
# Characters, by the zone's plan; one that may not be read may be Free (source: Cloudflare's page on record attributes).
_LONGEST_COMMENT = {"": 100, "free": 100}
_LONGEST_PAID_COMMENT = 500
_SOON = timedelta(days=30)


def missing(settings: Settings, facts: CloudflareSeen, cluster: ClusterSeen) -> Iterator[Finding]:
    """Find what has to be there before anything else can be asked."""
    if facts.zone is None:
        yield wording.ZONE_MISSING.found(host=settings.host)
        return
    yield from zone_rules.missing(settings, facts)
    match settings.cloudflare:
        case SharedTunnel() as cloudflare:
            yield from _missing_tunnel(settings, cloudflare, facts)
            yield from origin_rules.missing(settings, cluster)
        case LocalTunnel() as cloudflare:
            yield from local_tunnel_rules.missing(settings, cloudflare, facts)
            yield from origin_rules.missing(settings, cluster)
        case OwnTunnel():
            yield from origin_rules.missing(settings, cluster)
        case DnsRecord() as cloudflare:
            yield from _missing_sibling(settings.host, cloudflare, facts)


def findings(settings: Settings, facts: CloudflareSeen, plan: Plan) -> Iterator[Finding]:
    """Find what would fail in `up` or cut off access, what is adopted, where rules go, and what a new host does."""
    public_access, trial = plan.public_access, facts.rules
    if public_access is None:
        return
    if trial:
        yield from trial.problems
    yield from _records(facts, public_access.record, plan.ownership)
    for page in public_access.pages:
        there = facts.of(page.host)
        yield from zone_rules.page(page.setting, page.host, there)
        yield from _records(there, page.record, plan.ownership, page.setting)
    yield from _tunnel_of_our_own(settings, facts, plan.ownership)
    yield from leftover_rules.findings(settings, facts, public_access)
    yield from access_rules.findings(facts, public_access)
    if public_access.local:
        ours = public_access.file_rule is not None
        yield from local_tunnel_rules.findings(settings, facts, public_access.local, ours=ours)
    yield from zone_rules.findings(settings.host, facts, proxied=public_access.record.proxied)
    if trial:
        yield from (wording.RULE_ADOPTED.found(spoken(rule)) for rule in trial.adopted)
        yield from trial.news
    yield from _limits(settings, public_access)
    yield from _token_ends(facts, datetime.now(UTC))
    yield from _moves(settings, public_access, plan.route)


def _moves(settings: Settings, public_access: PublicAccess, route: ManagedObject | None) -> Iterator[Finding]:
    cloudflare = settings.cloudflare
    past_route = isinstance(cloudflare, Tunnelled) and cloudflare.origin.is_immichs
    writes = ["the tunnel"] if isinstance(cloudflare, SharedTunnel | OwnTunnel) else []
    writes += [f"the {route.ref.kind}"] if route and not past_route else []
    changes = wording.HOST_CHANGES_WITH_A_GAP if len(writes) > 1 else wording.HOST_CHANGES
    for host in public_access.hosts_before:
        yield changes.found(
            host,
            host=public_access.host,
            writes=" and then ".join(writes) or "nothing else",
            between=" and ".join(writes),
        )


def _missing_tunnel(settings: Settings, cloudflare: SharedTunnel, facts: CloudflareSeen) -> Iterator[Finding]:
    if tunnel_of(settings, facts.tunnels) is None:
        names = ", ".join(sorted(tunnel.name for tunnel in facts.tunnels if not tunnel.deleted)) or "none"
        yield wording.TUNNEL_MISSING.found(name=cloudflare.tunnel, has=names)


def _missing_sibling(host: str, cloudflare: DnsRecord, facts: CloudflareSeen) -> Iterator[Finding]:
    sibling = cloudflare.same_as
    if sibling is None:
        return
    if len(facts.siblings) != 1:
        has = "; ".join(map(str, facts.siblings)) or "none"
        yield wording.SIBLING_AMBIGUOUS.found(sibling=sibling, host=host, has=has)
    elif normal(facts.siblings[0].content) == normal(host):
        yield wording.SIBLING_IS_THE_HOST.found(sibling=sibling, host=host)
    elif into_tunnel(facts.siblings[0].content) and not facts.siblings[0].proxied:
        yield wording.SIBLING_INTO_TUNNEL.found(sibling=sibling)
    elif cloudflare.access and not facts.siblings[0].proxied:
        yield wording.SIBLING_UNPROXIED.found(sibling=sibling)


def _records(facts: CloudflareSeen, ours: Record, owner: Ownership, setting: str = "") -> Iterator[Finding]:
    mine = facts.our_record(owner)
    # A record's type can't change: the record would be replaced, and one that is imported or kept stays in the way.
    stays = bool(ours.import_id or ours.adopted or ours.adopted_id)
    untouched = mine is not None and facts.in_state(mine) and mine.type == ours.type
    for record in facts.records:
        if mine is None:
            yield wording.RECORD_NOT_OURS.found(record, setting)
        elif (stays and record.type != ours.type) if record is mine else not untouched:
            yield wording.RECORD_IN_THE_WAY.found(record, setting, type=ours.type)
    for record in facts.delegations:
        yield wording.RECORD_IN_THE_WAY.found(record, setting, type=ours.type)
    longest = _LONGEST_COMMENT.get(facts.zone.plan if facts.zone else "", _LONGEST_PAID_COMMENT)
    if len(ours.comment) > longest and not ours.adopted_id and not setting:  # it is reported once
        yield wording.COMMENT_TOO_LONG.found(owner.stack, limit=longest, stack=owner.stack_name)
    if mine is None or facts.in_state(mine) or not ours.adopted_id:
        return
    if (normal(mine.content), mine.proxied) == (normal(ours.content or ""), ours.proxied):
        yield wording.RECORD_ADOPTED.found(mine)
    else:
        target, how = ours.content or "the tunnel of this stack's own", "proxied" if ours.proxied else "not proxied"
        yield wording.RECORD_ADOPTED_AND_CHANGED.found(mine, becomes=f"{ours.type} {ours.name} → {target}, {how}")


def _tunnel_of_our_own(settings: Settings, facts: CloudflareSeen, owner: Ownership) -> Iterator[Finding]:
    cloudflare = settings.cloudflare
    if not isinstance(cloudflare, OwnTunnel):
        return
    deleted = {tunnel.id for tunnel in facts.tunnels if tunnel.deleted}
    for known in facts.known:
        if known.type == TUNNEL and known.id in deleted:
            yield wording.OWN_TUNNEL_DELETED.found(cloudflare.tunnel, stack=owner.stack_name, urn=known.urn)


def upload_limit(plan: str) -> int:
    """Return the megabytes that Cloudflare takes in one request, by the zone's plan."""
    return _UPLOAD_LIMITS.get(plan, _UPLOAD_LIMITS["free"])


def _limits(settings: Settings, public_access: PublicAccess) -> Iterator[Finding]:
    if not public_access.record.proxied:
        return
    limit = upload_limit(public_access.zone.plan)
    allowed, said = _body_limit(settings)
    if allowed is None or allowed > limit * _MEGABYTE:
        plan = f"plan {public_access.zone.plan.capitalize()}" if public_access.zone.plan else "plans Free and Pro"
        yield wording.UPLOADS_LIMITED.found(limit=limit, plan=plan, reason=said, seconds=_RESPONSE_LIMIT)


def _body_limit(settings: Settings) -> tuple[int | None, str]:
    """Bytes that the cluster's ingress controller takes; None for no limit. And where that is reported."""
    route, cloudflare = settings.route, settings.cloudflare
    if not isinstance(route, Ingress) or (isinstance(cloudflare, Tunnelled) and cloudflare.origin.is_immichs):
        return None, "Immich itself has no limit"
    said = f"{_BODY_SIZE} is {route.annotations.get(_BODY_SIZE)}"
    # What ingress-nginx can't read, it takes for its default, 1m (source: its internal/ingress/annotations/parser).
    size = re.fullmatch(r"([0-9]{1,18})([bkmg]?)", route.annotations.get(_BODY_SIZE, ""), re.IGNORECASE)
    if size is None:
        is_nginx = route.class_name == "nginx"
        return (_MEGABYTE, "") if is_nginx else (None, f"the ingress class {route.class_name} takes more")
    if int(size[1]) == 0:
        return None, f"{said}, no limit"
    return int(size[1]) * _UNITS[size[2].lower()], said


def _token_ends(facts: CloudflareSeen, now: datetime) -> Iterator[Finding]:
    for token in facts.service_tokens:
        ours = facts.is_known(SERVICE_TOKEN, token.id)
        if ours and token.expires_at and token.expires_at - now < _SOON:
            yield wording.SERVICE_TOKEN_ENDS.found(token.name, end=f"{token.expires_at:%Y-%m-%d}")
