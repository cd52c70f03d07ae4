"""A route of Immich's API: the permission that it needs, and whether it is for administrators."""

from dataclasses import dataclass

from lab.stand_in import routes

# Of a route that each key may use, whatever it is permitted.
ANY = ""


@dataclass(frozen=True)
class Route(routes.Route):
    """Open to everybody without a `permission`; there are some only `since` a version."""

    permission: str | None = None
    admin: bool = False
    since: tuple[int, int] = (0, 0)
