"""The scripts that run in pods: each preceded by how it reports, and by the functions that it calls."""

import shlex
from functools import cache
from pathlib import Path

_RESULT = "result.sh"


@cache
def script(*names: str) -> str:
    """Read a script, the last one that is named, with those whose functions it calls.

    One of awk becomes a function of its name, whose arguments are awk's options.
    """
    return "\n".join(_functions(Path(__file__).parent / name) for name in (_RESULT, *names))


def _functions(file: Path) -> str:
    text = file.read_text()
    return text if file.suffix == ".sh" else f'{file.stem}() {{\n    LC_ALL=C awk "$@" {shlex.quote(text)}\n}}\n'
