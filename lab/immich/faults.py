"""What goes wrong at Immich on purpose."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from lab.stand_in import faults
from lab.stand_in.answers import RefusedError

Kind = Literal["unavailable", "timeOut", "otherWriter"]


@dataclass(frozen=True)
class Fault(faults.Fault):
    """`unavailable` is what an ingress says while Immich starts (503); `timeOut` loses the answer.

    `otherWriter` writes `edit` of the configuration just before ours is.
    """

    kind: Kind

    def strike(self) -> None:
        """Refuse, where it does before Immich sees the request."""
        if self.kind == "unavailable":
            raise RefusedError("503", _Page())


@dataclass(frozen=True)
class _Page:
    status: int = HTTPStatus.SERVICE_UNAVAILABLE
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html"})

    def content(self) -> bytes:
        return b"<html><body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>"
