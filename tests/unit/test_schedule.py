"""How far two runs of a schedule may be apart."""

from datetime import date

import pytest

from settings.schedule import days_to_next, longest_wait


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        ("0 2 1 * *", 31),
        ("0 2 * * *", 1),
        ("*/5 * * * *", 1),
        ("0 2 */2 * *", 2),
        ("0 2 * * 1", 7),
        ("0 2 * * MON-FRI", 3),
        ("0 2 * * 1/2", 3),
        ("0 2 1,15 * *", 17),
        ("0 2 1 1 *", 366),
        ("0 2 1 1,7 *", 184),
        ("0 2 31 * *", 61),
        ("0 2 1 * 0", 7),
        ("0 2 */40 * 0", 427),
        ("0 2 29 2 *", 1461),
        ("0 2 30 2 *", 366),
    ],
)
def test_the_longest_wait(schedule: str, days: int) -> None:
    assert longest_wait(schedule) == days


@pytest.mark.parametrize(
    ("schedule", "today", "days"),
    [
        ("0 2 1 * *", date(2026, 11, 26), 5),
        ("0 2 1 * *", date(2026, 12, 1), 31),
        ("0 2 * * *", date(2026, 11, 26), 1),
        ("0 2 * * SUN", date(2026, 11, 26), 3),
        ("0 2 30 2 *", date(2026, 11, 26), 366),
    ],
)
def test_the_next_run(schedule: str, today: date, days: int) -> None:
    assert days_to_next(schedule, today) == days
