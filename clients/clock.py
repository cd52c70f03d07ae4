"""What a server's clock shows: by the Date of its answers, as that of a homelab or of this machine may be hours off."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

NONE: Final = timedelta()
_SET: Final = timedelta(seconds=30)  # clocks that are set differ by less, with whole seconds and an answer's way


class Headers(Protocol):
    """The head of an answer, as each library has it."""

    def get(self, name: str, /) -> str | None:
        """Return a header's value, whatever the case of its name."""


def moment(text: str | None) -> datetime | None:
    """Read a date of HTTP; None for anything else."""
    try:
        found = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo else None


def ahead(headers: Headers) -> timedelta:
    """Say by how much a server's clock is ahead of this machine's; none where both may be set, or it is unknown."""
    there = moment(headers.get("Date"))
    found = there - datetime.now(UTC) if there else NONE
    return found if abs(found) > _SET else NONE


def here(there: datetime, ahead: timedelta) -> datetime:
    """Return what this machine's clock showed when one that is ahead of it showed a time."""
    try:
        return there - ahead
    except OverflowError:  # Go's zero time
        return there
