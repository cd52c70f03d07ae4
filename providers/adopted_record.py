"""A DNS record that was made by hand: this stack states where it leads, and restores that when it is removed.

Pulumi's own resource overwrites what it is not told (comment and tags), and forgets what was there. The state knows it
only once the record is written; a Lease knows it before, so that a run that is killed in between forgets nothing.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import dynamic

from clients.cloudflare import Document, MissingError
from clients.kubernetes import ClusterError
from clients.lease import Lease, LeaseOf, Notes
from providers.cloudflare_provider import CloudflareProvider
from providers.cluster_provider import ClusterProvider
from providers.report import report

# Read from the record, restored to it, and otherwise left alone: comment, tags and settings.
_STATED = ("type", "content", "proxied", "ttl")
_DURATION = 45  # seconds; longer than it may take to connect to Cloudflare, write, and get the answer


@dataclass(frozen=True)
class RecordTarget:
    """Where an adopted record leads.

    Attributes:
        zone_id: its zone.
        record_id: the record.
        name: its host.
        type: A, AAAA or CNAME.
        content: what it points at.
        proxied: whether requests go through Cloudflare.

    """

    zone_id: str
    record_id: str
    name: str
    type: str
    content: pulumi.Input[str]
    proxied: bool


class AdoptedRecordProvider(ClusterProvider, CloudflareProvider):
    """Adopts, reads, updates and restores one record."""

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Compare what was stated or read with what is stated now."""
        if any(_olds.get(key) != _news.get(key) for key in ("zone_id", "record_id")):
            return dynamic.DiffResult(changes=True, replaces=["record_id"], delete_before_replace=True)
        return dynamic.DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in _target({})))

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Keep the record as it is, and lead it where it is stated."""
        with self._lease(props).held() as lease:
            live = self._cloudflare().record(props["zone_id"], props["record_id"])
            if live is None:
                raise MissingError(f"there is no DNS record {props['name']} any more. Run `up` again")
            found = _before(live, lease.notes().get(lease.stack))
            lease.note({"found": found, "led": _led(props, found)})
            ttl = self._lead(props, found)
        return dynamic.CreateResult(f"{props['zone_id']}/{props['record_id']}", _outputs(props, ttl, json.dumps(found)))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Lead it elsewhere; what it was before this stack stays known."""
        ttl = self._lead(_news, json.loads(_olds["found"]))
        return dynamic.UpdateResult(_outputs(_news, ttl, _olds["found"]))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Find where it leads, as inputs too, so that drift shows as a difference of properties."""
        live = self._cloudflare().record(props["zone_id"], props["record_id"])
        if live is None:
            return dynamic.ReadResult("", {})
        as_is = {**props, **{key: live.get(key) for key in ("type", "content", "proxied")}}
        return dynamic.ReadResult(id_, _outputs(as_is, props["ttl"], props["found"]), _target(as_is))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Restore it, unless it was changed since; one that is gone stays gone."""
        self._restore(_props)
        # What was noted is of no use any longer, and the cluster may be gone.
        with suppress(ClusterError), self._lease(_props).held() as lease:
            lease.note(None)

    def _restore(self, _props: Mapping[str, Any]) -> None:
        cloudflare, place = self._cloudflare(), (_props["zone_id"], _props["record_id"])
        live = cloudflare.record(*place)
        if live is None:
            return
        changed = [key for key in _STATED if live.get(key) != _props[key]]
        if changed:
            report(f"the DNS record {_props['name']} was changed since ({', '.join(changed)}), and is kept as it is")
            return
        found = json.loads(_props["found"])
        cloudflare.change_record(*place, {key: found.get(key) for key in _STATED})

    def _lead(self, props: Mapping[str, Any], found: Document) -> int:
        """Write where the record leads; returns the TTL that it has then."""
        wanted = _led(props, found)
        place = (props["zone_id"], props["record_id"])
        live = self._cloudflare().record(*place) or {}
        if any(live.get(key) != value for key, value in wanted.items()):
            self._cloudflare().change_record(*place, wanted)
        return int(wanted["ttl"])

    def _lease(self, props: Mapping[str, Any]) -> Lease:
        return Lease(self._api(), lease_of(props["record_id"]), props["record_id"])


class AdoptedRecord(dynamic.Resource, module="cloudflare", name="AdoptedRecord"):
    """A record of the host that was made by hand."""

    content: pulumi.Output[str]
    found: pulumi.Output[str]
    ttl: pulumi.Output[int]

    def __init__(self, name: str, target: RecordTarget, opts: pulumi.ResourceOptions) -> None:
        props = {**vars(target), "found": None, "ttl": None}
        super().__init__(AdoptedRecordProvider(), name, props, opts)


def lease_of(record_id: str) -> LeaseOf:
    """Name the Lease of a record; its notes are by the record's id."""
    return LeaseOf(
        name=f"immich-icloud-record-{record_id}",
        namespace="default",  # as that of a tunnel
        annotation="immich-icloud/dns-record",
        duration=_DURATION,
        doing="changing the same DNS record",
    )


def _led(props: Mapping[str, Any], found: Document) -> Document:
    ttl = 1 if props["proxied"] else int(found.get("ttl") or 1)  # 1: automatic, all that a proxied one may have
    return {"type": props["type"], "content": props["content"], "proxied": props["proxied"], "ttl": ttl}


def _before(live: Document, noted: Notes | None) -> Document:
    """What was there before this stack: as noted, where the record leads where an earlier run led it."""
    if noted and all(live.get(key) == value for key, value in noted["led"].items()):
        return dict(noted["found"])
    return live


def _target(props: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("zone_id", "record_id", "name", "type", "content", "proxied")
    return {key: props.get(key) for key in keys}


def _outputs(props: Mapping[str, Any], ttl: int, found: str) -> dict[str, Any]:
    # The found one as text: the engine would turn whole numbers into floats, and drop what is null.
    return {**_target(props), "ttl": ttl, "found": found}
