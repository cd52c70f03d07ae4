"""Nodes, by the label with which pods and volumes name them."""

from collections.abc import Iterable
from typing import Final

from clients.kubernetes import Manifest

HOST_NAME: Final = "kubernetes.io/hostname"


def host_name(node: Manifest) -> str:
    """Return a node's host name; empty where it has none."""
    return str(node["metadata"].get("labels", {}).get(HOST_NAME, ""))


def of_host_name(nodes: Iterable[Manifest], name: str) -> Manifest | None:
    """Find the node of a host name."""
    return next((node for node in nodes if host_name(node) == name), None)
