"""What would go wrong with the host's zone. Pure."""

from collections.abc import Iterator

from clients.cloudflare import Zone
from observe.cloudflare import CloudflareSeen
from preflight import wording
from settings import Settings
from settings.cloudflare import OnCloudflare
from text.finding import Finding
from text.hostname import below, common, is_wildcard_of, lies_in

_PUBLIC = 2  # labels that a registered domain has at least


def missing(settings: Settings, facts: CloudflareSeen) -> Iterator[Finding]:
    """Find what is wrong with ids that the settings give: with those of another zone, nothing can be right."""
    zone, cloudflare, host = facts.zone, settings.cloudflare, settings.host
    if zone is None or not isinstance(cloudflare, OnCloudflare) or not cloudflare.zone_id:
        return
    if zone.name and not lies_in(host, zone.name):
        yield wording.ZONE_OF_ANOTHER_DOMAIN.found(host=host, name=zone.name)
    elif zone.name and zone.account_id != cloudflare.account_id:
        yield wording.ZONE_OF_ANOTHER_ACCOUNT.found(name=zone.name, account=zone.account_id)
    elif facts.zone_names and common([host, *facts.zone_names]).count(".") + 1 < _PUBLIC:
        yield wording.ZONE_OF_ANOTHER_DOMAIN.found(host=host, name=f"that of {facts.zone_names[0]}")


def findings(host: str, facts: CloudflareSeen, *, proxied: bool) -> Iterator[Finding]:
    """Find why a record in the zone would lead nowhere, and what could not be checked."""
    zone = facts.zone
    if zone is None:
        return
    if zone.status not in {"", "active"}:
        yield wording.ZONE_INACTIVE.found(zone.name, status=zone.status)
    if zone.paused and proxied:
        yield wording.ZONE_PAUSED.found(zone.name, host=host)
    if not zone.name and not lies_in(host, common(facts.zone_names)):
        yield wording.ZONE_UNKNOWN.found(host=host, has=common(facts.zone_names) or "nothing")
    if proxied and below(host, zone.name) > 1:
        yield from _without_certificate(host, zone, facts.certified)


def page(setting: str, host: str, facts: CloudflareSeen) -> Iterator[Finding]:
    """Find why a page to sign in would not be reached at a host."""
    zone = facts.zone
    if zone is None:
        return
    if zone.name and not lies_in(host, zone.name):
        yield wording.PAGE_OUTSIDE_ZONE.found(setting=setting, host=host, zone=zone.name)
    elif zone.name and below(host, zone.name) > 1:
        yield from _without_certificate(host, zone, facts.certified, setting)
    elif not zone.name and not lies_in(host, common(facts.zone_names)):
        yield wording.ZONE_UNKNOWN.found(setting=setting, host=host, has=common(facts.zone_names) or "nothing")


def _without_certificate(
    host: str, zone: Zone, certified: tuple[str, ...] | None, setting: str = ""
) -> Iterator[Finding]:
    if certified is None:
        yield wording.CERTIFICATE_UNKNOWN.found(host, setting, zone=zone.name)
    elif not any(host == name or is_wildcard_of(name, host) for name in certified):
        yield wording.CERTIFICATE_MISSING.found(host, setting, zone=zone.name)
