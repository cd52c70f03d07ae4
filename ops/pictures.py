"""The pictures of docs/, of the rehearsal that is up: `python -m ops.pictures lab`.

What `make -s verify ARGS=--json` printed there is recorded: docs/verify-passed.json when all was well, docs/verify.json
after the Ingress had been changed by hand.
"""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from ops.diagram.dot import svg
from ops.diagram.flow import flow
from ops.diagram.graph import Graph
from ops.diagram.resources import of_state
from ops.diagram.states import with_states
from ops.recorded import verdict
from ops.stack import state_of
from ops.verify import Verdict, show

_ROOT = Path(__file__).parent.parent
RECORDED = _ROOT / "docs" / "verify.json"
PASSED = _ROOT / "docs" / "verify-passed.json"
DIAGRAM = _ROOT / "docs" / "diagram.svg"

_COLUMNS = 130
# In what rich exports: the font, which a browser would fetch from another server, and where rich is from.
_UNWANTED = re.compile(r"@font-face \{.*?\}|<!--.*?-->", re.DOTALL)


def table(judged: Verdict) -> str:
    """Render what people get to see of a verdict, as SVG."""
    console = Console(record=True, file=io.StringIO(), width=_COLUMNS, highlight=False)
    show(console, judged)
    return _UNWANTED.sub("", console.export_svg(title="make verify", unique_id="verify"))


def diagram(graph: Graph, judged: Verdict) -> str:
    """Render a graph with the states of a verdict, as SVG."""
    return svg(with_states(graph, judged))


def _write(stack: str) -> None:
    graph = flow(tuple(of_state(state_of(stack))))
    for recorded in (RECORDED, PASSED):
        recorded.with_suffix(".svg").write_text(table(verdict(recorded.read_text())[1]))
    DIAGRAM.write_text(diagram(graph, verdict(RECORDED.read_text())[1]))


if __name__ == "__main__":
    _write(*sys.argv[1:])
