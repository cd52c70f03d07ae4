"""`python -m bench.preview PROGRAM`: preview another program on the rehearsal of the current directory."""

import sys
from pathlib import Path

from rich.console import Console

from lab import toolchain
from lab.cloudflare import process as cloudflare
from lab.engine import Engine


def main() -> None:
    """Preview it; a change fails: then it is not the same stack."""
    project = Path.cwd()
    home, tools = project / ".lab", toolchain.ensure(Console())
    engine = Engine(project, home, "lab", tools, Path(sys.argv[1]), cloudflare_url=cloudflare.start(home))
    run = engine.run("preview")
    changes = [f"{step.operation} {step.title}" for step in run.changed]
    if not run.succeeded or changes:
        sys.exit(f"the program is not the stack: {[*run.errors, *changes]}")


if __name__ == "__main__":
    main()
