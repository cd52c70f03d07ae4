"""The zone of the host, and what can be known of one that the settings name by its id."""

from clients.cloudflare import CloudflareApi, Zone
from settings.cloudflare import OnCloudflare
from text.hostname import below


def find(api: CloudflareApi, host: str, cloudflare: OnCloudflare) -> Zone | None:
    """Find the zone; None when the token sees none. One that may not be read has only the ids that are given.

    Raises:
        CloudflareError: when Cloudflare can't be asked, or the token may not read.

    """
    if cloudflare.zone_id and cloudflare.account_id:
        return api.zone(cloudflare.zone_id) or Zone(cloudflare.zone_id, "", cloudflare.account_id, "")
    return api.zone_of(host)


def names(api: CloudflareApi, zone: Zone) -> tuple[str, ...]:
    """List names of the zone's records, where its own may not be read.

    Raises:
        CloudflareError: when Cloudflare can't be asked, or the token may not read.

    """
    return () if zone.name else tuple(api.record_names(zone.id))


def certified(api: CloudflareApi, zone: Zone, host: str) -> tuple[str, ...] | None:
    """List names that the zone's certificates are for, where that decides; None where the token may not read them.

    Raises:
        CloudflareError: when Cloudflare can't be asked.

    """
    if below(host, zone.name) <= 1:
        return ()
    found = api.certified_names(zone.id)
    return None if found is None else tuple(found)
