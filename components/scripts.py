"""The scripts that run in pods: each with the functions that it calls before it, and how it reports first of all."""

from pathlib import Path

_RESULT = "result.sh"


def script(*names: str) -> str:
    """Read a script, the last one that is named, with those whose functions it calls."""
    return "\n".join(Path(__file__).with_name(name).read_text() for name in (_RESULT, *names))
