"""`python -m tests.soak.apart PROJECT HOME STACK URL OPERATION`: the engine, in a process of its own; prints errors.

The program of an engine that was killed goes on for a while in the process that served it, and disturbs the next one.
"""

import sys
from pathlib import Path
from typing import Final

from rich.console import Console

from lab import toolchain
from lab.engine import Engine

LOCKED: Final = "the stack is currently locked"


def main() -> None:
    """Run it on the state in HOME."""
    project, home, stack, url, operation = sys.argv[1:]
    tools = toolchain.ensure(Console(stderr=True))
    assert operation in {"up", "destroy"}
    run = Engine(Path(project), Path(home), stack, tools, cloudflare_url=url).run(
        "up" if operation == "up" else "destroy"
    )
    for stream in (sys.stdout, sys.stderr):
        stream.write("\n".join(run.errors))
    sys.exit(not run.succeeded)


if __name__ == "__main__":
    main()
