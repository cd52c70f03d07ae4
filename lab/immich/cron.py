"""Cron expressions, as Immich takes them: five fields, or six with seconds first (source: the npm package cron)."""

import re

_FIELDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES = {
    4: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    5: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


def valid(expression: str) -> bool:
    """Whether Immich takes it."""
    fields = expression.split()
    if len(fields) == len(_FIELDS) - 1:
        fields = ["0", *fields]
    return len(fields) == len(_FIELDS) and all(_field(number, field) for number, field in enumerate(fields))


def _field(number: int, field: str) -> bool:
    return all(_part(number, part) for part in field.split(","))


def _part(number: int, part: str) -> bool:
    matched = _PART.fullmatch(part)
    if not matched or matched[3] == "0":
        return False
    bounds = [_value(number, end) for end in matched.group(1, 2) if end]
    low, high = _FIELDS[number]
    return all(low <= value <= high for value in bounds) and bounds == sorted(bounds)


def _value(number: int, text: str) -> int:
    names = _NAMES.get(number, [])
    if text.lower() in names:
        return names.index(text.lower()) + _FIELDS[number][0]
    return int(text) if text.isdecimal() else -1
