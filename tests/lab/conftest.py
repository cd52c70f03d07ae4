"""What the tests of the rehearsal's parts share."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import processes


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A rehearsal's folder, beside the one that runs; what was started there ends with the test."""
    yield tmp_path
    processes.end(tmp_path)


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until there is something, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value
