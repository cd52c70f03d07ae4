"""Which applications of Cloudflare Access stand before the host. Pure."""

from collections.abc import Iterator

from clients.access_domains import Guarding, Reach, guarding
from components.public_access import Page, PublicAccess, application_name, page_application_name
from observe.cloudflare import CloudflareSeen
from preflight import wording
from text.finding import Finding
from text.resource_types import APPLICATION


def findings(facts: CloudflareSeen, public_access: PublicAccess) -> Iterator[Finding]:
    """Find unmanaged applications of the same domain, and those that are asked for the host or for paths of it."""
    if facts.applications is None:
        yield wording.APPLICATIONS_UNREADABLE.found()
    others = _others(facts, public_access.host)
    if public_access.access:
        yield from _taken(others, public_access)
    if public_access.record.proxied:
        yield from _asked(others, public_access)
    for page in public_access.pages:
        yield from _before_page(_others(facts, page.host), page, public_access)


def _others(facts: CloudflareSeen, host: str) -> list[Guarding]:
    return [
        each
        for each in guarding(facts.applications or (), host)
        if not facts.is_known(APPLICATION, each.application.id)
    ]


def _before_page(others: list[Guarding], page: Page, public_access: PublicAccess) -> Iterator[Finding]:
    """What is as specific as this stack's application, or more, may let in whom that one does not."""
    ours = {page_application_name(stack, page.account) for stack in public_access.stacks}
    for each in others:
        if each.reach is not Reach.WIDER and each.application.name not in ours:
            yield wording.PAGE_NOT_GUARDED.found(each.application.name, page.setting, domain=each.domain)


def _taken(others: list[Guarding], public_access: PublicAccess) -> Iterator[Finding]:
    ours = set(map(application_name, public_access.stacks))
    for application in dict.fromkeys(each.application for each in others if each.reach is Reach.HOST):
        if application.name not in ours:
            yield wording.APPLICATION_NOT_OURS.found(application.name, host=public_access.host)


def _asked(others: list[Guarding], public_access: PublicAccess) -> Iterator[Finding]:
    # Of what is as wide as the host, the most specific is asked, and with `access` that is this stack's own.
    parts = [each for each in others if each.reach is Reach.PART]
    whole = [] if public_access.access else [each for each in others if each.reach is not Reach.PART][:1]
    for each in (*parts, *whole):
        if not each.application.is_open:
            yield wording.APPLICATION_BEFORE.found(each.application.name, domain=each.domain, host=public_access.host)
