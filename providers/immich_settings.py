"""Single entries of Immich's server-wide configuration: when all libraries are scanned, and whether they are watched.

Immich reads and writes that document as a whole, without a version. It is read as late as possible, only our entries
are changed, and what they were is remembered and restored. A change that a person saves in the moment between our read
and our write is lost; runs against the same cluster take turns, by a Lease, which also notes what the entries were
before they are written. Two stacks that state them for one server undo each other.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
from pulumi import dynamic

from clients.immich import Document, ImmichError
from clients.immich_lease import note_settings, settings_before
from clients.kubernetes import ClusterError
from clients.lease import Lease
from clients.wanted_settings import Entries, WantedSettings, changes, found, merged, restored
from providers.immich_provider import ImmichProvider
from providers.report import report
from settings.model import Backend


class ImmichSettingsProvider(ImmichProvider):
    """Sets, reads and restores the entries."""

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change exactly when something would be written, or Immich is reached another way."""
        old, new = _wanted(_olds), _wanted(_news)
        # Behind another port or Service is the same Immich: made again, our own entries would be what was found there.
        if old.server.namespace != new.server.namespace:
            return dynamic.DiffResult(changes=True, replaces=["server"])
        try:
            with self._immich(new.server) as immich:
                renamed = old.stack in new.former
                return dynamic.DiffResult(changes=old != new or renamed or changes(immich.configuration(), new))
        except (ImmichError, ClusterError):  # at removal: see `read`
            return dynamic.DiffResult(changes=old != new)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Set the entries, and remember what they were."""
        wanted = _wanted(props)
        with self._immich(wanted.server) as immich, self._lease_of(wanted).held() as held:

            def settled(live: Document) -> Document:
                # What an interrupted run, or one of another clone, noted is from before this stack.
                before = {**found(live, wanted), **settings_before(held.notes(), wanted.stack)}
                note_settings(held, wanted.stack, before)
                return merged(live, wanted.entries)

            immich.change_configuration(settled)
            noted = settings_before(held.notes(), wanted.stack)
        return dynamic.CreateResult("library", _outputs(wanted, {name: noted[name] for name in wanted.entries}))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Bring the entries to what is asked for; those that are asked for no longer become what they were."""
        old, new = _wanted(_olds), _wanted(_news)
        had = _were(_olds)
        dropped = {name: entry for name, entry in old.entries.items() if name not in new.entries}
        with self._immich(new.server) as immich, self._lease_of(new).held() as held:

            def settled(live: Document) -> Document:
                before = {**found(live, new), **settings_before(held.notes(), new.stack), **had}
                note_settings(held, new.stack, before)
                return merged(live, {**restored(live, dropped, had), **new.entries})

            immich.change_configuration(settled)
            noted = settings_before(held.notes(), new.stack)
            were = {name: noted[name] for name in new.entries}
            note_settings(held, new.stack, were)
        return dynamic.UpdateResult(_outputs(new, were))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Find the entries as they are, as inputs too, so that drift shows as a difference of properties."""
        stated = _wanted(props)
        try:
            with self._immich(stated.server) as immich:
                live = found(immich.configuration(), stated)
        except (ImmichError, ClusterError) as error:
            # Removing the stack must not hang on Immich. Before anything else, preflight has asked it.
            report(f"Immich can't be asked for its configuration, which is taken to be as it was: {error}")
            return dynamic.ReadResult(id_, dict(props), _inputs(stated))
        scan, watch = live.get("scan"), live.get("watch")
        seen = replace(
            stated,
            scan_schedule=(scan["cronExpression"] if scan["enabled"] else "off") if scan else None,
            watch=bool(watch["enabled"]) if watch else None,
        )
        # What we have written stays in the outputs: what is unlike that by then, others have changed.
        return dynamic.ReadResult(id_, dict(props), _inputs(seen))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Restore the entries. For an Immich that is gone, or that refuses, report what they were."""
        stated, were = _wanted(_props), _were(_props)
        try:
            with self._immich(stated.server) as immich, self._lease_of(stated).held() as held:
                document = immich.change_configuration(lambda live: merged(live, restored(live, stated.entries, were)))
                returned = restored(document, stated.entries, were)
                note_settings(held, stated.stack, {})
        except (ImmichError, ClusterError) as error:
            report(
                "Immich's configuration of libraries stays as it is now; before this stack it was "
                f"{json.dumps(were)}: {error}"
            )
            return
        for name in stated.entries.keys() - returned.keys():
            report(
                f"library.{name} in Immich's configuration was changed by another client since, and is left unchanged"
            )

    def _lease_of(self, wanted: WantedSettings) -> Lease:
        return self._lease(wanted.server, wanted.stack, wanted.former)


class ImmichSettings(dynamic.Resource, module="immich", name="Settings"):
    """Entries of this stack in Immich's server-wide configuration."""

    scan_schedule: pulumi.Output[str | None]
    watch: pulumi.Output[bool | None]
    found: pulumi.Output[str]

    def __init__(self, name: str, wanted: WantedSettings, opts: pulumi.ResourceOptions) -> None:
        super().__init__(ImmichSettingsProvider(), name, {**_inputs(wanted), "found": None}, opts)


def _wanted(props: Mapping[str, Any]) -> WantedSettings:
    server, stack = Backend(**json.loads(props["server"])), props.get("stack") or ""  # states of version 0.2 have none
    return WantedSettings(server, props.get("scan_schedule"), props.get("watch"), stack, tuple(props.get("former", ())))


def _inputs(wanted: WantedSettings) -> dict[str, Any]:
    # As text: the engine would turn whole numbers into floats.
    return {
        "server": json.dumps(vars(wanted.server)),
        "scan_schedule": wanted.scan_schedule,
        "watch": wanted.watch,
        "stack": wanted.stack,
        **({"former": [*wanted.former]} if wanted.former else {}),
    }


def _outputs(wanted: WantedSettings, were: Entries) -> dict[str, Any]:
    return {**_inputs(wanted), "found": json.dumps(were)}


def _were(props: Mapping[str, Any]) -> Entries:
    entries: Entries = json.loads(props["found"])
    return entries
