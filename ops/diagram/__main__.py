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
from ops.verify import Verdict
from text.visible import visible_lines


def main() -> None:
    """Print the picture of the stack of the command line; expected faults are one line."""
    parser = argparse.ArgumentParser(prog="make diagram", description=__doc__)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("--svg", action="store_true", help="SVG; without it Mermaid")
    parser.add_argument("--verify", metavar="FILE", type=Path, help="colour it by what `make verify ARGS=--json` said")
    options = parser.parse_args()
    try:
        judged = _judged(options.stack, options.verify) if options.verify else {}
        graph = with_states(flow(tuple(of_state(state_of(options.stack)))), judged)
    except (StackError, RecordError, OSError) as error:
        sys.exit(f"error: {visible_lines(str(error))}")
    sys.stdout.write(svg(graph) if options.svg else mermaid(graph))


def _judged(stack: str, file: Path) -> Verdict:
    of, judged = verdict(file.read_bytes())
    if of != stack:
        raise RecordError(f"{file} is a result of STACK={of}, not of STACK={stack}")
    return judged


if __name__ == "__main__":
    main()
