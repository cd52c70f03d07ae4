"""When something runs, in cron's five fields, and whose midnight is meant."""

import re
import zoneinfo
from typing import Annotated

from pydantic import AfterValidator, Field

from settings.model import Allowed, not_allowed

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Lowest and highest number of each field, and the names that it takes instead (source: Kubernetes' robfig/cron, v3).
_FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_RANGE = re.compile(r"(?:\*|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/([1-9][0-9]?))?")


def _runs_some_day(schedule: str) -> str:
    fields = schedule.lower().split()
    if len(fields) != len(_FIELDS) or not all(map(_is_field, fields, _FIELDS)):
        raise not_allowed('cron\'s five fields (minute, hour, day, month, weekday), e.g. "0 2 1 * *"')
    return schedule


def _is_field(text: str, field: tuple[int, int, tuple[str, ...]]) -> bool:
    lowest, highest, names = field

    def number(word: str) -> int:
        return names.index(word) + lowest if word in names else int(word) if word.isdecimal() else -1

    for part in text.split(","):
        found = _RANGE.fullmatch(part)
        if not found:
            return False
        numbers = [number(word) for word in found.groups()[:2] if word]
        if not all(lowest <= n <= highest for n in numbers) or numbers != sorted(numbers):
            return False
    return True


Schedule = Annotated[
    str,
    Field(pattern=r"^\S+( +\S+){4}$"),
    AfterValidator(_runs_some_day),
    Allowed("cron's five fields: minute, hour, day of the month, month, weekday", "0 2 1 * *"),
]


def _known(zone: str) -> str:
    if zone not in zoneinfo.available_timezones():
        raise not_allowed('the name of a time zone, as in the IANA database, e.g. "Europe/Berlin"')
    return zone


TimeZone = Annotated[
    str,
    Field(pattern=r"^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*$"),
    AfterValidator(_known),
    Allowed("the name of a time zone, as in the IANA database", "Europe/Berlin"),
]
