"""`python -m ops.deploy up homelab`: the released Pulumi CLI on a real stack, in the environment that it needs."""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from changes import guards
from changes.run import Run
from ops.stack import StackError, require
from text.command import Command

_UNPROTECTED = "--ignore-protect"
# A preview shows what would happen to protected resources, and removal is meant.
_COMMANDS = {
    "up": ["up"],
    "preview": ["preview", "--diff", _UNPROTECTED],
    "down": ["destroy", _UNPROTECTED],
    "status": ["stack"],
}
# Removal is meant, and looking changes nothing.
_GUARDED = {"up", "preview"}

_UNREADABLE = (
    f"the Pulumi CLI's event log, by which a preview is guarded, can't be read. Take CLI {version('pulumi')}, as in "
    "pyproject.toml"
)


def command(verb: str, stack: str) -> tuple[list[str], dict[str, str]]:
    """Build the command line and what it needs in its environment.

    Raises:
        StackError: when the CLI, the stack file or the passphrase is missing.

    """
    require(stack)
    environment = {
        # Without it a refresh reads with the credentials of the last `up`, which may have expired.
        "PULUMI_RUN_PROGRAM": "true",
        "IMMICH_ICLOUD_REMOVING": stack if verb == "down" else "",
    }
    return ["pulumi", *_COMMANDS[verb], "--stack", stack], environment


def preview(stack: str) -> Run:
    """Let the CLI show what `up` would do; returns it as data, too.

    Raises:
        StackError: when the CLI, the stack file or the passphrase is missing, or the CLI does not say what it did.

    """
    arguments, environment = command("preview", stack)
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "events"
        # The flag is the Automation API's, and hidden without the variable (source: pulumi's pkg/cmd/pulumi/up.go).
        environment["PULUMI_DEBUG_COMMANDS"] = "true"
        with subprocess.Popen([*arguments, "--event-log", log], env=os.environ | environment) as cli:
            while cli.poll() is None:
                with contextlib.suppress(KeyboardInterrupt):  # which the CLI has got, too
                    cli.wait()
        try:
            run = Run.of_log("preview", log, succeeded=cli.returncode == 0)
        except ValueError as error:
            raise StackError(f"{_UNREADABLE}: {error}") from None
    if run.succeeded and not run.complete:
        raise StackError(f"{_UNREADABLE}: it does not end")
    return run


def main() -> None:
    """Guard the preview, then become the Pulumi CLI."""
    parser = argparse.ArgumentParser(prog="deploy", description="The released Pulumi CLI on a real stack.")
    parser.add_argument("verb", choices=_COMMANDS)
    parser.add_argument("stack")
    parser.add_argument(guards.ALLOWED, action="store_true", help="Let pass what the guards refuse.")
    parser.add_argument("--yes", action="store_true", help="Deploy what was previewed without asking.")
    asked = parser.parse_args()
    try:
        arguments, environment = command(asked.verb, asked.stack)
        if asked.verb in _GUARDED:
            run = preview(asked.stack)
            found = [] if asked.allow_data_loss else guards.tripped(run.steps)
            if run.succeeded and found:
                sys.exit(guards.refusal(found, str(Command(asked.verb, asked.stack))))
            if asked.verb == "preview" or not run.succeeded:
                sys.exit(not run.succeeded)
            if run.protected_removals:  # each of them has been judged
                arguments.append(_UNPROTECTED)
    except StackError as error:
        sys.exit(f"error: {error}")
    if asked.yes:
        arguments += ["--yes", "--skip-preview"]
    os.execvpe(  # noqa: S606 (no shell is the point)
        arguments[0], arguments, os.environ | environment
    )


if __name__ == "__main__":
    main()
