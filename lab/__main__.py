"""`python -m lab`: the rehearsal's commands, as the Makefile calls them, for the project in the current directory."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from lab import processes, toolchain
from lab.engine import Run
from lab.errors import LabError
from lab.rehearsal import WORLDS, Rehearsal
from lab.world import World

_INTERRUPTED = 130  # the shell's status of a program that Ctrl-C ended

console = Console(highlight=False)
app = typer.Typer(add_completion=False, no_args_is_help=True, help="The rehearsal on an embedded control plane.")


@app.command()
def up(world: Annotated[str, typer.Option(help=f"The cluster as found: {', '.join(WORLDS)}.")] = "") -> None:
    """Deploy the stack to the embedded control plane."""
    run = _rehearsal().up(_world(world))
    if not run.succeeded:
        raise typer.Exit(1)
    console.rule("outputs", align="left")
    _print_outputs(run.outputs)
    console.print("\nLook around: kubectl --kubeconfig .lab/kubeconfig get all -A. Remove it all: make down")


@app.command()
def preview(world: Annotated[str, typer.Option(help="As for up.")] = "") -> None:
    """Say what up would do."""
    _exit_by(_rehearsal().preview(_world(world)))


@app.command()
def down() -> None:
    """Remove the stack, end every process, leave nothing behind."""
    run = _rehearsal().down()
    if run is None:
        console.print("Nothing is left of the rehearsal.")
        return
    _exit_by(run)


@app.command()
def status() -> None:
    """Say what runs."""
    found = _rehearsal().status()
    console.print(f"World: {found.world or 'none yet (make up)'}")
    console.print(f"Control plane: {'running' if found.control_plane else 'not running'}")
    _print_outputs(found.outputs)


@app.command()
def tools() -> None:
    """Have every program of the rehearsal, building what is missing."""
    toolchain.ensure(console)


def _rehearsal() -> Rehearsal:
    return Rehearsal(Path.cwd(), toolchain.ensure(console), console)


def _world(name: str) -> World | None:
    if name and name not in WORLDS:
        raise LabError(f"WORLD={name} is not known. Allowed: {', '.join(WORLDS)}")
    return next((world for world in WORLDS if world == name), None)


def _print_outputs(outputs: dict[str, object]) -> None:
    for key, value in outputs.items():
        console.print(f"  {key:<14} {escape(str(value))}", soft_wrap=True)


def _exit_by(run: Run) -> None:
    if not run.succeeded:
        raise typer.Exit(1)


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Run one command; expected faults are one line."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        app()
    except LabError as error:
        console.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        processes.end(Path.cwd() / ".lab", {"engine"})
        console.print("Interrupted. `make up` goes on from here, `make down` removes everything.")
        # Not sys.exit: a thread of the engine's client may still wait for the engine that was just ended.
        os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
