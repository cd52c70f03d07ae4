"""An external library of Immich's that imports our folders; its other import paths and patterns are never touched.

Nothing is ever removed from a library, nor the library itself: Immich would drop the photos' albums and metadata.
And none is scanned before the disk with the photos has been found: Immich trashes every photo whose file it can't see.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pulumi
from pulumi import dynamic

from clients import immich_lease, jobs
from clients.immich import ImmichError, ImmichRefusedError, Library, User
from clients.jobs import JobError
from clients.kubernetes import ClusterError
from clients.service_connection import NotRunningError
from clients.wanted_library import LibraryDiff, WantedLibrary, compare, explained
from providers.immich_provider import ImmichProvider
from providers.report import checked, report
from settings.model import Backend
from text.finding import Finding
from text.mailbox import mailbox
from text.visible import visible


class ImmichLibraryProvider(ImmichProvider):
    """Creates, reads and updates a library. There is no delete: the library stays when its stack goes."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Refuse, at preview, what cannot be applied. Of a library that the state knows, preflight has."""
        if _olds:  # which have no id: it could not be told from an unmanaged one
            return dynamic.CheckResult(news, [])
        return checked(news, lambda: self._problems(_wanted(news)))

    def _problems(self, wanted: WantedLibrary) -> Sequence[Finding]:
        try:
            with self._immich(wanted.server) as immich:
                return compare(immich, wanted, self._lease(wanted.server, wanted.stack, wanted.former).notes()).problems
        except NotRunningError:  # what comes before the library may be what lets it run again
            return ()

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change exactly when something would be written, or Immich is reached another way."""
        old, new = _wanted(_olds), _wanted(_news)
        if mailbox(old.owner) != mailbox(new.owner):
            return dynamic.DiffResult(changes=True, replaces=["owner"])
        try:
            with self._immich(new.server) as immich:
                notes = self._lease(new.server, new.stack, new.former).notes()
                trial = compare(immich, new, notes, _id, old.exclusion_patterns)
        except (ImmichError, ClusterError):  # at removal: see `read`
            return dynamic.DiffResult(changes=old != new)
        if trial.settled and trial.settled.id != _id:  # that Service leads to another Immich
            return dynamic.DiffResult(changes=True, replaces=["server"])
        renamed = old.stack in new.former
        return dynamic.DiffResult(changes=trial.changes or old.server != new.server or renamed)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Make the library, or find it, have it import our folders, and scan it."""
        wanted = _wanted(props)
        library = self._settle(wanted, "", (), always_scan=True)
        return dynamic.CreateResult(library.id, {**_properties(wanted), "library_id": library.id})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Bring the library to what is asked for; scan it when there are new folders."""
        wanted = _wanted(_news)
        self._settle(wanted, _id, _wanted(_olds).exclusion_patterns, always_scan=False)
        return dynamic.UpdateResult({**_properties(wanted), "library_id": _id})

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Find the library as it is, as inputs too, so that drift shows as a difference of properties."""
        stated = _wanted(props)
        try:
            with self._immich(stated.server) as immich:
                live = next((one for one in immich.libraries() if one.id == id_), None)
        except (ImmichError, ClusterError) as error:
            # Removing the stack must not hang on Immich. Before anything else, preflight has asked it.
            report(f"Immich can't be asked for the library {stated.name}, which is taken to be as it was: {error}")
            return dynamic.ReadResult(id_, dict(props), _properties(stated))
        if live is None:
            return dynamic.ReadResult("", {})
        found = replace(
            stated,
            name=live.name,
            import_paths=tuple(path for path in stated.import_paths if path in live.import_paths),
            exclusion_patterns=tuple(one for one in stated.exclusion_patterns if one in live.exclusion_patterns),
        )
        # What we have written stays in the outputs: of those patterns alone may we take one away.
        return dynamic.ReadResult(id_, dict(props), _properties(found))

    def _settle(self, wanted: WantedLibrary, known: str, stated: Sequence[str], *, always_scan: bool) -> Library:
        lease = self._lease(wanted.server, wanted.stack, wanted.former)
        with self._immich(wanted.server) as immich:
            trial, _ = _possible(compare(immich, wanted, lease.notes(), known, stated))
            scanned = always_scan or trial.imports_more
            try:
                if scanned:  # before anything is written: Immich scans by itself, too
                    jobs.run(self._api(), wanted.disk_check, report)
                with lease.held() as held:
                    # Looked at again: another run may have written while this one waited.
                    trial, owner = _possible(compare(immich, wanted, held.notes(), known, stated))
                    if trial.imports_more and not scanned:
                        raise RuntimeError(f"the library {wanted.name} was changed meanwhile. Run `up` again")
                    made = trial.live or immich.create_library(owner, wanted.name_at_first)

                    def settled(live: Library) -> Library:
                        # First, so that a kill leaves no library whose owner is unknown; and the Lease is
                        # this run's for as long as the write may take.
                        immich_lease.note_library(held, wanted.stack, live.id)
                        return wanted.merged_into(live, stated)

                    library = immich.change_library(made.id, settled)
                if scanned:
                    immich.scan(library.id)
            except JobError as error:
                raise RuntimeError(f"the library {wanted.name} is not touched: {error}") from None
            except ImmichRefusedError as refused:
                raise RuntimeError(explained(refused, wanted)) from None
        return library


def _possible(trial: LibraryDiff) -> tuple[LibraryDiff, User]:
    if trial.problems or not trial.owner:
        raise RuntimeError(visible("; ".join(map(str, trial.problems))))
    return trial, trial.owner


class ImmichLibrary(dynamic.Resource, module="immich", name="Library"):
    """A library of Immich's that imports our folders."""

    owner: pulumi.Output[str]
    name: pulumi.Output[str]
    import_paths: pulumi.Output[Sequence[str]]
    exclusion_patterns: pulumi.Output[Sequence[str]]
    library_id: pulumi.Output[str]

    def __init__(self, name: str, wanted: WantedLibrary, opts: pulumi.ResourceOptions) -> None:
        super().__init__(ImmichLibraryProvider(), name, {**_properties(wanted), "library_id": None}, opts)


def _wanted(props: Mapping[str, Any]) -> WantedLibrary:
    return WantedLibrary(
        server=Backend(**json.loads(props["server"])),
        owner=props["owner"],
        name=props["name"],
        import_paths=tuple(props["import_paths"]),
        exclusion_patterns=tuple(props["exclusion_patterns"]),
        disk_check=json.loads(props["disk_check"]),
        adopt=bool(props["adopt"]),
        stack=props.get("stack") or "",  # states of version 0.2 have none
        former=tuple(props.get("former", ())),
    )


def _properties(wanted: WantedLibrary) -> dict[str, Any]:
    return {
        # As text: the engine would turn whole numbers into floats.
        "server": json.dumps(vars(wanted.server)),
        "owner": wanted.owner,
        "name": wanted.name,
        "import_paths": [*wanted.import_paths],
        "exclusion_patterns": [*wanted.exclusion_patterns],
        "disk_check": json.dumps(wanted.disk_check),
        "adopt": wanted.adopt,
        "stack": wanted.stack,
        **({"former": [*wanted.former]} if wanted.former else {}),
    }
