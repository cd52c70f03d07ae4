"""What the stack's state knows: an object that can have no owner annotation belongs to the stack by its id there."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime import invoke

from clients.kubernetes import Ref

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
