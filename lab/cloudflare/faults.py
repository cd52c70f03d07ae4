"""What goes wrong at Cloudflare on purpose."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from lab.cloudflare.answers import refused
from lab.stand_in import faults

Kind = Literal["rateLimited", "unavailable", "timeOut", "otherWriter", "expiredToken", "forbidden"]


@dataclass(frozen=True)
class Fault(faults.Fault):
    """`rateLimited` (429), `unavailable` (503) and `forbidden` refuse; `expiredToken` refuses the token.

    `timeOut` loses the answer.
    `otherWriter` writes `edit` of the tunnel's configuration just before ours is. `retry_after` is in seconds.
    """

    kind: Kind
    retry_after: int = 1

    def strike(self) -> None:
        """Refuse, where it does before anything else is looked at (as reported: 971 and 7010)."""
        if self.kind == "rateLimited":
            raise refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                971,
                "Please wait and consider throttling your request speed",
                headers={"Retry-After": str(self.retry_after)},
            )
        if self.kind == "forbidden":
            raise refused(HTTPStatus.FORBIDDEN, 9109, "Unauthorized to access requested resource")
        if self.kind == "unavailable":
            raise refused(HTTPStatus.SERVICE_UNAVAILABLE, 7010, "Service unavailable")
