"""Who manages a tunnel's rules: Cloudflare, or a file beside cloudflared.

A configuration document proves nothing: on connecting, cloudflared sends its local rules to Cloudflare. And a document
that is written at Cloudflare replaces the rules of the file, those of all other hosts included. So an optional field
that is absent is no answer, and without a clear one nothing is written.
"""

from collections.abc import Iterator
from enum import Enum

from clients.cloudflare import Configuration, Tunnel


class Manager(Enum):
    """Who manages a tunnel's rules."""

    CLOUDFLARE = "cloudflare"
    FILE = "local"
    UNKNOWN = "unknown"


def manager(tunnel: Tunnel, configuration: Configuration | None) -> Manager:
    """Tell who manages a tunnel, by the fields that Cloudflare answers with. None, or two that differ: unknown."""
    told = {value for _, value in _fields(tunnel, configuration) if value}
    value = told.pop() if len(told) == 1 else ""
    return Manager(value) if value in {"cloudflare", "local"} else Manager.UNKNOWN


def refusal(tunnel: Tunnel, configuration: Configuration | None) -> str:
    """Explain why nothing may be written to a tunnel's configuration at Cloudflare; empty when it may."""
    match manager(tunnel, configuration):
        case Manager.CLOUDFLARE:
            return ""
        case Manager.FILE:
            return (
                f"the tunnel {tunnel.name} is locally managed: its rules are in the config.yml beside its cloudflared"
            )
    fields = ", ".join(f"{name} is {value or 'absent'}" for name, value in _fields(tunnel, configuration))
    return (
        f"who manages the tunnel {tunnel.name} is unknown: {fields}. Nothing is written, as a configuration at "
        "Cloudflare replaces all rules of a config.yml. The dashboard (Networks, Tunnels) offers to migrate a tunnel "
        "that is locally managed: compare, or name another tunnel"
    )


def _fields(tunnel: Tunnel, configuration: Configuration | None) -> Iterator[tuple[str, str | None]]:
    yield "config_src", tunnel.config_src
    yield "the configuration's source", configuration.source if configuration else None
    remote = tunnel.remote_config
    yield "remote_config", None if remote is None else "cloudflare" if remote else "local"
