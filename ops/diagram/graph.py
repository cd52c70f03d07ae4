"""What a picture shows, before it is drawn: nodes, what holds them together, and what flows between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Whose(Enum):
    """Whose a thing is."""

    OURS = "ours"
    HELD = "held"  # patched by this stack
    OTHERS = "others"


class Shape(Enum):
    """What a thing looks like."""

    BOX = "box"
    CLOUD = "cloud"
    DISK = "disk"


class State(Enum):
    """What `make verify` says of a thing; the worst one first."""

    FAILED = "failed"
    NOT_CHECKED = "not checked"
    PASSED = "passed"


@dataclass(frozen=True)
class Node:
    """A thing.

    Attributes:
        id: what it is called in the graph, once.
        lines: its label; the first one says what it is.
        whose: whose it is.
        part: what it is in every stack, whatever it is called in this one.
        group: id of the group that it is in; empty when it is in none.
        shape: what it looks like.
        state: what `make verify` says of it; None when nothing.

    """

    id: str
    lines: tuple[str, ...]
    whose: Whose
    part: str
    group: str = ""
    shape: Shape = Shape.BOX
    state: State | None = None


@dataclass(frozen=True)
class Edge:
    """What flows from one node to another, by their ids."""

    start: str
    end: str
    label: str = ""


@dataclass(frozen=True)
class Group:
    """A frame around nodes, such as a namespace."""

    id: str
    label: str
    whose: Whose


@dataclass(frozen=True)
class Graph:
    """All that is drawn, in the order in which it flows."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...]

    def inside(self, group: str) -> Iterator[Node]:
        """List the nodes that are in a group, by its id, or in none."""
        return (node for node in self.nodes if node.group == group)
