"""A graph as Mermaid, for documents."""

import re
from collections.abc import Iterator

from ops.diagram.graph import Edge, Graph, Node, Shape, State, Whose
from text.visible import visible

_SHAPES = {Shape.BOX: '["{}"]', Shape.CLOUD: '(("{}"))', Shape.DISK: '[("{}")]'}
# A colour of the text, too: a dark page would make it white.
_CLASSES = {
    Whose.OURS: "fill:#dbe9f9,stroke:#2f6fb5,color:#000",
    Whose.HELD: "fill:#fff,stroke:#2f6fb5,color:#000,stroke-dasharray:6 3",
    Whose.OTHERS: "fill:#fff,stroke:#888,color:#000,stroke-dasharray:6 3",
    State.PASSED: "fill:#d3edd3",
    State.NOT_CHECKED: "fill:#fdf0c0",
    State.FAILED: "fill:#f8c9c4,stroke:#c62828,stroke-width:3px",
}


def mermaid(graph: Graph) -> str:
    """Render a graph; it ends with a line's end."""
    return "\n".join([*_lines(graph), ""])


def _lines(graph: Graph) -> Iterator[str]:
    yield "flowchart TB"
    for node in graph.inside(""):
        yield f"  {_node(node)}"
    for group in graph.groups:
        yield f'  subgraph {_id(group.id)} ["{_text(group.label)}"]'
        yield from (f"    {_node(node)}" for node in graph.inside(group.id))
        yield "  end"
    yield from (f"  {_edge(edge)}" for edge in graph.edges)
    for kind, style in _CLASSES.items():
        if members := [_id(node.id) for node in graph.nodes if kind in {node.whose, node.state}]:
            name = kind.value.replace(" ", "_")
            yield f"  classDef {name} {style}"
            yield f"  class {','.join(members)} {name}"


def _node(node: Node) -> str:
    return _id(node.id) + _SHAPES[node.shape].format("<br>".join(map(_text, node.lines)))


def _edge(edge: Edge) -> str:
    label = f'-- "{_text(edge.label)}" ' if edge.label else ""
    return f"{_id(edge.start)} {label}--> {_id(edge.end)}"


def _id(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _text(text: str) -> str:
    """Write what would end a label, or begin something in it, as Mermaid's entities."""
    return re.sub(r'[#"&<>]', lambda found: f"#{ord(found[0])};", visible(text))
