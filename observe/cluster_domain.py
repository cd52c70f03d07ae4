"""The domain in which the cluster's DNS has its Services."""

import re
from collections.abc import Iterator

from clients.kubernetes import ClusterApi, Ref, permitted

_HOLDER, _KEY = Ref("v1", "ConfigMap", "coredns", "kube-system"), "Corefile"
_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def read_domain(api: ClusterApi) -> str | None:
    """Read it where CoreDNS has its file; None where it may not be read, or does not say.

    Raises:
        ClusterError: when the API server can't be reached.

    """
    found = permitted(lambda: api.get(_HOLDER))
    return domain(((found or {}).get("data") or {}).get(_KEY, ""))


def domain(corefile: str) -> str | None:
    """Find the zone of the plugin `kubernetes`, its own or else its server's; the first that is no reverse one."""
    return next((zone for zone in _zones(corefile) if _DOMAIN.fullmatch(zone) and not zone.endswith(".arpa")), None)


def _zones(corefile: str) -> Iterator[str]:
    served: list[str] = []
    depth = 0
    for line in corefile.splitlines():
        words = line.partition("#")[0].split()
        opens = words[-1:] == ["{"]
        named = words[:-1] if opens else words
        if depth == 0 and opens:
            served = named
        elif depth == 1 and named[:1] == ["kubernetes"]:
            yield from map(_zone, named[1:] or served)
        depth += opens - (words[:1] == ["}"])


def _zone(word: str) -> str:
    return re.sub(r":\d+$", "", word.rpartition("://")[2].strip(",")).removesuffix(".").lower()
