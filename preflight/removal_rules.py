"""What else shows the photos in Immich when the stack is removed: asked then, as nothing is planned."""

from collections.abc import Iterable, Iterator

from clients.claim import Claim
from clients.kubernetes import ClusterApi, ClusterError
from clients.managed_fields import is_item
from observe.state import Known
from preflight import wording
from settings.cluster import Cluster
from text.finding import Finding
from text.resource_types import WORKLOADS


def mounted_by_others(cluster: Cluster, known: Iterable[Known]) -> list[Finding]:
    """Find who states the mount of the photos beside this stack; none where the cluster is not readable."""
    stated = ((one.outputs.get("fragment") or {}, one.outputs.get("manager")) for one in known)
    claims = [Claim(dict(entries), str(by), adopt=False) for entries, by in stated if entries.get("kind") in WORKLOADS]
    try:
        api = ClusterApi(cluster) if claims else None
        return [one for claim in claims if api for one in _others(api, claim)]
    except ClusterError:  # the engine fails at it, too
        return []


def _others(api: ClusterApi, claim: Claim) -> Iterator[Finding]:
    live = api.get(claim.ref)
    for manager, paths in claim.rivals(live).items() if live else ():
        if any(map(is_item, paths)):
            yield wording.MOUNT_REMAINS.found(claim.ref, manager=manager)
