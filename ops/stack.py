"""A stack of the project in the current directory: its file, its passphrase, its settings, outside a program."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.deployment import Exported
from ops.state_file import repair_of
from settings import Settings, parse, yaml_text
from settings.stack_file import plain_leaves
from settings.yaml_text import YamlError
from text.command import Command
from text.visible import VisibleError

_CLI = ("pulumi", "pulumi-language-python")


class StackError(VisibleError):
    """Something is missing on this machine, or of the stack. `str()` is one line: what, and how to get it."""


def file_of(stack: str, project: Path = Path()) -> Path:
    """Find a stack's file in a project directory.

    Raises:
        StackError: when there is none; it names the stacks that there are.

    """
    file = project / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        names = (path.stem.removeprefix("Pulumi.") for path in project.glob("Pulumi.*.yaml"))
        known = ", ".join(sorted(names))
        new = Command("new", stack)
        raise StackError(f"STACK={stack}: there is no {file.name}. Write it: `{new}`. Stacks of this project: {known}")
    return file


def require(stack: str, programs: tuple[str, ...] = _CLI) -> None:
    """See that the stack's file, its passphrase and the CLI's programs are there, and its state is readable.

    Raises:
        StackError: when one is missing, or unreadable.

    """
    file = file_of(stack)
    if not all(map(shutil.which, programs)):
        raise StackError(
            f"STACK={stack} needs the released Pulumi CLI ({' and '.join(programs)} on PATH). "
            "Get it from pulumi.com/docs/install, or with `brew install pulumi`. The rehearsal, `make up`, needs none"
        )
    if repair := repair_of(stack):
        raise StackError(f"STACK={stack}: {repair}")
    try:
        content = yaml_text.read_yaml(file)
    except YamlError as error:
        raise StackError(f"STACK={stack}: {file.name} {error}") from None
    salted = isinstance(content, dict) and "encryptionsalt" in content
    if salted and not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & os.environ.keys():
        raise StackError(
            f"STACK={stack}: its secrets have a passphrase, and PULUMI_CONFIG_PASSPHRASE is not set. "
            "Set it, or PULUMI_CONFIG_PASSPHRASE_FILE to a file that holds it"
        )


def settings_of(stack: str) -> Settings:
    """Read a stack's settings, secrets included, by the CLI.

    Raises:
        StackError: when the CLI, the stack or its passphrase is missing, or the CLI can't read it.
        SettingsError: with every problem of the stack file.

    """
    return parse(*configuration_of(stack), plain_leaves(file_of(stack)), stack=stack)


def configuration_of(stack: str) -> tuple[dict[str, str], set[str]]:
    """Read a stack's configuration as its program gets it, and which keys of it are secret, by the CLI.

    Raises:
        StackError: when the CLI, the stack or its passphrase is missing, or the CLI can't read it.

    """
    entries = _asked(stack, "config", "--json", "--show-secrets")
    # The CLI's `value` is the text that the engine hands to a program, of mappings and lists their JSON.
    configuration = {key: entry.get("value", "") for key, entry in entries.items()}
    return configuration, {key for key, entry in entries.items() if entry["secret"]}


def state_of(stack: str) -> Sequence[Mapping[str, Any]]:
    """Read the resources of a stack that has been deployed, by the CLI; what is secret in them stays encrypted.

    Raises:
        StackError: when the CLI, the stack or its passphrase is missing, or no `up` of it has come to its end.

    """
    resources: Sequence[Mapping[str, Any]] = deployment_of(stack).get("resources") or []
    if not any(one["type"] == "pulumi:pulumi:Stack" and one.get("outputs") for one in resources):
        raise StackError(f"STACK={stack} is not deployed yet: `{Command('up', stack)}`")
    return resources


def deployment_of(stack: str) -> Mapping[str, Any]:
    """Read a stack's state, deployed or not, by the CLI; what is secret in it stays encrypted.

    Raises:
        StackError: when the CLI, the stack or its passphrase is missing, or the state is damaged.

    """
    exported = _asked(stack, "stack", "export")
    try:
        Exported.model_validate(exported)
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
        raise StackError(
            f"STACK={stack}: the state that Pulumi exports is damaged at {place}. Restore a backup: docs/backup.md"
        ) from None
    deployment: Mapping[str, Any] = exported.get("deployment") or {}
    return deployment


def _asked(stack: str, *words: str) -> Any:
    """What the CLI says of a stack, as JSON."""
    require(stack, _CLI[:1])
    asked = subprocess.run(
        ["pulumi", *words, "--non-interactive", "--stack", stack],
        env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        said = " ".join(asked.stderr.split()).removeprefix("error: ")
        if said.startswith("no stack named"):
            said = (
                "Pulumi's state has no such stack. If it is elsewhere, `pulumi login` to it (docs/state.md). Otherwise "
                f"`pulumi stack init {stack}`, then `{Command('up', stack)}`"
            )
        if said == "incorrect passphrase":
            said += ". If the right one is lost: docs/backup.md#without-the-passphrase"
        raise StackError(f"STACK={stack}: {said}")
    try:
        return json.loads(asked.stdout)
    except ValueError:
        raise StackError(f"STACK={stack}: `pulumi {' '.join(words)}` printed no JSON") from None
