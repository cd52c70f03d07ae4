"""What is wrong with a claim that is there (`storage.kind: existing`), and what threatens it. Pure."""

from collections.abc import Iterator

from observe.cluster import ClusterSeen
from observe.existing import modes
from preflight import wording
from settings import Settings
from settings.storage import Existing
from text.finding import Finding

_WRITING = {"ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"}


def missing(settings: Settings, facts: ClusterSeen) -> Iterator[Finding]:
    """Find why sync and Immich cannot both use the claim."""
    storage, seen = settings.storage, facts.existing
    if not isinstance(storage, Existing) or seen is None:
        return
    if seen.read is None and storage.immich_claim:
        name = f"{settings.immich.namespace}/{storage.immich_claim.name}"
        yield wording.CLAIM_MISSING.found(name, "storage.immichClaim", namespace=settings.immich.namespace)
    if seen.claim is None:
        name = f"{storage.claim.namespace}/{storage.claim.name}"
        yield wording.CLAIM_MISSING.found(name, "storage.claim", namespace=storage.claim.namespace)
        return
    name, allowed = f"{storage.claim.namespace}/{storage.claim.name}", modes(seen.claim)
    source = (seen.volume or {"spec": {}})["spec"]
    read_only = any(isinstance(one, dict) and one.get("readOnly") for one in source.values())
    if seen.claim["spec"].get("volumeMode") == "Block":
        yield wording.CLAIM_WITHOUT_FILES.found(name)
    elif "ReadWriteOncePod" in allowed:
        yield wording.CLAIM_OF_ONE_POD.found(name)
    elif read_only or _WRITING.isdisjoint(allowed):
        yield wording.CLAIM_NOT_WRITABLE.found(name)
    elif seen.on_one_node and not seen.node:
        has = ", ".join(sorted(seen.nodes)) or "none"
        yield wording.CLAIM_NODE_UNCLEAR.found(name, has=has, namespace=storage.claim.namespace)


def findings(facts: ClusterSeen) -> Iterator[Finding]:
    """Find what threatens the photos on it."""
    volume = facts.existing.volume if facts.existing else None
    if volume and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
        yield wording.VOLUME_DELETED_WITH_CLAIM.found(volume["metadata"]["name"])
