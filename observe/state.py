"""What the stack's state knows: an object that can have no owner annotation belongs to the stack by its id there."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime import invoke

from clients.kubernetes import Manifest, Ref
from components.ownership import Ownership, marked_by
from settings import Settings

_DYNAMIC = "pulumi-python:dynamic/"
_ATTEMPTS = 20
_PAUSE = 0.1  # seconds


@dataclass(frozen=True)
class Known:
    """A resource in the state; `type` is such as `cloudflare:index/dnsRecord:DnsRecord`."""

    type: str
    urn: str
    outputs: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.rpartition("::")[2]

    @property
    def id(self) -> str:
        """Its id at Cloudflare, which Pulumi's bridge to Terraform's providers puts among the outputs; else empty."""
        return str(self.outputs.get("id") or self.outputs.get("record_id") or "")


def known() -> tuple[Known, ...]:
    """List the resources in the state.

    The engine answers by itself (source: pulumi, pkg/resource/deploy/builtins.go); no provider is asked. It may be
    writing the state at that moment: on a disk of one's own the file is then missing or unreadable, never shorter.

    Raises:
        RunError: when the state can't be read.

    """
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            answer = invoke("pulumi:pulumi:readStackResourceOutputs", {"stackName": pulumi.get_stack()}).value
        except Exception as error:  # noqa: BLE001 (the SDK raises nothing narrower)
            if not attempts_left:
                raise pulumi.RunError(f"the state of this stack can't be read: {error}") from None
            time.sleep(_PAUSE)
        else:
            break
    return tuple(Known(one["type"], urn, one["outputs"]) for urn, one in answer["outputs"].items())


def first_mounted(known: Iterable[Known]) -> Ref | None:
    """Find the workload of the first mount: it keeps its place when Immich gets more of them."""
    fragments = (one.outputs.get("fragment") for one in known if one.name == "immich-mount-fragment")
    return next((Ref.of(dict(fragment)) for fragment in fragments if fragment), None)


def ownership(settings: Settings, stack: str, known: Iterable[Known]) -> Ownership:
    """Say what this stack calls its own.

    Args:
        settings: the stack's settings.
        stack: `<project>/<stack>`, as it is called now.
        known: the resources in its state.

    """
    known = tuple(known)
    return Ownership(
        stack,
        adopting=settings.adopt_existing,
        former=frozenset(name for one in known for name in _written_by(one) if name) - {stack},
        held=frozenset(id_ for one in known for id_ in _ids(one)),
        lost=settings.lost_stack,
    )


def _written_by(known: Known) -> Iterator[str | None]:
    """Name the stack that wrote a dynamic resource: the state has it from then, whatever it is called now."""
    if known.type.startswith(_DYNAMIC):
        yield from (known.outputs.get("manager"), known.outputs.get("stack"))
        yield from map(marked_by, _objects(known))


def _ids(known: Known) -> Iterator[str]:
    """List the ids of a resource's Kubernetes objects: a dynamic resource knows them by their paths."""
    if known.type.startswith(_DYNAMIC):
        yield from (Ref.of(one).path for one in _objects(known))
    elif known.type.startswith("kubernetes:"):
        yield from filter(None, [(known.outputs.get("metadata") or {}).get("uid")])


def _objects(known: Known) -> list[Manifest]:
    """List the objects that a dynamic resource manages, fully or in entries."""
    objects: list[Manifest] = json.loads(known.outputs.get("places", "[]"))
    entries = filter(None, [known.outputs.get("fragment")])
    return [*objects, *map(dict, (*known.outputs.get("objects", ()), *entries))]
