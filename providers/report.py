"""What a dynamic resource says while it works: the engine shows what a provider writes there, as it comes."""

import sys


def report(text: str) -> None:
    """Say something."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
