"""What an interrupted `up` left at Cloudflare: it has a name of this stack, and an id that the state lacks. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from clients.access_domains import Reach, guarding
from components.public_access import (
    PublicAccess,
    app_policy_name,
    application_name,
    page_application_name,
    people_policy_name,
    service_token_name,
)
from observe.cloudflare import CloudflareSeen
from preflight import wording
from settings import Settings
from settings.cloudflare import OwnTunnel
from text.finding import Finding
from text.resource_types import APPLICATION, POLICY, SERVICE_TOKEN, TUNNEL


class Leftover(NamedTuple):
    """A thing that has no place for an owner annotation."""

    type: str
    id: str
    name: str


_KINDS = {APPLICATION: "Access application", POLICY: "Access policy", SERVICE_TOKEN: "Access service token"}


def findings(settings: Settings, seen: CloudflareSeen, public_access: PublicAccess) -> Iterator[Finding]:
    """Find them; a tunnel, and an application of this host, are in the way of the one that is to be made."""
    hosts = [public_access.host, *(page.host for page in public_access.pages)]
    here = {
        one.application.id
        for host in hosts
        for one in guarding(seen.applications or (), host)
        if one.reach is Reach.HOST
    }
    for left in _leftovers(settings, seen, public_access):
        if left.type == TUNNEL:
            yield wording.TUNNEL_TAKEN.found(left.name, id=left.id)
        elif left.id in here and public_access.access:
            yield wording.LEFT_IN_THE_WAY.found(left.name, kind=_KINDS[left.type], id=left.id)
        else:
            yield wording.LEFT_BEHIND.found(left.name, kind=_KINDS[left.type], id=left.id)


def _leftovers(settings: Settings, seen: CloudflareSeen, public_access: PublicAccess) -> Iterator[Leftover]:
    cloudflare, stacks = settings.cloudflare, public_access.stacks
    tunnel = {cloudflare.tunnel} if isinstance(cloudflare, OwnTunnel) else set()
    pages = [page_application_name(stack, page.account) for page in public_access.pages for stack in stacks]
    tunnels = [one for one in seen.tunnels if not one.deleted]
    ours = (
        (TUNNEL, tunnels, tunnel),
        (APPLICATION, seen.applications or (), {*map(application_name, stacks), *pages}),
        (POLICY, seen.policies, {*map(app_policy_name, stacks), *map(people_policy_name, stacks)}),
        (SERVICE_TOKEN, seen.service_tokens, {*map(service_token_name, stacks)}),
    )
    for type_, things, names in ours:
        for one in things:
            if one.name in names and not seen.is_known(type_, one.id):
                yield Leftover(type_, one.id, one.name)
