"""A route of the API: what it is for, which permission it needs, and how a token without it is refused."""

from dataclasses import dataclass
from http import HTTPStatus

from lab.cloudflare.answers import refused
from lab.stand_in import routes
from lab.stand_in.answers import RefusedError


@dataclass(frozen=True)
class Route(routes.Route):
    """`of` is the group of permissions, such as "DNS", any of which do.

    A request that only reads needs "<group> Read" or "<group> Write", any other "<group> Write". Zones are served by an
    older part of the API, which refuses with messages of its own.
    """

    of: tuple[str, ...]
    older: bool = False
    secret: bool = False

    def allows(self, permissions: list[str]) -> bool:
        """Whether a token with these permissions may use it."""
        levels = ("Read", "Write") if self.method == "GET" and not self.secret else ("Write",)
        return any(f"{group} {level}" in permissions for group in self.of for level in levels)

    def unknown_token(self) -> RefusedError:
        """What a token gets that is none, or no longer one (as reported: 403 and 9109 by zones, else 401 and 10000)."""
        if self.older:
            return refused(HTTPStatus.FORBIDDEN, 9109, "Invalid access token")
        return refused(HTTPStatus.UNAUTHORIZED, 10000, "Authentication error")

    def forbidden(self) -> RefusedError:
        """What a token gets without the permission, or for an account or a zone that is not one of its own.

        Source: as reported, e.g. terraform-provider-cloudflare #1533 (10000) and #7279 (a tunnel's token with no more
        than Read: 1001), octodns-cloudflare #60 (9109).
        """
        if self.secret:
            return refused(HTTPStatus.UNAUTHORIZED, 1001, "Not authorized")
        if self.older:
            return refused(HTTPStatus.FORBIDDEN, 9109, "Unauthorized to access requested resource")
        return refused(HTTPStatus.FORBIDDEN, 10000, "Authentication error")
