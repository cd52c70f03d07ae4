"""Where reviews work: nothing is left, and what a killed review left goes with the next one."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from review.workplace import workplace


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def ended() -> list[Path]:
    return []


@pytest.fixture
def end(ended: list[Path]) -> Callable[[Path], None]:
    return ended.append


@pytest.mark.parametrize("fails", [False, True])
def test_a_review_leaves_nothing(
    temporary: Path, ended: list[Path], end: Callable[[Path], None], *, fails: bool
) -> None:
    with suppress(RuntimeError), workplace(end) as place:
        (place / "state").mkdir()
        if fails:
            raise RuntimeError
    assert list(temporary.iterdir()) == []
    assert ended == [place]


def test_what_a_killed_review_left_is_ended_and_removed(
    temporary: Path, ended: list[Path], end: Callable[[Path], None]
) -> None:
    abandoned = temporary / "immich-icloud-review-killed"
    (abandoned / "project" / ".lab").mkdir(parents=True)
    foreign = temporary / "somebody-else"
    foreign.mkdir()
    link = temporary / "immich-icloud-review-link"
    link.symlink_to(foreign)
    with workplace(end) as place:
        assert ended == [abandoned]
        assert set(temporary.iterdir()) == {foreign, link, place}


def test_a_review_at_work_is_left_alone(temporary: Path, ended: list[Path], end: Callable[[Path], None]) -> None:
    with workplace(end) as first, workplace(end) as second:
        assert ended == []
        assert set(temporary.iterdir()) == {first, second}
