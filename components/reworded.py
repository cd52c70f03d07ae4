"""Pods that differ only in a stack's name stay as they run: renaming a stack restarts nothing."""

import json

from clients.kubernetes import Manifest
from clients.managed_fields import as_found
from text.command import nameless


def reworded(wanted: Manifest, live: Manifest | None) -> Manifest:
    """Return pods as they are, where they differ only in the name of a stack in a command that they print.

    Args:
        wanted: an object with pods, or the entries of this stack in one.
        live: the same as it is; None where there is none.

    """
    if live is None:
        return wanted
    found = as_found(live, wanted)
    if found["spec"] == wanted["spec"] or _nameless(found["spec"]) != _nameless(wanted["spec"]):
        return wanted
    return wanted | {"metadata": wanted["metadata"] | {"name": live["metadata"]["name"]}, "spec": found["spec"]}


def _nameless(spec: Manifest) -> str:
    return nameless(json.dumps(spec, sort_keys=True))
