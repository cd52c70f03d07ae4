"""When something runs, in cron's five fields, and whose midnight is meant.

Read here, not by cronsim: that also takes what Kubernetes refuses, such as weekday 7, `L` and `1#1`.
"""

import re
import zoneinfo
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
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
_A_LEAP_YEAR = date(2024, 1, 1)
_A_YEAR = 366  # days
_RANGE = re.compile(r"(?:\*|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/([1-9][0-9]?))?")


def _runs_some_day(schedule: str) -> str:
    fields = schedule.lower().split()
    if len(fields) != len(_FIELDS) or not all(map(_numbers, fields, _FIELDS)):
        raise not_allowed('cron\'s five fields (minute, hour, day, month, weekday), e.g. "0 2 1 * *"')
    return schedule


def _numbers(text: str, field: tuple[int, int, tuple[str, ...]]) -> set[int]:
    """Find the numbers that a field stands for; none for one that is wrong."""
    lowest, highest, names = field

    def number(word: str) -> int:
        return names.index(word) + lowest if word in names else int(word) if word.isdecimal() else -1

    numbers: set[int] = set()
    for part in text.split(","):
        found = _RANGE.fullmatch(part)
        if not found:
            return set()
        first, last, step = found.groups()
        start = number(first) if first else lowest
        # `7/2` goes on to the end, `7` does not (source: robfig/cron, getRange).
        end = number(last) if last else start if first and not step else highest
        if not lowest <= start <= end <= highest:
            return set()
        numbers |= set(range(start, end + 1, int(step or 1)))
    return numbers


@cache
def longest_wait(schedule: str) -> int:
    """Return the most days that may lie between two days on which a schedule runs; a year where there are no two."""
    days = list(_run_days(schedule, _A_LEAP_YEAR, 5 * _A_YEAR))
    return max(((later - day).days for day, later in pairwise(days)), default=_A_YEAR)


def runs_a_day(schedule: str) -> int:
    """Count how often a schedule runs on a day on which it does."""
    minutes, hours = map(_numbers, schedule.split()[:2], _FIELDS[:2])
    return len(minutes) * len(hours)


def days_to_next(schedule: str, today: date) -> int:
    """Return the days from `today` to the next day on which a schedule runs; a year where there is none."""
    return next(((day - today).days for day in _run_days(schedule, today + timedelta(days=1), _A_YEAR)), _A_YEAR)


def _run_days(schedule: str, first: date, count: int) -> Iterator[date]:
    """Yield those of `count` days on which a schedule runs."""
    fields = schedule.lower().split()
    of_month, in_months, of_week = map(_numbers, fields[2:], _FIELDS[2:])
    # Where both are restricted, either will do (source: robfig/cron, dayMatches).
    will_do = all if fields[2].startswith("*") or fields[4].startswith("*") else any
    for day in (first + timedelta(days=n) for n in range(count)):
        if day.month in in_months and will_do((day.day in of_month, day.isoweekday() % 7 in of_week)):
            yield day


Schedule = Annotated[
    str,
    Field(pattern=r"^\S+( +\S+){4}$", max_length=255),
    AfterValidator(_runs_some_day),
    Allowed("cron's five fields: minute, hour, day of the month, month, weekday", "0 2 1 * *"),
]


# Which walks through the whole database.
_time_zones = cache(zoneinfo.available_timezones)


def _known(zone: str) -> str:
    if zone not in _time_zones():
        raise not_allowed('the name of a time zone, as in the IANA database, e.g. "Europe/Berlin"')
    return zone


TimeZone = Annotated[
    str,
    Field(pattern=r"^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*$"),
    AfterValidator(_known),
    Allowed("the name of a time zone, as in the IANA database", "Europe/Berlin"),
]
