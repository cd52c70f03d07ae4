"""`python -m ops.deploy up homelab`: the released Pulumi CLI on a real stack, in the environment that it needs."""

import os
import shutil
import sys
from pathlib import Path

import yaml

_PROJECT = Path(__file__).parent.parent
_REHEARSED = "adoption"
_COMMANDS = {"up": ["up"], "preview": ["preview", "--diff"], "down": ["destroy"], "status": ["stack"]}


class DeployError(Exception):
    """Something is missing on this machine. `str()` is one line: what, and how to get it."""


def command(verb: str, stack: str) -> tuple[list[str], dict[str, str]]:
    """Build the command line and what it needs in its environment.

    Raises:
        DeployError: when the CLI, the stack file or the passphrase is missing.

    """
    file = _PROJECT / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.name.split(".")[1] for path in _PROJECT.glob("Pulumi.*.yaml")))
        raise DeployError(f"STACK={stack}: there is no {file.name}. Stacks of this project: {known}")
    if stack == _REHEARSED:
        raise DeployError(f"STACK={stack} belongs to the rehearsal: `make {verb} WORLD=iteration6`")
    if not shutil.which("pulumi") or not shutil.which("pulumi-language-python"):
        raise DeployError(
            f"STACK={stack} needs the released Pulumi CLI (pulumi and pulumi-language-python on PATH). "
            "Get it from pulumi.com/docs/install, or with `brew install pulumi`. The rehearsal, `make up`, needs none"
        )
    try:
        salted = "encryptionsalt" in (yaml.safe_load(file.read_text()) or {})
    except yaml.YAMLError as error:
        raise DeployError(f"STACK={stack}: {file.name} is not YAML: {' '.join(str(error).split())}") from None
    if salted and not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & os.environ.keys():
        raise DeployError(
            f"STACK={stack}: its secrets have a passphrase, and PULUMI_CONFIG_PASSPHRASE is not set. "
            "Set it, or PULUMI_CONFIG_PASSPHRASE_FILE to a file that holds it"
        )
    environment = {
        # Without it a refresh reads with the credentials of the last `up`, which may have expired.
        "PULUMI_RUN_PROGRAM": "true",
        "IMMICH_ICLOUD_REMOVING": stack if verb == "down" else "",
    }
    return ["pulumi", *_COMMANDS[verb], "--stack", stack], environment


def main() -> None:
    """Become the Pulumi CLI."""
    verb, stack = sys.argv[1:]
    try:
        arguments, environment = command(verb, stack)
    except DeployError as error:
        sys.exit(f"error: {error}")
    os.chdir(_PROJECT)
    os.execvpe(  # noqa: S606 (no shell is the point)
        arguments[0], arguments, os.environ | environment
    )


if __name__ == "__main__":
    main()
