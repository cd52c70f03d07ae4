"""Immich is told to look for the photos of an account, and says what it has."""

import time
from collections.abc import Callable

from clients import wanted_library
from clients.immich import ImmichApi, Library, Statistics
from components import external_library
from observe.cluster import resolve
from ops.command import CommandError, Say, Stack
from settings.photo_sync import Account
from text.command import Command

Wait = Callable[[float], None]

_POLL = 1.0  # seconds
_PATIENCE = 120  # polls: Immich looks through some thousand files a second
_STILL = 3  # equal counts in a row
_MIB = 1 << 20


def scan_library(stack: Stack, account: Account, say: Say, wait: Wait = time.sleep) -> bool:
    """Have Immich scan the library that has the account's folder, and say what it holds then.

    Returns whether Immich is done with it.

    Raises:
        CommandError: when there is no such library yet.
        JobError: when the disk with the photos is not there; nothing is scanned.
        ImmichError: when Immich can't be asked, or refuses: a folder that it does not see, too.
        ClusterError: when the API server refuses or does not answer.

    """
    settings = resolve(stack.api, stack.settings)
    planned = external_library.libraries(settings, stack.ownership)
    if planned is None or settings.immich_api_key is None:
        say("Immich is not told, as immichApiKey is not stored: a library made by hand shows them with its next scan.")
        return False
    folder = f"{settings.immich.mount.path}/{settings.photo_sync.folders[account.name]}"
    wanted = next(library for library in planned.wanted if folder in library.import_paths)
    with ImmichApi.behind(stack.api, wanted.server, settings.immich_api_key) as immich:
        library = next((one for one in immich.libraries() if folder in one.import_paths), None)
        if library is None:
            up = Command("up", stack.name)
            raise CommandError(f'Immich has no library "{wanted.name}" that imports {folder}: `{up}`')
        say(f'Immich scans the library "{library.name}".')
        wanted_library.scan(stack.api, immich, library.id, wanted, say)
        done = _is_scanned(immich, library, wait)
        counted, still = _counted(immich, library, wait)
    say(
        f'The library "{library.name}" has {counted.photos} photos and {counted.videos} videos '
        f"({counted.usage // _MIB} MiB){'' if done else ' so far: Immich is not done with its scan'}."
    )
    return done and still


def _is_scanned(immich: ImmichApi, library: Library, wait: Wait) -> bool:
    for _ in range(_PATIENCE):
        if any(one.id == library.id and one.refreshed_at != library.refreshed_at for one in immich.libraries()):
            return True
        wait(_POLL)
    return False


def _counted(immich: ImmichApi, library: Library, wait: Wait) -> tuple[Statistics, bool]:
    """Count until the number stands still for a while: what a scan has found, Immich imports in the background."""
    counted, still = immich.statistics(library.id), 0
    for _ in range(_PATIENCE):
        wait(_POLL)
        before, counted = counted, immich.statistics(library.id)
        still = still + 1 if before == counted else 0
        if still == _STILL:
            return counted, True
    return counted, False
