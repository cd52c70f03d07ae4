"""`python -m ops.deploy up homelab`: the released Pulumi CLI on a real stack, in the environment that it needs."""

import os
import sys

from ops.stack import StackError, require

_REHEARSED = "adoption"
_COMMANDS = {"up": ["up"], "preview": ["preview", "--diff"], "down": ["destroy"], "status": ["stack"]}


def command(verb: str, stack: str) -> tuple[list[str], dict[str, str]]:
    """Build the command line and what it needs in its environment.

    Raises:
        StackError: when the CLI, the stack file or the passphrase is missing.

    """
    if stack == _REHEARSED:
        raise StackError(f"STACK={stack} belongs to the rehearsal: `make {verb} WORLD=iteration6`")
    require(stack)
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
    except StackError as error:
        sys.exit(f"error: {error}")
    os.execvpe(  # noqa: S606 (no shell is the point)
        arguments[0], arguments, os.environ | environment
    )


if __name__ == "__main__":
    main()
