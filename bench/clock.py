"""What parts of a program take, in processor seconds of its process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

TAKEN: dict[str, float] = {}


@contextmanager
def part(name: str) -> Iterator[None]:
    """Note what is taken meanwhile."""
    begun = time.process_time()
    yield
    TAKEN[name] = time.process_time() - begun
