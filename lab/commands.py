"""The commands of `python -m lab`, as the Makefile calls them, for the project in the current directory."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from engine import change_policy
from lab import toolchain
from lab.display import print_steps
from lab.errors import LabError
from lab.node import icloudpd
from lab.rehearsal import STACKS, WORLDS, Rehearsal
from text.markup import escape
from text.outputs import lines, steps

_INTERRUPTED = 130  # the shell's status of a program that Ctrl-C ended

console = Console(highlight=False)


def _up(rehearsal: Rehearsal, arguments: argparse.Namespace) -> bool:
    """Deploy the stack to the embedded control plane."""
    run = rehearsal.up(arguments.world, allow_data_loss=arguments.allow_data_loss)
    if run.succeeded:
        console.rule("outputs", align="left")
        _print_outputs(run.outputs)
        console.print("\nLook around: kubectl --kubeconfig .lab/kubeconfig get all -A", soft_wrap=True)
        console.print("Remove it all: make down")
        print_steps(console, steps(run.outputs))
    return run.succeeded


def _preview(rehearsal: Rehearsal, arguments: argparse.Namespace) -> bool:
    """Say what up would do."""
    return rehearsal.preview(arguments.world, allow_data_loss=arguments.allow_data_loss).succeeded


def _down(rehearsal: Rehearsal, _: argparse.Namespace) -> bool:
    """Remove the stack, end every process, leave nothing behind."""
    run = rehearsal.down()
    if run is None or run.succeeded:
        console.print("Nothing is left of the rehearsal.")
    return run is None or run.succeeded


def _status(rehearsal: Rehearsal, _: argparse.Namespace) -> bool:
    """Report what runs, and the outputs."""
    found = rehearsal.status()
    console.print(f"World: {found.world or 'none yet (make up)'}")
    console.print(f"Control plane: {'running' if found.control_plane else 'not running'}")
    if found.damaged:
        console.print("State: unreadable after an interrupted run. `make up` repairs it, `make down` removes it.")
    _print_outputs(found.outputs)
    print_steps(console, steps(found.outputs))
    return True


def _tools(_: Rehearsal, __: argparse.Namespace) -> bool:
    """Have every program of the rehearsal, building what is missing."""
    icloudpd.interpreter()
    return True


def _exec(rehearsal: Rehearsal, arguments: argparse.Namespace) -> NoReturn:
    """Run a program in the environment of the stack that is up; a word {stack} is the stack's name."""
    rehearsal.become([word for word in arguments.words if word != "--"])


_COMMANDS = {"up": _up, "preview": _preview, "down": _down, "status": _status, "tools": _tools, "exec": _exec}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description="The rehearsal on an embedded control plane.")
    parser.set_defaults(world=None)
    parser.add_argument("--stack", choices=STACKS, help="The stack that is meant.")
    commands = parser.add_subparsers(required=True, dest="command")
    for name, command in _COMMANDS.items():
        described = commands.add_parser(name, help=command.__doc__)
        if command is _exec:
            described.add_argument("words", nargs=argparse.REMAINDER, help="The program and its arguments.")
        else:
            described.add_argument("--world", help=f"The cluster as found: {', '.join(WORLDS)}.")
        if command in {_up, _preview}:
            described.add_argument(change_policy.ALLOWED, action="store_true", help=change_policy.HELP)
    return parser


def _check_world(name: str | None) -> None:
    if name and name not in WORLDS:
        raise LabError(f"WORLD={name} is not known. Allowed: {', '.join(WORLDS)}")


def _print_outputs(outputs: dict[str, Any]) -> None:
    console.print("\n".join(lines(outputs)), markup=False, soft_wrap=True)


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Run one command; expected faults are one line."""
    # SIGINT, too: a shell starts its background jobs with it ignored.
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    arguments = _parser().parse_args()
    try:
        _check_world(arguments.world)
        rehearsal = Rehearsal(Path.cwd(), toolchain.ensure(console), console, arguments.stack)
        sys.exit(not _COMMANDS[arguments.command](rehearsal, arguments))
    except LabError as error:
        console.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("Interrupted. `make up` continues from here, `make down` removes everything.")
        # Not sys.exit: a thread of the engine's client may still wait for the engine that was just ended.
        sys.stdout.flush()
        os._exit(_INTERRUPTED)
