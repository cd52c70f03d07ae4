"""`python -m tests.soak.second CLONE HOME STACK URL OPERATION`: from another clone; 0 refused by the lock."""

import sys
from pathlib import Path

from rich.console import Console

from lab import toolchain
from lab.engine import Engine

LATER = 3  # the status where it began once the first had ended, and succeeded


def main() -> None:
    """Run it on the first clone's state."""
    clone, home, stack, url, operation = sys.argv[1:]
    tools = toolchain.ensure(Console(stderr=True))
    assert operation in {"up", "destroy"}
    run = Engine(Path(clone), Path(home), stack, tools, cloudflare_url=url).run(
        "up" if operation == "up" else "destroy"
    )
    refused = any("locked" in error for error in run.errors)
    sys.exit(0 if refused else LATER if run.succeeded else 1)


if __name__ == "__main__":
    main()
