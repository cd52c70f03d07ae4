"""What a person or another program needs to know of the stack. README.md describes each output."""

from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(frozen=True)
class Outputs:
    """The stack's outputs, under their names; one that is None does not apply, and is left out.

    Attributes:
        immich_url: where people reach Immich.
        internal_url: where pods of the cluster reach it.
        namespaces: `immich`, the namespace that was found, and `photo_sync`, ours.
        claim: `<namespace>/<name>` of the claim that photos are written to.
        library_path: the photos' folder as Immich sees it; the import path of an external library.
        mounted_into: the workloads that run Immich's server, with their containers that got the mount.
        accounts: of each iCloud account its name, its folder as Immich sees it, its CronJob and its schedule.
        libraries: of each external library of Immich its id, name, owner and import paths.
        library_settings: what this stack states of Immich's server-wide settings: scan_schedule and watch.
        route_kind: how the internet gets there: sharedTunnel, localTunnel, dnsRecord, ownTunnel, or none.
        next_steps: what is left for a person to do, in order, each with its command; empty when nothing is.
        dns_record: name of the host's DNS record.
        dns_target: what it points at.
        tunnel_id: UUID of the tunnel.
        access_client_id: the mobile app's header CF-Access-Client-Id, secret.
        access_client_secret: the mobile app's header CF-Access-Client-Secret, secret.

    """

    immich_url: str
    internal_url: str
    namespaces: dict[str, str]
    claim: str
    library_path: str
    mounted_into: str
    accounts: list[dict[str, str]] | None
    route_kind: str
    next_steps: list[str]
    libraries: list[dict[str, Any]] | None = None
    library_settings: dict[str, str | bool] | None = None
    dns_record: str | None = None
    dns_target: pulumi.Output[str] | None = None
    tunnel_id: pulumi.Output[str] | None = None
    access_client_id: pulumi.Output[str] | None = None
    access_client_secret: pulumi.Output[str] | None = None

    def exported(self) -> dict[str, Any]:
        """List those that apply."""
        return {name: value for name, value in vars(self).items() if value is not None}
