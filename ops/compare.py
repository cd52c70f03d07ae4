"""The disk is compared with Immich: a Job lists the disk's files, and Immich is asked for its own."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus

from clients import jobs
from clients.immich import NAMES_PERMISSION, ImmichApi, ImmichRefusedError, Library
from clients.jobs import JobError
from clients.kubernetes import ClusterRefusedError
from components import list_photos
from components.list_photos import IncompleteListError
from ops import missing_photos
from ops.command import CommandError, Say, Stack
from ops.facts.part import Absent, Unread
from ops.missing_photos import Missing
from settings.photo_sync import Account


def compare(stack: Stack, account: Account, say: Say) -> None:
    """Say whether the library that has an account's folder has all photos that the disk has for it.

    Raises:
        CommandError: when it lacks some, with the first names.
        ImmichError: when Immich can't be asked.
        ClusterError: when the API server refuses or does not answer.

    """
    settings = stack.settings
    folder = f"{settings.immich.mount.path}/{settings.photo_sync.folders[account.name]}"
    try:
        found = [*missing(stack, lambda library: folder in library.import_paths, say)]
    except (JobError, IncompleteListError) as error:
        say(f"Whether Immich has all photos of the disk is not checked: {error}.")
        return
    if lacking := "; ".join(map(str, filter(None, found))):
        where = f"-n {settings.immich.namespace} deployment/{settings.immich.deployment}"
        raise CommandError(f"{lacking}. Immich's log may say why: `kubectl logs {where} --tail=200`")
    for one in found:
        say(f"{str(one)[:1].upper()}{str(one)[1:]}.")


def missing(stack: Stack, chosen: Callable[[Library], bool], say: Say) -> Iterator[Missing]:
    """Compare chosen libraries with the disk: by name where anything is missing, and the key may ask for names.

    Raises:
        JobError: when the disk's files can't be listed.
        IncompleteListError: when the list does not arrive whole.
        ImmichError: when Immich can't be asked.
        ClusterError: when the API server refuses or does not answer.

    """
    settings, log = stack.settings, list[str]()
    if settings.immich_api_key is None:
        return
    jobs.run(stack.api, list_photos.job(settings, stack.ownership, settings.photo_sync.import_folders), say, log.append)
    files = [f"{settings.immich.mount.path}/{path}" for path in list_photos.files(log)]
    with ImmichApi.behind(stack.api, settings.immich.backend, settings.immich_api_key) as immich:
        kinds, me = immich.media_kinds(), immich.me().id
        for library in filter(chosen, immich.libraries()):
            on_disk = missing_photos.importable(files, library, kinds)
            yield _compared(immich, library, on_disk, own=library.owner_id == me)


def look(stack: Stack, libraries: Collection[str]) -> tuple[Missing, ...] | Unread:
    """Compare the libraries of these ids, as a part of what `make verify` looks at."""
    try:
        return tuple(missing(stack, lambda library: library.id in libraries, lambda _: None))
    except ClusterRefusedError as refused:
        if refused.status == HTTPStatus.FORBIDDEN:
            return Absent("the current user may not create the Job that lists the disk's files")
        raise
    except (JobError, IncompleteListError) as error:
        return Unread(str(error))


def _compared(immich: ImmichApi, library: Library, on_disk: Mapping[str, str], *, own: bool) -> Missing:
    unknown = "" if own else "an API key lists nothing of another user's"
    counted = missing_photos.by_number(library, on_disk, immich.statistics(library.id), unknown)
    if not (counted and own):
        return counted
    try:
        return missing_photos.by_name(library, on_disk, immich.paths(library.id))
    except ImmichRefusedError as refused:
        if refused.status != HTTPStatus.FORBIDDEN:
            raise
        return replace(counted, unknown=f"the API key lacks {NAMES_PERMISSION}")
