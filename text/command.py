"""Commands as a person types them. Each names its stack: without, Pulumi's CLI acts on the one that is selected."""

import re
import shlex
from dataclasses import dataclass
from typing import Final

from text.visible import VisibleError

_KUBECTL: Final = re.compile(r"(^|[`&:.] ?)kubectl [a-z]", re.MULTILINE)
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


@dataclass(frozen=True)
class ConfigSet:
    """`pulumi config set`; `str()` is what is printed.

    Attributes:
        stack: the stack's name; empty where there is none yet.
        key: the key, with the project's name.
        value: the value as typed; empty where Pulumi is to ask for it.
        secret: whether the stack file holds it encrypted.

    """

    stack: str
    key: str
    value: str = ""
    secret: bool = True

    def __str__(self) -> str:
        options = ["--stack", self.stack] * bool(self.stack) + ["--secret"] * self.secret
        options += ["--path"] * any(mark in self.key for mark in ".[")
        return " ".join(filter(None, ["pulumi config set", *options, shlex.quote(self.key), self.value]))


def with_command(error: VisibleError, stack: str) -> str:
    """An error, and the command that stores the secret it is about."""
    return f"{error}. To store it: `{ConfigSet(stack, error.secret)}`" if error.secret else str(error)


def kubectl_of(text: str, kubectl: str) -> list[str]:
    """Say which `kubectl` the commands of a text mean, where it has any: each acts on the context that is selected."""
    return [f"In these commands, kubectl stands for: {kubectl}"] if _KUBECTL.search(text) else []


def nameless(text: str) -> str:
    """Leave the stack's name out of the commands in a text."""
    return _NAME.sub(r"\1", text)
