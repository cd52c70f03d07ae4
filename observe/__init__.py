"""One look at the world before the stack; what is read follows from settings and earlier reads, never from the plan.

What may not be read is None, and what it would take is reported; what nothing goes without is an error.
"""

import socket
from collections.abc import Collection
from dataclasses import dataclass, field

from clients.kubernetes import ClusterApi
from observe import cloudflare, cluster, immich, writers
from observe.cloudflare import CloudflareSeen
from observe.cluster import ClusterSeen
from observe.immich import ImmichSeen
from observe.lists import Lists
from observe.state import Known, ownership
from observe.writers import WritersSeen
from settings import Settings
from settings.cloudflare import NoCloudflare


@dataclass(frozen=True)
class Observed:
    """What there is.

    Attributes:
        cluster: the cluster.
        cloudflare: Cloudflare; None for a stack that states nothing there.
        immich: Immich itself; None for a stack that states nothing in it.
        known: the resources in the stack's state.
        resolves: whether the host's name leads anywhere; looked up only where this stack makes no record of it.
        writers: what could write to the photo disk.

    """

    cluster: ClusterSeen
    cloudflare: CloudflareSeen | None = None
    immich: ImmichSeen | None = None
    known: tuple[Known, ...] = ()
    resolves: bool = True
    writers: WritersSeen = field(default_factory=WritersSeen)


def read_world(api: ClusterApi, settings: Settings, stack: str, known: Collection[Known]) -> Observed:
    """Read it, in this order.

    Args:
        api: the cluster.
        settings: the stack's settings.
        stack: `<project>/<stack>`, by which the stack knows its own.
        known: the resources in its state.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read what nothing goes without.
        CloudflareError: when Cloudflare can't be asked, or the token may not read.

    """
    owner = ownership(settings, stack, known)
    at_cloudflare, lists = cloudflare.connect(settings), Lists(api)
    return Observed(
        cluster=cluster.read_cluster(api, settings, lists),
        cloudflare=cloudflare.read_cloudflare(at_cloudflare, api, settings, owner, known, lists),
        immich=immich.read_immich(api, settings, owner, known),
        known=tuple(known),
        resolves=resolves(settings),
        writers=writers.read_writers(lists),
    )


def resolves(settings: Settings) -> bool:
    """Whether the host's name leads anywhere; of a record that is this stack's own affair, nothing is asked."""
    if not isinstance(settings.cloudflare, NoCloudflare):
        return True
    try:
        return bool(socket.getaddrinfo(settings.host, None))
    except OSError:
        return False
