"""The files beside this one: `make messages` writes them, a test compares them."""

from collections.abc import Callable, Iterator
from pathlib import Path

from settings import SettingsError, parse
from tests.stack_files import INVALID, configuration, secrets
from tests.unit.test_checks import CASES, fault

FOLDER = Path(__file__).parent


def refused_settings() -> Iterator[str]:
    """The problems of each wrong stack file."""
    for wrong in INVALID:
        try:
            parse(configuration(wrong), secrets(wrong), stack="test")
        except SettingsError as error:
            yield from (f"{wrong.name}: {problem}" for problem in error.problems)


def faults() -> Iterator[str]:
    """What `make verify` prints of each fault."""
    for name, more, breaks, code in CASES:
        found = fault(name, more, breaks)
        yield f"{name}, {code}: {found.text} -> {found.remedy}"


FILES: dict[str, Callable[[], Iterator[str]]] = {"settings.txt": refused_settings, "verify.txt": faults}


def text(name: str) -> str:
    """Render a file."""
    return "".join(f"{line}\n" for line in FILES[name]())


if __name__ == "__main__":
    for name in FILES:
        (FOLDER / name).write_text(text(name))
