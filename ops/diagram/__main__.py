"""`make diagram`: how the internet gets to a stack's Immich, and photos from iCloud into it, as Mermaid or SVG."""

import argparse
import sys
from pathlib import Path

from ops.diagram.dot import svg
from ops.diagram.flow import flow
from ops.diagram.mermaid import mermaid
from ops.diagram.resources import of_state
from ops.diagram.states import with_states
from ops.recorded import RecordError, verdict
from ops.stack import StackError, state_of


def main() -> None:
    """Print the picture of the stack of the command line; expected faults are one line."""
    parser = argparse.ArgumentParser(prog="make diagram", description=__doc__)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("--svg", action="store_true", help="SVG; without it Mermaid")
    parser.add_argument("--verify", metavar="FILE", type=Path, help="colour it by what `make verify ARGS=--json` said")
    options = parser.parse_args()
    try:
        graph = flow(tuple(of_state(state_of(options.stack))))
        if options.verify:
            _, judged = verdict(options.verify.read_text())
            graph = with_states(graph, judged)
    except (StackError, RecordError, OSError) as error:
        sys.exit(f"error: {error}")
    sys.stdout.write(svg(graph) if options.svg else mermaid(graph))


if __name__ == "__main__":
    main()
