"""What would go wrong in Immich, in words. Pure, as `rules` is for the cluster."""

import json
from collections.abc import Iterator

from clients.immich import PERMISSIONS, PERMISSIONS_SINCE_3_2
from preflight.immich_facts import ImmichFacts
from providers.immich_library import Trial, WantedLibrary
from providers.immich_settings import WantedSettings
from settings import PROJECT, Settings
from settings.load import API_KEY
from settings.storage import OnNode


def problems(facts: ImmichFacts | None, wanted: WantedSettings | None) -> list[str]:
    """Find everything that would fail in `up`, or do harm."""
    if facts is None:
        return []
    if facts.refusal:
        return [facts.refusal]
    return [
        *_lacking(facts),
        *(problem for _, trial in facts.trials for problem in trial.problems),
        *_one_user_twice(facts),
        *_configured(facts, wanted),
    ]


def warnings(settings: Settings, facts: ImmichFacts | None) -> list[str]:
    """Find what is worth knowing before `up`."""
    if facts is None:
        return []
    if facts.not_running:
        # No problem: what is deployed before may be what lets Immich run again.
        return [f"Immich does not run, so what becomes of its libraries shows only in `up`: {facts.not_running}"]
    return [
        *(
            f'the library "{wanted.name}" in Immich is taken over, and stays when this stack is removed'
            for wanted in facts.taken_over
        ),
        *(sentence for wanted, trial in facts.trials for sentence in _passed_over(wanted, trial)),
        *_watching(settings, facts),
    ]


def news(facts: ImmichFacts | None, wanted: WantedSettings | None) -> list[str]:
    """Say what happens in Immich; where nothing can, what it takes."""
    if facts is None:
        needed = f"{', '.join(PERMISSIONS)} (from Immich 3.2 on also {', '.join(PERMISSIONS_SINCE_3_2)})"
        return [
            f"no library is made in Immich: {API_KEY}, an administrator's with {needed}, is not stored. docs/photos.md"
        ]
    were = facts.settings_were or {}
    return [sentence for library, trial in facts.trials for sentence in _imports(library, trial)] + [
        f"in Immich, for all its libraries: {name} becomes {json.dumps(entry)}; it is {json.dumps(were[name])}"
        for name, entry in (wanted.entries.items() if wanted else ())
        if name in were and were[name] != {**were[name], **entry}
    ]


def _lacking(facts: ImmichFacts) -> Iterator[str]:
    if facts.lacking:
        yield (
            f"{API_KEY}: the API key of Immich lacks {', '.join(facts.lacking)}. Add that to it in Immich (Account "
            "Settings, API Keys), or store another one"
        )


def _one_user_twice(facts: ImmichFacts) -> Iterator[str]:
    """Two libraries of one name and one user could not be told from each other."""
    by_user: dict[str, list[str]] = {}
    for wanted, trial in facts.trials:
        if trial.owner:
            by_user.setdefault(trial.owner.email, []).append(wanted.owner)
    for email, named in by_user.items():
        if len(named) > 1:
            words = " and ".join(name or "nobody, which is whose API key it is" for name in named)
            yield (
                f"{PROJECT}:photoSync.accounts: accounts of {email} name {words} as their Immich user. Let all of them "
                f"have immichUser: {email}, or none"
            )


def _configured(facts: ImmichFacts, wanted: WantedSettings | None) -> Iterator[str]:
    if wanted and facts.has_configuration_file and facts.settings_change:
        yield (
            "Immich takes its configuration from a file (IMMICH_CONFIG_FILE), and no API changes it. Put "
            f"{json.dumps({'library': wanted.entries})} into that file, or take scanSchedule and watch out of "
            f"{PROJECT}:immich.library"
        )


def _passed_over(wanted: WantedLibrary, trial: Trial) -> Iterator[str]:
    if trial.live and trial.settled and trial.live.import_paths:
        for pattern in trial.settled.exclusion_patterns:
            if pattern not in trial.live.exclusion_patterns:
                yield (
                    f'the library "{wanted.name}" passes over {pattern} from now on: photos of it that match go to '
                    "Immich's trash with the next scan"
                )


def _watching(settings: Settings, facts: ImmichFacts) -> Iterator[str]:
    key = f"{PROJECT}:immich.library.watch"
    if not settings.immich.library.watch:
        return
    if not (facts.settings_were or {}).get("watch", {}).get("enabled"):  # who watches knows
        yield (
            f"{key}: while Immich watches, a photo whose file vanishes is deleted from Immich at once, with its place "
            "in albums, in every library of the server. Set it to false if that is not meant"
        )
    if not isinstance(settings.storage, OnNode):
        yield f"{key}: on storage of kind {settings.storage.kind} Immich sees no change between scans"


def _imports(wanted: WantedLibrary, trial: Trial) -> Iterator[str]:
    if trial.settled is None or not trial.imports_more:
        return
    there = trial.live.import_paths if trial.live else ()
    new = [path for path in trial.settled.import_paths if path not in there]
    verb = "imports" if trial.live else "is made, and imports"
    owner = trial.owner.email if trial.owner else wanted.owner
    yield f'the library "{wanted.name}" of {owner} in Immich {verb} {", ".join(new)}; a first scan follows'
