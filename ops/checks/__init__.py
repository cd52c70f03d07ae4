"""The table of checks, in the order in which the data flows: what fails first is the likely cause of the rest."""

from ops.checks import cloudflare, disk, drift, immich, internet, library, photo_sync, route, service
from ops.checks.check import Check

CHECKS: tuple[Check, ...] = (
    immich.PODS,
    disk.LABELS,
    disk.DIRECTORY,
    disk.OWNER,
    disk.MARKED,
    disk.SPACE,
    disk.NODE,
    disk.VOLUME,
    immich.MOUNT,
    service.SERVICE,
    service.ANSWERS,
    route.ROUTE,
    cloudflare.RECORD,
    internet.NAME,
    cloudflare.TUNNEL,
    cloudflare.RULE,
    internet.PAGE,
    internet.PLAIN,
    internet.WEB_SOCKET,
    internet.UPLOAD,
    internet.ACCESS,
    photo_sync.SESSION,
    photo_sync.LAST,
    photo_sync.SCHEDULE,
    photo_sync.NOTIFICATIONS,
    library.LIBRARY,
    library.SCAN,
    drift.DRIFT,
    drift.ARGOCD,
)
