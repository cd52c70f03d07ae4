"""What goes wrong on purpose: each fault is for the next request that it fits, and used once."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, Literal

from lab.cloudflare.answers import RefusedError, Request

Kind = Literal["rateLimited", "unavailable", "timeOut", "otherWriter", "expiredToken"]


@dataclass(frozen=True)
class Fault:
    """`rateLimited` (429) and `unavailable` (503) refuse; `expiredToken` refuses the token; `timeOut` loses the answer.

    `otherWriter` writes `edit` of the tunnel's configuration just before ours is. `path` is a pattern as in a shell,
    below `/client/v4`; `retry_after` is in seconds.
    """

    kind: Kind
    method: str = "*"
    path: str = "*"
    retry_after: int = 1
    edit: Callable[[Any], Any] = lambda config: config

    def fits(self, request: Request) -> bool:
        """Whether it is for this request."""
        return fnmatchcase(request.method, self.method) and fnmatchcase(request.path, self.path)

    def strike(self) -> None:
        """Refuse, where it does before anything else is looked at (as reported: 971 and 7010)."""
        if self.kind == "rateLimited":
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                971,
                "Please wait and consider throttling your request speed",
                headers={"Retry-After": str(self.retry_after)},
            )
        if self.kind == "unavailable":
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, 7010, "Service unavailable")
