"""Single entries of Immich's server-wide configuration: when all libraries are scanned, and whether they are watched.

Immich reads and writes that document as a whole, without a version. It is read as late as possible, only our entries
are changed, and what they were is remembered and restored. A change that a person saves in the moment between our read
and our write is lost; runs against the same cluster take turns, by a Lease, which also notes what the entries were
before they are written. Two stacks that state them for one server undo each other.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pulumi
from pulumi import dynamic

from clients.immich import Document, ImmichError
from clients.immich_lease import note_settings, settings_before
from clients.kubernetes import ClusterError
from clients.lease import Lease
from providers.immich_provider import ImmichProvider
from providers.report import report
from settings.model import Backend

_SECTION = "library"

Entries = dict[str, Document]


@dataclass(frozen=True)
class WantedSettings:
    """What is asked for; what is None is left as it is.

    Attributes:
        server: Immich's Service.
        scan_schedule: cron's five fields: when all libraries are scanned.
        watch: whether all libraries are watched.
        stack: `<project>/<stack>`, whose settings they are.
        former: other names of that stack.

    """

    server: Backend
    scan_schedule: str | None
    watch: bool | None
    stack: str = field(default="", compare=False)
    former: tuple[str, ...] = field(default=(), compare=False)

    @property
    def stated(self) -> dict[str, str | bool]:
        """What is asked for, by the properties' names."""
        named = {"scan_schedule": self.scan_schedule, "watch": self.watch}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def entries(self) -> Entries:
        """The entries of `library` in Immich's configuration, as Immich names them."""
        stated: Entries = {}
        if self.scan_schedule is not None:
            stated["scan"] = {"enabled": True, "cronExpression": self.scan_schedule}
        if self.watch is not None:
            stated["watch"] = {"enabled": self.watch}
        return stated


def found(document: Document, wanted: WantedSettings) -> Entries:
    """Read the entries that are asked for as they are."""
    return {name: document[_SECTION][name] for name in wanted.entries}


def changes(document: Document, wanted: WantedSettings) -> bool:
    """Whether anything would be written."""
    return _merged(document, wanted.entries) != document


def _merged(document: Document, entries: Entries) -> Document:
    section = document[_SECTION]
    return {**document, _SECTION: {**section, **{name: {**section[name], **entry} for name, entry in entries.items()}}}


def _returned(document: Document, stated: Entries, were: Entries) -> Entries:
    """List what is restored: not what others have changed since."""
    live = document[_SECTION]
    return {
        name: were[name] for name, entry in stated.items() if name in were and {**live[name], **entry} == live[name]
    }


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
                return _merged(live, wanted.entries)

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
                return _merged(live, {**_returned(live, dropped, had), **new.entries})

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
                document = immich.change_configuration(
                    lambda live: _merged(live, _returned(live, stated.entries, were))
                )
                returned = _returned(document, stated.entries, were)
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
