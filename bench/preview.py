"""`python -m bench.preview PROGRAM`: preview another program on the rehearsal of the current directory."""

import gc
import sys
from pathlib import Path

gc.disable()  # as lab does: before what it imports

from rich.console import Console  # noqa: E402

from lab import toolchain  # noqa: E402
from lab.cloudflare import process as cloudflare  # noqa: E402
from lab.engine import Engine  # noqa: E402


def unchanged(program: Path) -> None:
    """Preview it; a change fails: then it is not the same stack."""
    project = Path.cwd()
    home, tools = project / ".lab", toolchain.ensure(Console())
    engine = Engine(project, home, "lab", tools, program, cloudflare_url=cloudflare.start(home))
    run = engine.run("preview")
    changes = [f"{step.operation} {step.title}" for step in run.changed]
    if not run.succeeded or changes:
        sys.exit(f"the program is not the stack: {[*run.errors, *changes]}")


if __name__ == "__main__":
    unchanged(Path(sys.argv[1]))
