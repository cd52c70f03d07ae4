"""What a library of Immich's would come to, and its scan."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from clients import immich_lease, jobs, wording
from clients.immich import ImmichApi, ImmichError, ImmichRefusedError, Library, User
from clients.jobs import Report
from clients.kubernetes import ClusterApi, Manifest
from clients.lease import Notes
from clients.retry import again
from settings.model import Backend
from text.finding import Finding
from text.mailbox import mailbox


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

    def merged_into(self, found: Library, stated: Collection[str]) -> Library:
        """Build the library that `found` comes to; `stated` are exclusion patterns that were this stack's."""
        # Import paths are only added: Immich trashes the photos of one that is taken away.
        paths = [*found.import_paths, *(path for path in self.import_paths if path not in found.import_paths)]
        gone = {*stated} - {*self.exclusion_patterns}
        kept = [pattern for pattern in found.exclusion_patterns if pattern not in gone]
        patterns = [*kept, *(pattern for pattern in self.exclusion_patterns if pattern not in kept)]
        return replace(found, name=self.name, import_paths=tuple(paths), exclusion_patterns=tuple(patterns))


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
    email = mailbox(wanted.owner)
    owner = next((user for user in users if mailbox(user.email) == email), None) if email else immich.me()
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
    return LibraryDiff((), owner, live, wanted.merged_into(found, stated), adopted)


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
        raise ImmichError(explained(refused, wanted)) from None
    immich.scan(library_id)


def explained(refused: ImmichRefusedError, wanted: WantedLibrary) -> str:
    """Say what Immich refuses, and of a folder that it does not see, how to look."""
    if "import path" not in refused.words.lower():
        return str(refused)
    return (
        f"Immich can't read a folder of the library {wanted.name} ({', '.join(wanted.import_paths)}): {refused.words}. "
        "Does its container see it? `kubectl exec -n "
        f"{wanted.server.namespace} service/{wanted.server.service} -- ls -la {wanted.import_paths[0]}`"
    )
