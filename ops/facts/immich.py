"""What Immich itself says: whether it answers, and what its libraries hold."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from pydantic import SecretStr

from clients.immich import ImmichApi, ImmichError, ImmichRefusedError, Library, Statistics
from clients.kubernetes import ClusterApi
from clients.wanted_library import LibraryDiff, WantedLibrary
from clients.wanted_settings import Entries
from components import external_library
from components.ownership import Ownership
from observe.immich import look
from settings import Settings


@dataclass(frozen=True)
class LibraryFacts:
    """A library that the stack wants, and the one that Immich has.

    Attributes:
        wanted: what is wanted.
        live: the library as it is; None when it does not exist.
        counted: what it holds.
        unseen: which of its import paths Immich does not see, and why not; None where the API key may not ask.

    """

    wanted: WantedLibrary
    live: Library | None = None
    counted: Statistics | None = None
    unseen: Mapping[str, str] | None = None

    @property
    def scanned_at(self) -> datetime | None:
        """When its last scan was done."""
        text = self.live.refreshed_at if self.live else ""
        return datetime.fromisoformat(text) if text else None


@dataclass(frozen=True)
class LibrariesFacts:
    """All wanted libraries; `changed` are the server-wide settings that the stack states and Immich has otherwise."""

    libraries: tuple[LibraryFacts, ...]
    changed: Entries | None = None


def ping(api: ClusterApi, settings: Settings) -> str:
    """Ask it through a port-forward to its Service; say what is wrong with the answer, nothing where it is right.

    Raises:
        ClusterError: when the cluster does not let us.

    """
    # The key is sent with every request, and this one is answered without.
    immich = ImmichApi.behind(api, settings.immich.backend, settings.immich_api_key or SecretStr("none"))
    with closing(immich):
        try:
            immich.ping()
        except ImmichError as error:
            return str(error)
    return ""


def read_libraries(api: ClusterApi, settings: Settings, owner: Ownership) -> LibrariesFacts:
    """Read the libraries; none for a stack without an API key.

    Raises:
        ImmichError: when Immich can't be asked, or refuses.
        ClusterError: when there is no way to it.

    """
    if settings.immich_api_key is None:
        return LibrariesFacts(())
    with closing(ImmichApi.behind(api, settings.immich.backend, settings.immich_api_key)) as immich:
        seen = look(immich, api, settings, owner)
        if seen.lacking:
            raise ImmichError(f"the API key of Immich lacks {', '.join(seen.lacking)}")
        libraries = tuple(_library(immich, wanted, diff) for wanted, diff in seen.libraries)
    planned = external_library.libraries(settings, owner)
    stated = planned.settings if planned else None
    return LibrariesFacts(libraries, stated.entries if stated and seen.settings_change else None)


def _library(immich: ImmichApi, wanted: WantedLibrary, diff: LibraryDiff) -> LibraryFacts:
    if diff.live is None:
        return LibraryFacts(wanted)
    return LibraryFacts(wanted, diff.live, immich.statistics(diff.live.id), _unseen(immich, diff.live))


def _unseen(immich: ImmichApi, library: Library) -> Mapping[str, str] | None:
    try:
        return immich.unseen(library)
    except ImmichRefusedError as refused:
        if refused.status == HTTPStatus.FORBIDDEN:
            return None
        raise
