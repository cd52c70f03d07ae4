"""`python -m lab.tool PROGRAM [ARGUMENT...]`: become one tool's program; where it is missing, that tool is built."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from lab import toolchain
from lab.errors import LabError
from lab.recipes import ON_DEMAND, RECIPES
from text.markup import escape

_BY_PROGRAM = {program: recipe for recipe in (*RECIPES, *ON_DEMAND) for program in recipe.packages}


def find(program: str, console: Console) -> Path:
    """Find one program, building its tool, and no other, where it is missing.

    Raises LabError when no tool is called that, or it has to be built and cannot be.
    """
    if program not in _BY_PROGRAM:
        raise LabError(f"{program} is no tool of this project. Allowed: {', '.join(_BY_PROGRAM)}")
    return toolchain.find([_BY_PROGRAM[program]], console)[program]


def main() -> NoReturn:
    """Become the program; expected faults are one line. What a build says goes to standard error."""
    console = Console(highlight=False, stderr=True)
    program, *arguments = sys.argv[1:]
    try:
        path = find(program, console)
    except LabError as error:
        console.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    os.execv(path, [program, *arguments])  # noqa: S606 (no shell is the point)


if __name__ == "__main__":
    main()
