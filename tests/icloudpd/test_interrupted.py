"""Three hundred photos, and twenty runs that are interrupted, each in another way."""

from pathlib import Path

from tests.icloudpd.house import House
from tests.icloudpd.interrupted import interrupt, photos, problems


def test_what_is_interrupted_at_random_is_whole_in_the_end(house: House, tmp_path: Path) -> None:
    wanted = photos(300)
    said = list(interrupt(house, tmp_path, wanted, seeds=20))
    assert problems(house, wanted) == [], said
