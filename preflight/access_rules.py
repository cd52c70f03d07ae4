"""Which applications of Cloudflare Access stand before the host. Pure."""

from collections.abc import Iterator

from clients.access_domains import Guarding, Reach, guarding
from components.way_in import WayIn, application_name
from observe.cloudflare import CloudflareSeen
from preflight import wording
from text.finding import Finding
from text.resource_types import APPLICATION


def findings(facts: CloudflareSeen, way_in: WayIn) -> Iterator[Finding]:
    """Find unmanaged applications of the same domain, and those that are asked for the host or for paths of it."""
    if facts.applications is None:
        yield wording.APPLICATIONS_UNREADABLE.found()
    others = [
        each
        for each in guarding(facts.applications or (), way_in.host)
        if not facts.is_known(APPLICATION, each.application.id)
    ]
    if way_in.access:
        yield from _taken(others, way_in)
    if way_in.record.proxied:
        yield from _asked(others, way_in)


def _taken(others: list[Guarding], way_in: WayIn) -> Iterator[Finding]:
    for application in dict.fromkeys(each.application for each in others if each.reach is Reach.HOST):
        if application.name != application_name(way_in.stack):
            yield wording.APPLICATION_NOT_OURS.found(application.name, host=way_in.host)


def _asked(others: list[Guarding], way_in: WayIn) -> Iterator[Finding]:
    # Of what is as wide as the host, the most specific is asked, and with `access` that is this stack's own.
    parts = [each for each in others if each.reach is Reach.PART]
    whole = [] if way_in.access else [each for each in others if each.reach is not Reach.PART][:1]
    for each in (*parts, *whole):
        if not each.application.is_open:
            yield wording.APPLICATION_BEFORE.found(each.application.name, domain=each.domain, host=way_in.host)
