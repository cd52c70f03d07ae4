"""What else shows the photos in Immich when the stack is removed: asked then, as nothing is planned."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from clients.claim import Claim
from clients.conditions import is_over
from clients.kubernetes import ClusterApi, ClusterError, Ref
from clients.managed_fields import is_item
from clients.volumes import claim_names
from components.ownership import ADOPTED_MARK
from observe.state import Known
from preflight import wording
from settings.cluster import Cluster
from text.finding import Finding
from text.resource_types import CLAIM, WORKLOADS

T = TypeVar("T")


def mounted_by_others(cluster: Cluster, known: Iterable[Known]) -> list[Finding]:
    """Find who states the mount of the photos beside this stack; none where the cluster is not readable."""
    stated = ((one.outputs.get("fragment") or {}, one.outputs.get("manager")) for one in known)
    claims = [Claim(dict(entries), str(by), adopt=False) for entries, by in stated if entries.get("kind") in WORKLOADS]
    return _of_each(claims, cluster, _others)


def held_claims(cluster: Cluster, known: Iterable[Known]) -> list[Finding]:
    """Find claims of this stack that pods mount, to be asked where they go on doing so: removal waits for them."""
    metadata = (one.outputs.get("metadata") or {} for one in known if one.type == CLAIM)
    claims = [one for one in metadata if ADOPTED_MARK not in (one.get("annotations") or {})]
    refs = [Ref("v1", "PersistentVolumeClaim", one["name"], one["namespace"]) for one in claims]
    return _of_each(refs, cluster, _holding)


def _of_each(things: list[T], cluster: Cluster, ask: Callable[[ClusterApi, T], Iterator[Finding]]) -> list[Finding]:
    if not things:
        return []
    try:
        api = ClusterApi(cluster)
        return [found for one in things for found in ask(api, one)]
    except ClusterError:  # the engine fails at it, too
        return []


def _holding(api: ClusterApi, claim: Ref) -> Iterator[Finding]:
    for pod in api.list(Ref("v1", "Pod", "", claim.namespace)):
        of_job = any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", ()))
        if claim.name in claim_names(pod["spec"]) and not (of_job or is_over(pod)):
            yield wording.CLAIM_HELD.found(claim, pod=pod["metadata"]["name"])


def _others(api: ClusterApi, claim: Claim) -> Iterator[Finding]:
    live = api.get(claim.ref)
    for manager, paths in claim.rivals(live).items() if live else ():
        if any(map(is_item, paths)):
            yield wording.MOUNT_REMAINS.found(claim.ref, manager=manager)
