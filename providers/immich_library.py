"""An external library of Immich's that imports our folders; its other import paths and patterns are never touched.

Nothing is ever removed from a library, nor the library itself: Immich would drop the photos' albums and metadata.
And none is scanned before the disk with the photos has been found: Immich trashes every photo whose file it can't see.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pulumi
from pulumi import dynamic

from clients import immich_lease, jobs
from clients.immich import ImmichApi, ImmichError, ImmichRefusedError, Library, User
from clients.jobs import JobError, Report
from clients.kubernetes import ClusterApi, ClusterError, Manifest
from clients.lease import Notes
from clients.retry import again
from clients.service_connection import NotRunningError
from providers import wording
from providers.immich_provider import ImmichProvider
from providers.report import checked, report
from settings.model import Backend
from text.finding import Finding
from text.visible import visible


@dataclass(frozen=True)
class WantedLibrary:
    """What is asked for.

    Attributes:
        server: Immich's Service.
        owner: e-mail of the user whose photos these are; empty for the one whose API key it is.
        name: the library's name.
        import_paths: folders that it has to import, as Immich sees them.
        exclusion_patterns: globs of files that it has to skip.
        disk_check: a Job that succeeds only where the disk with the photos is mounted.
        adopt: whether a library that this stack did not create may be adopted.
        stack: `<project>/<stack>`, whose library it is.
        former: other names of that stack.

    """

    server: Backend
    owner: str
    name: str
    import_paths: tuple[str, ...]
    exclusion_patterns: tuple[str, ...]
    disk_check: Manifest
    adopt: bool
    stack: str = field(default="", compare=False)
    former: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name_at_first(self) -> str:
        """Its name until its id is noted: what is left of an interrupted run is known by it."""
        return f"{self.name} ({self.stack})"


@dataclass(frozen=True)
class LibraryDiff:
    """What a wanted library would come to.

    Attributes:
        problems: why it cannot be applied.
        owner: the user whose photos these are; None when it does not exist.
        live: the library as it is; None when it has to be made.
        settled: as it would be; None when there is a problem.
        adopted: whether it was made by hand and would be adopted.

    """

    problems: tuple[Finding, ...] = ()
    owner: User | None = None
    live: Library | None = None
    settled: Library | None = None
    adopted: bool = False

    @property
    def changes(self) -> bool:
        """Whether anything would be written."""
        return self.live is None or self.live != self.settled

    @property
    def imports_more(self) -> bool:
        """Whether folders are added, so that a scan has something to find."""
        return self.settled is not None and (self.live is None or self.live.import_paths != self.settled.import_paths)


def compare(
    immich: ImmichApi, wanted: WantedLibrary, notes: Notes, known: str = "", stated: Sequence[str] = ()
) -> LibraryDiff:
    """Find what a wanted library would come to; nothing is changed.

    Args:
        immich: the server.
        wanted: the library.
        notes: which stack has which libraries.
        known: id of this stack's library; empty when the state knows none.
        stated: exclusion patterns that were ours: those no longer wanted go.

    Raises:
        ImmichError: when Immich can't be asked, or refuses.
        ClusterError: when there is no way to it.

    """
    users = immich.users()
    wanted_email = wanted.owner.casefold()
    owner = (
        next((user for user in users if user.email.casefold() == wanted_email), None) if wanted_email else immich.me()
    )
    if owner is None:
        known_users = ", ".join(user.email for user in users)
        return LibraryDiff((wording.USER_MISSING.found(user=wanted.owner, has=known_users),))
    libraries = immich.libraries()
    emails = {user.id: user.email for user in users}
    noted = immich_lease.libraries(notes, wanted.stack)
    ours = _ours([one for one in libraries if one.owner_id == owner.id], wanted, known, noted)
    named = [one for one in libraries if (one.owner_id, one.name) == (owner.id, wanted.name)]
    if twice := [*_on_one_folder(wanted, libraries, emails, notes)]:
        return LibraryDiff(tuple(twice), owner, ours)
    if ours is None and len(named) > 1:
        ids = ", ".join(one.id for one in named)
        alike = wording.LIBRARIES_ALIKE.found(user=owner.email, count=len(named), name=wanted.name, ids=ids)
        return LibraryDiff((alike,), owner)
    live = ours or next(iter(named), None)
    problems = [*_imported_twice(wanted, live, libraries, emails), *_moved(wanted, live)]
    adopted = live is not None and ours is None
    if live and adopted and (stack := _noted_by(notes, live.id)):
        problems.append(wording.LIBRARY_OF_ANOTHER_STACK.found(name=live.name, user=owner.email, stack=stack))
    elif live and adopted and not wanted.adopt:
        problems.append(wording.LIBRARY_NOT_OURS.found(name=live.name, user=owner.email))
    if problems:
        return LibraryDiff(tuple(problems), owner, live)
    found = live or Library("", owner.id, wanted.name, (), (), "")
    return LibraryDiff((), owner, live, _settled(found, wanted, stated), adopted)


def _ours(libraries: Sequence[Library], wanted: WantedLibrary, known: str, noted: Collection[str]) -> Library | None:
    """Find the library of this stack: by its id in the state, by its id in the Lease, or as an interrupted run left it.

    Never by the name that people give it: another library may have the same one.
    """
    by_state = [one for one in libraries if one.id == known]
    by_lease = [one for one in libraries if one.id in noted]
    left = [one for one in libraries if wanted.stack and one.name == wanted.name_at_first]
    return next(iter([*by_state, *by_lease, *left]), None)


def _noted_by(notes: Notes, library_id: str) -> str:
    """Name the stack that has noted a library as its own; empty when none has."""
    return next((stack for stack in sorted(notes) if library_id in immich_lease.libraries(notes, stack)), "")


def _on_one_folder(
    wanted: WantedLibrary, libraries: Sequence[Library], emails: Mapping[str, str], notes: Notes
) -> Iterator[Finding]:
    """Say how libraries that import the same folder are merged: every clone and stack has to keep the same one."""
    for path in wanted.import_paths:
        importing = [one for one in libraries if any(_overlap(path, theirs) for theirs in one.import_paths)]
        if len(importing) < 2:  # noqa: PLR2004 (one is as it should be)
            continue
        # Immich lists the oldest first, which is the most likely to have albums and names.
        kept, *others = sorted(importing, key=lambda one: not _noted_by(notes, one.id))
        for other in others:
            beyond = any(not _overlap(path, theirs) for theirs in other.import_paths)
            yield (wording.FOLDER_SHARED if beyond else wording.FOLDER_IMPORTED_TWICE).found(
                name=kept.name,
                id=kept.id,
                other=other.name,
                other_id=other.id,
                user=emails.get(other.owner_id, other.owner_id),
                path=path,
                **vars(wanted.server),
            )


def _imported_twice(
    wanted: WantedLibrary, ours: Library | None, libraries: Iterable[Library], emails: Mapping[str, str]
) -> Iterator[Finding]:
    for library in libraries:
        for theirs in library.import_paths:
            for path in wanted.import_paths:
                same = ours is not None and library.id == ours.id
                if not _overlap(path, theirs) or (same and path == theirs):
                    continue
                user = emails.get(library.owner_id, library.owner_id)
                yield wording.PHOTOS_TWICE.found(name=library.name, user=user, theirs=theirs, path=path)


def _moved(wanted: WantedLibrary, live: Library | None) -> Iterator[Finding]:
    """Immich knows a photo by its path: under another one it is a new photo, and the old one goes to the trash."""
    known = live.import_paths if live else ()
    for path in wanted.import_paths:
        for theirs in known:
            if path not in known and path.rpartition("/")[2] == theirs.rpartition("/")[2]:
                yield wording.PHOTOS_MOVED.found(name=wanted.name, theirs=theirs, path=path)


def _overlap(one: str, other: str) -> bool:
    one, other = f"{one.rstrip('/')}/", f"{other.rstrip('/')}/"
    return one.startswith(other) or other.startswith(one)


def _settled(found: Library, wanted: WantedLibrary, stated: Sequence[str]) -> Library:
    # Import paths are only added: Immich trashes the photos of one that is taken away.
    paths = [*found.import_paths, *(path for path in wanted.import_paths if path not in found.import_paths)]
    gone = set(stated) - set(wanted.exclusion_patterns)
    kept = [pattern for pattern in found.exclusion_patterns if pattern not in gone]
    patterns = [*kept, *(pattern for pattern in wanted.exclusion_patterns if pattern not in kept)]
    return replace(found, name=wanted.name, import_paths=tuple(paths), exclusion_patterns=tuple(patterns))


def scan(cluster: ClusterApi, immich: ImmichApi, library_id: str, wanted: WantedLibrary, report: Report) -> None:
    """Have Immich scan a library, once the disk with the photos has been found, and Immich sees its folders.

    Raises:
        JobError: when the disk has not been found; nothing is scanned.
        ImmichError: when Immich can't be asked, or refuses: a folder that it does not see, too.

    """
    jobs.run(cluster, wanted.disk_check, report)
    try:
        # Written as it is: Immich checks folders when they are written, and not when it scans.
        again(lambda: immich.update_library(immich.library(library_id)))
    except ImmichRefusedError as refused:
        raise ImmichError(_explained(refused, wanted)) from None
    immich.scan(library_id)


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
        if old.owner != new.owner:
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
                        return _settled(live, wanted, stated)

                    library = immich.change_library(made.id, settled)
                if scanned:
                    immich.scan(library.id)
            except JobError as error:
                raise RuntimeError(f"the library {wanted.name} is not touched: {error}") from None
            except ImmichRefusedError as refused:
                raise RuntimeError(_explained(refused, wanted)) from None
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


def _explained(refused: ImmichRefusedError, wanted: WantedLibrary) -> str:
    if "import path" not in refused.words.lower():
        return str(refused)
    return (
        f"Immich can't read a folder of the library {wanted.name} ({', '.join(wanted.import_paths)}): {refused.words}. "
        "Does its container see it? `kubectl exec -n "
        f"{wanted.server.namespace} service/{wanted.server.service} -- ls -la {wanted.import_paths[0]}`"
    )


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
