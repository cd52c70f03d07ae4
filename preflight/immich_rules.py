"""What would go wrong in Immich, or is worth knowing. Pure."""

import json
from collections.abc import Iterator

from clients.wanted_library import LibraryDiff, WantedLibrary
from clients.wanted_settings import WantedSettings
from observe.immich import ImmichSeen
from preflight import wording
from settings import Settings
from settings.storage import Csi, Nfs
from text.finding import Finding


def findings(settings: Settings, facts: ImmichSeen | None, wanted: WantedSettings | None) -> Iterator[Finding]:
    """Find it; where no library can be made, what that takes."""
    if facts is None:
        yield wording.NO_API_KEY.found()
    elif facts.refusal:
        yield wording.UNREADABLE.found(reason=facts.refusal)
    elif facts.not_running:
        # No problem: what is deployed before may be what lets Immich run again.
        yield wording.IMMICH_DOWN.found(reason=facts.not_running)
    else:
        yield from _of_key(facts)
        yield from _one_user_twice(facts)
        for library, trial in facts.libraries:
            yield from _of_library(library, trial)
        yield from _of_settings(facts, wanted)
        yield from _watching(settings, facts)


def _of_key(facts: ImmichSeen) -> Iterator[Finding]:
    if facts.lacking:
        yield wording.KEY_LACKS_PERMISSIONS.found(lacking=", ".join(facts.lacking))


def _one_user_twice(facts: ImmichSeen) -> Iterator[Finding]:
    """Two libraries of one name and one user could not be told from each other."""
    by_user: dict[str, list[str]] = {}
    for wanted, trial in facts.libraries:
        if trial.owner:
            by_user.setdefault(trial.owner.email, []).append(wanted.owner)
    for email, named in by_user.items():
        if len(named) > 1:
            words = " and ".join(name or "unset, which means the user of the API key" for name in named)
            yield wording.USER_NAMED_TWICE.found(user=email, named=words)


def _of_library(wanted: WantedLibrary, trial: LibraryDiff) -> Iterator[Finding]:
    yield from trial.problems
    if trial.adopted:
        yield wording.LIBRARY_ADOPTED.found(wanted.name)
    if trial.settled is None:
        return
    if trial.live and trial.live.import_paths:
        for pattern in trial.settled.exclusion_patterns:
            if pattern not in trial.live.exclusion_patterns:
                yield wording.PHOTOS_EXCLUDED.found(wanted.name, pattern=pattern)
    if trial.imports_more:
        there = trial.live.import_paths if trial.live else ()
        new = [path for path in trial.settled.import_paths if path not in there]
        imports = wording.LIBRARY_IMPORTS if trial.live else wording.LIBRARY_CREATED
        owner = trial.owner.email if trial.owner else wanted.owner
        yield imports.found(wanted.name, owner=owner, paths=", ".join(new))


def _of_settings(facts: ImmichSeen, wanted: WantedSettings | None) -> Iterator[Finding]:
    if wanted is None:
        return
    if facts.has_configuration_file and facts.settings_change:
        yield wording.CONFIGURED_BY_FILE.found(entries=json.dumps({"library": wanted.entries}))
    were = facts.settings_were or {}
    for name, entry in wanted.entries.items():
        if name in were and were[name] != {**were[name], **entry}:
            yield wording.SERVER_WIDE_CHANGE.found(name, wanted=json.dumps(entry), found=json.dumps(were[name]))


def _watching(settings: Settings, facts: ImmichSeen) -> Iterator[Finding]:
    if not settings.immich.library.watch:
        return
    if not (facts.settings_were or {}).get("watch", {}).get("enabled"):  # who watches knows
        yield wording.WATCHED.found()
    if isinstance(settings.storage, Nfs | Csi):
        yield wording.WATCHED_IN_VAIN.found(kind=settings.storage.kind)
