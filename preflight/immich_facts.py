"""What Immich itself holds, as far as the stack is concerned."""

from collections.abc import Sequence
from dataclasses import dataclass

from clients.immich import ImmichApi, ImmichError
from clients.immich_lease import immich_lease
from clients.kubernetes import ClusterApi, ClusterError
from clients.service_connection import NotRunningError
from components.external_library import Libraries
from preflight.state import Known
from providers import immich_library, immich_settings
from providers.immich_library import LibraryDiff, WantedLibrary
from providers.immich_settings import Entries
from settings import Settings

# Its type in the state.
LIBRARY = "pulumi-python:dynamic/immich:Library"


@dataclass(frozen=True)
class ImmichFacts:
    """Immich before the stack, as read; nothing in it was changed.

    Attributes:
        refusal: why nothing could be read, though Immich runs; empty when all was.
        lacking: permissions that the API key lacks.
        not_running: why Immich could not be asked: it does not run; empty when it does.
        trials: what each wanted library would come to.
        settings_were: the server-wide settings that the stack states, as they are.
        settings_change: whether they would change.
        has_configuration_file: whether Immich's own file states them, so that no API changes them.

    """

    refusal: str = ""
    not_running: str = ""
    lacking: tuple[str, ...] = ()
    trials: tuple[tuple[WantedLibrary, LibraryDiff], ...] = ()
    settings_were: Entries | None = None
    settings_change: bool = False
    has_configuration_file: bool = False


def read(
    cluster: ClusterApi, settings: Settings, planned: Libraries | None, known: Sequence[Known]
) -> ImmichFacts | None:
    """Read the facts; None for a stack that states nothing in Immich. `known` is what the state has."""
    if planned is None or settings.immich_api_key is None:
        return None
    try:
        with ImmichApi.behind(cluster, settings.immich.backend, settings.immich_api_key) as immich:
            return _read(immich, planned, known, cluster)
    except NotRunningError as error:
        return ImmichFacts(not_running=str(error))
    except (ImmichError, ClusterError) as error:
        return ImmichFacts(str(error))


def _read(immich: ImmichApi, planned: Libraries, known: Sequence[Known], cluster: ClusterApi) -> ImmichFacts:
    if lacking := immich.lacking():
        return ImmichFacts(lacking=lacking)
    trials = tuple((wanted, _compare(immich, wanted, known, cluster)) for wanted in planned.wanted)
    if planned.settings is None:
        return ImmichFacts(trials=trials)
    document = immich.configuration()
    return ImmichFacts(
        trials=trials,
        settings_were=immich_settings.found(document, planned.settings),
        settings_change=immich_settings.changes(document, planned.settings),
        has_configuration_file=immich.has_configuration_file(),
    )


def _compare(immich: ImmichApi, wanted: WantedLibrary, known: Sequence[Known], cluster: ClusterApi) -> LibraryDiff:
    ours = next((one.outputs for one in known if one.type == LIBRARY and one.outputs.get("owner") == wanted.owner), {})
    notes = immich_lease(cluster, wanted.server.namespace, wanted.stack).notes()
    return immich_library.compare(
        immich, wanted, notes, str(ours.get("library_id", "")), list(ours.get("exclusion_patterns", []))
    )
