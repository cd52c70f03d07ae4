"""What parts of a program take, in processor seconds of its process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

TAKEN: dict[str, float] = {}


def own() -> float:
    """Return what this process has taken so far, all threads of it."""
    return time.process_time()


@contextmanager
def part(name: str) -> Iterator[None]:
    """Note what is taken meanwhile."""
    begun = own()
    yield
    TAKEN[name] = own() - begun
