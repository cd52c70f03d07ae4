"""What Immich itself holds, as far as the stack is concerned."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from clients import immich_lease, wanted_library, wanted_settings
from clients.immich import ImmichApi, ImmichError
from clients.kubernetes import ClusterApi, ClusterError
from clients.lease import Notes
from clients.service_connection import NotRunningError
from clients.wanted_library import LibraryDiff, WantedLibrary
from clients.wanted_settings import Entries
from components import external_library
from components.ownership import Ownership
from observe.state import Known
from settings import Settings
from text.command import with_command
from text.mailbox import mailbox
from text.resource_types import LIBRARY


@dataclass(frozen=True)
class ImmichSeen:
    """Immich as read; nothing in it was changed.

    Attributes:
        refusal: why nothing could be read, though Immich runs; empty when all was.
        lacking: permissions that the API key lacks.
        not_running: why Immich could not be asked: it does not run; empty when it does.
        libraries: what each wanted library comes to.
        settings_were: the server-wide settings that the stack states, as they are.
        settings_change: whether they would change.
        has_configuration_file: whether Immich's own file states them, so that no API changes them.

    """

    refusal: str = ""
    not_running: str = ""
    lacking: tuple[str, ...] = ()
    libraries: tuple[tuple[WantedLibrary, LibraryDiff], ...] = ()
    settings_were: Entries | None = None
    settings_change: bool = False
    has_configuration_file: bool = False


def read_immich(
    cluster: ClusterApi, settings: Settings, owner: Ownership, known: Collection[Known]
) -> ImmichSeen | None:
    """Read it; None for a stack that states nothing in Immich. `known` is what the state has."""
    if settings.immich_api_key is None:
        return None
    try:
        with ImmichApi.behind(cluster, settings.immich.backend, settings.immich_api_key) as immich:
            return look(immich, cluster, settings, owner, known)
    except NotRunningError as error:
        return ImmichSeen(not_running=str(error))
    except (ImmichError, ClusterError) as error:
        return ImmichSeen(with_command(error, owner.stack_name))


def look(
    immich: ImmichApi, cluster: ClusterApi, settings: Settings, owner: Ownership, known: Collection[Known] = ()
) -> ImmichSeen:
    """Read it through a connection.

    Raises:
        ImmichError: when Immich can't be asked, or refuses.
        ClusterError: when there is no way to it.

    """
    wanted = external_library.libraries(settings, owner)
    if wanted is None:
        return ImmichSeen()
    if lacking := immich.lacking():
        return ImmichSeen(lacking=lacking)
    lease = immich_lease.immich_lease(cluster, settings.immich.namespace, owner.stack, owner.other_names)
    notes = lease.notes()
    stated = {mailbox(str(one.outputs.get("owner", ""))): one.outputs for one in known if one.type == LIBRARY}
    libraries = tuple((one, _compare(immich, one, notes, stated.get(mailbox(one.owner), {}))) for one in wanted.wanted)
    if wanted.settings is None:
        return ImmichSeen(libraries=libraries)
    document = immich.configuration()
    return ImmichSeen(
        libraries=libraries,
        settings_were=wanted_settings.found(document, wanted.settings),
        settings_change=wanted_settings.changes(document, wanted.settings),
        has_configuration_file=immich.has_configuration_file(),
    )


def _compare(immich: ImmichApi, wanted: WantedLibrary, notes: Notes, stated: Mapping[str, object]) -> LibraryDiff:
    patterns = stated.get("exclusion_patterns")
    known = str(stated.get("library_id", ""))
    return wanted_library.compare(immich, wanted, notes, known, patterns if isinstance(patterns, list) else [])
