"""A command of the Makefile, as a person types it."""

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(r"(make [a-z-]+ STACK=)[\w.-]+")


@dataclass(frozen=True)
class Command:
    """`make TARGET STACK=...`; `str()` is what is printed.

    Attributes:
        target: the Makefile's target.
        stack: the stack's name.
        account: the name of an iCloud account of it; empty for a target that takes none.
        arguments: the target's own arguments, such as `--allow-data-loss`.

    """

    target: str
    stack: str
    account: str = ""
    arguments: str = ""

    def __str__(self) -> str:
        variables = {"STACK": self.stack, "ACCOUNT": self.account, "ARGS": self.arguments}
        return " ".join(["make", self.target, *(f"{name}={value}" for name, value in variables.items() if value)])


def nameless(text: str) -> str:
    """Leave the stack's name out of the commands in a text."""
    return _NAME.sub(r"\1", text)
