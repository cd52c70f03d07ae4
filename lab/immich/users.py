"""Users: oneself, and who there is."""

from lab.immich.routes import ANY, Route
from lab.immich.world import World
from lab.stand_in.answers import Json, Request
from lab.stand_in.routes import Ids

_SHOWN_TO_OTHERS = ("id", "name", "email", "profileImagePath", "avatarColor", "profileChangedAt")


def _me(world: World, request: Request, _: Ids) -> Json:
    hidden = set() if world.since(3, 2) else {"clusterGroupId"}
    return {key: value for key, value in asking(world, request).items() if key not in hidden}


def _all(world: World, request: Request, _: Ids) -> list[Json]:
    """Everybody; oneself alone where users are not public and one is no administrator."""
    me = asking(world, request)
    public = me["isAdmin"] or world.configuration["server"]["publicUsers"]
    shown = world.users.values() if public else [me]
    return [{key: user[key] for key in _SHOWN_TO_OTHERS} for user in shown]


def _key(world: World, request: Request, _: Ids) -> Json:
    """The key that is asked with: any may (source: immich #21027)."""
    key = world.keys[request.headers["x-api-key"]]
    made = {"createdAt": "2026-02-11T07:40:52.918Z", "updatedAt": "2026-02-11T07:40:52.918Z"}
    return {"id": key["id"], "name": "immich-icloud", "permissions": key["permissions"], **made}


def asking(world: World, request: Request) -> Json:
    """Return whose the key is."""
    return world.users[world.keys[request.headers["x-api-key"]]["userId"]]


ROUTES = (
    Route("GET", "/api-keys/me", _key, ANY),
    Route("GET", "/users/me", _me, "user.read"),
    Route("GET", "/users", _all, "user.read"),
)
