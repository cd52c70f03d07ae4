"""A command of the Makefile, as a person types it."""

from dataclasses import dataclass


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
