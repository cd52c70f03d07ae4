"""`python -m ops.deploy up homelab`: the released Pulumi CLI on a real stack, in the environment that it needs."""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version

from engine import change_policy
from engine.run import Operation, Run
from ops.stack import StackError, require
from text.command import Command

_UNPROTECTED = "--ignore-protect"
# A preview shows what would happen to protected resources, and removal is meant.
_COMMANDS = {
    "up": ["up"],
    "preview": ["preview", "--diff", _UNPROTECTED],
    "down": ["destroy", _UNPROTECTED],
}
# Removal is meant.
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
    try:
        run = logged("preview", arguments, environment)
    except ValueError as error:
        raise StackError(f"{_UNREADABLE}: {error}") from None
    if run.succeeded and not run.complete:
        raise StackError(f"{_UNREADABLE}: it does not end")
    return run


def logged(operation: Operation, arguments: list[str], environment: Mapping[str, str]) -> Run:
    """Run the CLI, and read what it did from its event log.

    The log is a file without a name, which goes with its processes, however they end. The CLI opens it by the path of
    the descriptor that it inherits: on Linux that opens the file once more; macOS duplicates the descriptor, whose
    offset is then shared (fd(4)).

    Raises:
        ValueError: when the log has what is no event.

    """
    # The flag is the Automation API's, and hidden without the variable (source: pulumi's pkg/cmd/pulumi/up.go).
    environment = {**os.environ, **environment, "PULUMI_DEBUG_COMMANDS": "true"}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        words = [*arguments, "--event-log", f"/dev/fd/{log.fileno()}"]
        with subprocess.Popen(words, env=environment, pass_fds=[log.fileno()]) as cli:
            while cli.poll() is None:
                with contextlib.suppress(KeyboardInterrupt):  # which the CLI has got, too
                    cli.wait()
        log.seek(0)
        return Run.of_log(operation, log, succeeded=cli.returncode == 0)


def main() -> None:
    """Guard the preview, then become the Pulumi CLI."""
    parser = argparse.ArgumentParser(prog="deploy", description="The released Pulumi CLI on a real stack.")
    parser.add_argument("verb", choices=_COMMANDS)
    parser.add_argument("stack")
    parser.add_argument(change_policy.ALLOWED, action="store_true", help=change_policy.HELP)
    parser.add_argument("--yes", action="store_true", help="Deploy what was previewed without asking.")
    asked = parser.parse_args()
    try:
        arguments, environment = command(asked.verb, asked.stack)
        if asked.verb in _GUARDED:
            run = preview(asked.stack)
            found = [] if asked.allow_data_loss else change_policy.tripped(run.steps)
            if run.succeeded and found:
                sys.exit(change_policy.refusal(found, str(Command(asked.verb, asked.stack))))
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
