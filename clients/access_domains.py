"""Which applications of Cloudflare Access stand before a host, and which of them is asked. Pure.

A domain may have a path, and `*` in both; in a host's label it never stands for a dot. The more specific domain wins
(source: Cloudflare's documentation of application paths).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from clients.cloudflare import AccessApplication
from text.hostname import is_wildcard_of, normal


class Reach(IntEnum):
    """How specifically an application covers the host; the higher, the more specific."""

    WIDER = 1
    HOST = 2
    PART = 3


@dataclass(frozen=True)
class Guarding:
    """An application before the host, by the one of its domains that reaches it.

    Attributes:
        application: the application.
        domain: its domain, as it is stated.
        reach: how much of it is the host.

    """

    application: AccessApplication
    domain: str
    reach: Reach


def guarding(applications: Iterable[AccessApplication], host: str) -> list[Guarding]:
    """List what stands before a host, the most specific first."""
    found = [each for application in applications for each in _guarding(application, host)]
    return sorted(found, key=lambda each: (each.reach, -each.domain.count("*"), len(each.domain)), reverse=True)


def _guarding(application: AccessApplication, host: str) -> Iterator[Guarding]:
    for domain in application.domains:
        pattern, _, path = domain.partition("/")
        if path not in {"", "*"} and is_wildcard_of(pattern, host):
            yield Guarding(application, domain, Reach.PART)
        elif normal(pattern) == normal(host):
            yield Guarding(application, domain, Reach.HOST)
        elif is_wildcard_of(pattern, host):
            yield Guarding(application, domain, Reach.WIDER)
