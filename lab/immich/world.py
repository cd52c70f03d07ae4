"""What the server holds: as found, and as it becomes."""

import json
import uuid
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from lab.stand_in.answers import Json

# Long enough to be taken for a key, and visibly none.
API_KEY: Final = "rehearsal-of-immich-icloud-opens-no-real-server"

# What the project asks of its key (source: `x-immich-permission` of each operation in Immich's OpenAPI document).
PERMISSIONS: Final = (
    "library.read",
    "library.create",
    "library.update",
    "library.statistics",
    "asset.read",
    "user.read",
    "systemConfig.read",
    "systemConfig.update",
    "adminConfig.read",
    "adminConfig.update",
)

_FILES = Path(__file__).parent


@dataclass
class World:
    """The server, as plain JSON: users, libraries and assets are under their id, API keys under themselves.

    `config_file` is whether IMMICH_CONFIG_FILE is in use, `mounts` the directory of this machine behind each path,
    `queue` the ids of libraries that wait for a scan.
    """

    version: str
    config_file: bool
    configuration: Json
    users: dict[str, Json]
    keys: dict[str, Json]
    libraries: dict[str, Json]
    assets: dict[str, Json]
    mounts: dict[str, str]
    queue: list[str]

    def since(self, major: int, minor: int = 0) -> bool:
        """Whether the server is of that version or a newer one."""
        return tuple(int(part) for part in self.version.split(".")[:2]) >= (major, minor)

    @property
    def owner(self) -> Json:
        """The administrator, whose API_KEY is."""
        return next(user for user in self.users.values() if user["isAdmin"])


def found(version: str = "2.4.1", mounts: Mapping[str, str | Path] | None = None) -> World:
    """The world as found, with the lab's own key, which is the owner's and may do no more than the project does."""
    content = _read("world.yaml")
    paths = {path: str(directory) for path, directory in (mounts or {}).items()}
    config = configuration(version)
    world = World(version, config_file=False, configuration=config, keys={}, mounts=paths, queue=[], **content)
    give_key(world, API_KEY, world.owner["email"], PERMISSIONS)
    return world


def upgrade(world: World, version: str) -> None:
    """Run a newer version of the server; what is new in its configuration gets the default."""
    world.version = version
    world.configuration = _merged(configuration(version), world.configuration)


def configuration(version: str) -> Json:
    """The configuration as found, by a server of that version."""
    by_version = _read("configuration.yaml")
    config: Json = by_version["2"]
    return _merged(by_version["added in 3"], config) if int(version.split(".", maxsplit=1)[0]) >= 3 else config  # noqa: PLR2004


def give_key(world: World, key: str, email: str, permissions: Iterable[str]) -> None:
    """Make the server know an API key of the user with that e-mail address."""
    (user,) = [user for user in world.users.values() if user["email"] == email]
    world.keys[key] = {"id": new_id(), "userId": user["id"], "permissions": list(permissions)}


def add_user(world: World, email: str, name: str, *, admin: bool = False) -> Json:
    """Make a user as the administrator would."""
    user = {**deepcopy(world.owner), "id": new_id(), "email": email, "name": name, "isAdmin": admin}
    user |= {"createdAt": now(), "updatedAt": now(), "profileChangedAt": now(), "storageLabel": None}
    world.users[user["id"]] = user
    return user


def now() -> str:
    """Write the current time as the API does."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id() -> str:
    """Make an id."""
    return str(uuid.uuid4())


def _read(name: str) -> Json:
    """Read one of the files beside this one: YAML once, for reading it takes longer than all the rest."""
    content: Json = json.loads(_as_json(name))
    return content


@cache
def _as_json(name: str) -> str:
    return json.dumps(yaml.load((_FILES / name).read_text(), yaml.CSafeLoader))


def _merged(defaults: Json, held: Json) -> Json:
    return {
        **defaults,
        **{key: _merged(defaults.get(key, {}), each) if isinstance(each, dict) else each for key, each in held.items()},
    }
