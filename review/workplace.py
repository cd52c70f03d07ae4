"""A review's directory: held for as long as its process lives, and removed by the next review where that was killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = "immich-icloud-review-"


@contextmanager
def workplace(end: Callable[[Path], None]) -> Iterator[Path]:
    """Make a directory and remove it afterwards. Directories of reviews that were killed are removed first.

    Args:
        end: ends what still runs in such a directory.

    """
    for abandoned in _places():
        with _held(abandoned) as held:
            if held:
                end(abandoned)
                shutil.rmtree(abandoned, ignore_errors=True)
    place = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    with _held(place) as held:
        if not held:
            raise FileNotFoundError(f"{place} was removed by another review that began now. Run the review again")
        try:
            yield place
        finally:
            end(place)
            shutil.rmtree(place)


def _places() -> list[Path]:
    found = Path(tempfile.gettempdir()).resolve().glob(f"{_PREFIX}*")
    return [place for place in found if not place.is_symlink() and place.stat().st_uid == os.getuid()]


@contextmanager
def _held(place: Path) -> Iterator[bool]:
    """Hold a directory, unless another process does, or it is gone. The system lets go of it with this process."""
    try:
        directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        yield _locked(directory) and place.exists()
    finally:
        os.close(directory)


def _locked(directory: int) -> bool:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
