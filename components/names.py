"""Names of the objects that this stack manages fully: they follow from its settings, so that they can be looked up."""

from collections.abc import Iterator

from clients.kubernetes import Ref
from components import (
    account_pod,
    connector,
    monitoring,
    mount_admission,
    mount_policy,
    notifications,
    photo_disk,
    photo_sync,
    sign_in_page,
    storage,
)
from settings import Settings
from settings.cloudflare import OwnTunnel
from settings.route import Gateway, Ingress
from settings.storage import Existing, HostPath

_NETWORKING = "networking.k8s.io/v1"


def names(settings: Settings) -> Iterator[Ref]:
    """Name them, but for the directory Job, whose name may depend on what is there."""
    sync, immich, stored = settings.photo_sync.namespace, settings.immich.namespace, settings.storage
    if not isinstance(stored, Existing):
        yield Ref("v1", "Namespace", sync)
    yield Ref(_NETWORKING, "NetworkPolicy", photo_disk.NETWORK_POLICY, sync)
    yield Ref("v1", "ConfigMap", photo_disk.RECORD, sync)
    if not isinstance(stored, Existing):
        yield Ref("v1", "PersistentVolume", stored.persistent_volume)
        yield Ref("v1", "PersistentVolumeClaim", stored.claim, sync)
    if not isinstance(stored, HostPath | Existing):
        yield Ref("v1", "PersistentVolume", storage.volume_for_immich(stored))
        yield Ref("v1", "PersistentVolumeClaim", storage.claim_for_immich(stored), immich)
    yield from mount_admission.names(settings.immich)
    yield from mount_policy.names(settings.immich)
    match settings.route:
        case Ingress() as route:
            yield Ref(_NETWORKING, "Ingress", route.name, immich)
        case Gateway() as route:
            yield Ref("gateway.networking.k8s.io/v1", "HTTPRoute", route.name, immich)
    if settings.photo_sync.accounts:
        yield Ref(_NETWORKING, "NetworkPolicy", photo_sync.NETWORK_POLICY, sync)
        if settings.notifications:
            yield Ref("v1", "Secret", notifications.SECRET, sync)
    for account in settings.photo_sync.accounts:
        yield Ref("v1", "PersistentVolumeClaim", account_pod.cookie_claim(account.name), sync)
        yield Ref("v1", "Secret", account_pod.credentials_secret(account.name), sync)
        yield Ref("batch/v1", "CronJob", photo_sync.cron_job_name(account.name), sync)
    yield from sign_in_page.names(settings)
    yield from monitoring.names(settings)
    if isinstance(settings.cloudflare, OwnTunnel):
        yield from connector.names(settings.cloudflare)
