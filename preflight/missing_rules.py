"""What has to be there before anything else can be asked: Immich itself, the photos' node, a StorageClass. Pure."""

from collections.abc import Collection, Iterator, Sequence

from clients.conditions import is_going
from clients.kubernetes import Manifest, Ref
from clients.volumes import is_default
from observe import Observed
from observe.cluster import ClusterSeen
from preflight import cloudflare_rules, deletion_rules, existing_rules, wording, workload_rules
from settings import Settings
from settings.storage import OnNode
from text.finding import Finding


def findings(settings: Settings, observed: Observed) -> Iterator[Finding]:
    """Find what is missing in the cluster and at Cloudflare."""
    yield from in_cluster(settings, observed.cluster)
    if observed.cloudflare:
        yield from cloudflare_rules.missing(settings, observed.cloudflare, observed.cluster)


def in_cluster(settings: Settings, facts: ClusterSeen) -> Iterator[Finding]:
    """Find what is missing in the cluster; what may not be read is not missing."""
    immich = settings.immich
    if facts.namespace is None:
        yield wording.NAMESPACE_MISSING.found(name=immich.namespace)
        return
    if is_going(facts.namespace):
        yield deletion_rules.found(Ref.of(facts.namespace), facts.namespace)
        return
    yield from workload_rules.findings(immich, facts.workloads, facts.services)
    if isinstance(settings.storage, OnNode) and facts.nodes is not None and settings.storage.node not in facts.nodes:
        yield wording.NODE_MISSING.found(name=settings.storage.node, has=", ".join(facts.nodes))
    yield from existing_rules.missing(settings, facts)
    if settings.monitoring and settings.photo_sync.accounts and not facts.alerts:
        yield wording.NO_PROMETHEUS_OPERATOR.found()
    if settings.photo_sync.accounts and facts.storage_classes is not None and facts.volume_classes is not None:
        yield from _storage_class(settings, facts.storage_classes, facts.volume_classes)


def _storage_class(settings: Settings, classes: Sequence[Manifest], of_volumes: Collection[str]) -> Iterator[Finding]:
    names, has_default = [found["metadata"]["name"] for found in classes], any(map(is_default, classes))
    volume = settings.photo_sync.cookie_volume
    if volume.storage_class and volume.storage_class not in {*names, *of_volumes}:
        yield wording.CLASS_MISSING.found(name=volume.storage_class, has=", ".join(names) or "none")
    elif not volume.storage_class and not has_default and names:
        yield wording.NO_DEFAULT_CLASS.found(has=", ".join(names))
    elif not volume.storage_class and not has_default:
        yield wording.NO_CLASS.found(capacity=volume.capacity)
