"""What the account holds: as found, and as it becomes."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import yaml

from lab.stand_in.answers import Json

# Long enough to be taken for a token, and visibly none.
TOKEN: Final = "rehearsal-of-immich-icloud-opens-nothing-real"  # noqa: S105 - it opens nothing

# Cloudflare's own names (source: "Accepted Permissions" of each operation in the API's documentation).
PERMISSIONS: Final = (
    "Zone Read",
    "DNS Write",
    "Cloudflare Tunnel Write",
    "Access: Apps and Policies Write",
    "Access: Service Tokens Write",
)


@dataclass
class World:
    """The account, as plain JSON: what it holds is under its id, DNS records under their zone's id first.

    `connectors` and `secrets` are those of tunnels. `tokens` are the API tokens, under themselves, each with its id,
    status and permissions.
    """

    account: Json
    zones: dict[str, Json]
    records: dict[str, dict[str, Json]]
    tunnels: dict[str, Json]
    configurations: dict[str, Json]
    connectors: dict[str, list[Json]]
    secrets: dict[str, str]
    apps: dict[str, Json]
    policies: dict[str, Json]
    service_tokens: dict[str, Json]
    tokens: dict[str, Json]


def found() -> World:
    """The world as found, with the lab's own token, which may do everything that the project does."""
    content = yaml.load((Path(__file__).parent / "world.yaml").read_text(), yaml.CSafeLoader)
    world = World(**content, apps={}, policies={}, service_tokens={}, tokens={})
    give_token(world, TOKEN, PERMISSIONS)
    return world


def give_token(world: World, token: str, permissions: tuple[str, ...] | list[str], status: str = "active") -> None:
    """Make the account know an API token; `status` is "active", "disabled" or "expired"."""
    world.tokens[token] = {"id": new_id(), "status": status, "permissions": list(permissions)}


def now() -> str:
    """Write the current time as the API does."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def new_id() -> str:
    """Make an id of the older kind: 32 hexadecimal digits."""
    return secrets.token_hex(16)


def new_uuid() -> str:
    """Make an id of the newer kind."""
    return str(uuid.uuid4())
