"""Immich shows the photos: its libraries import our folders, and have been scanned since the last sync."""

import json
from datetime import datetime, timedelta

from ops.checks.check import IN_IMMICH, SYNC, UP, Check, Fault, NotChecked, Passed, Result, failed
from ops.facts import Facts
from ops.facts.part import Unread, there
from settings.schedule import longest_wait

_NO_LIBRARY = Fault("the library was removed or renamed in Immich, or given to another user", UP)
_NO_PATH = Fault("the import path was removed from the library in Immich", UP)
_UNSEEN = Fault(
    "the folder was removed from the disk, where the Job that runs anew makes it again, or Immich's container may not "
    "read it",
    f"kubectl delete job -n $sync $job && {UP}",
)
_OTHER_SETTINGS = Fault("somebody changed them in Immich (Administration, Settings, External Library)", UP)
_UNSCANNED = Fault(
    "Immich has not scanned the library, or found none of its import paths when it did",
    SYNC,
)
_UNSCANNED_BY_HAND = Fault(
    "Immich has not scanned the library. Start it there (Administration, External Libraries), then see what it says",
    "kubectl logs -n $immich deployment/$deployment --tail=50",
)
_SCAN_LATE = Fault(
    "Immich's own scan is off, its server did not run when it was time, or it saw none of the library's folders then",
    SYNC,
)

_GRACE = timedelta(days=1)
_MIB = 1 << 20


def _libraries(facts: Facts) -> Result:
    found = there(facts.libraries)
    for one in found.libraries:
        owner = one.wanted.owner or "the API key's user"
        if one.live is None:
            return failed(facts, _NO_LIBRARY, f'{owner} has no library "{one.wanted.name}" in Immich')
        missing = [path for path in one.wanted.import_paths if path not in one.live.import_paths]
        if missing:
            evidence = f'the library "{one.live.name}" does not import {", ".join(missing)}'
            return failed(facts, _NO_PATH, evidence)
        asked = one.unseen or {}
        if unseen := [f"{path} ({asked[path]})" for path in one.wanted.import_paths if path in asked]:
            job = there(facts.cluster).plan.directory_job.ref.name
            return failed(facts, _UNSEEN, f"Immich does not see {', '.join(unseen)}", job=job)
    if found.changed is not None:
        return failed(facts, _OTHER_SETTINGS, f"server-wide they should be {json.dumps(found.changed)}")
    paths = [path for one in found.libraries for path in one.wanted.import_paths]
    unasked = any(one.unseen is None for one in found.libraries)
    seen = (
        ". Whether Immich sees it, its scans tell: only an API key with all permissions may ask"
        if unasked
        else ", and Immich sees it"
    )
    return Passed(f"imports {', '.join(paths)}{seen}")


def _scans(facts: Facts) -> Result:
    found = there(facts.libraries)
    synced = [] if isinstance(facts.accounts, Unread) else _syncs(facts)
    said = []
    for one in found.libraries:
        if one.live is None or one.counted is None:
            return NotChecked("a library is not there")
        at = one.scanned_at
        if at is None:
            return _to_scan(facts, _UNSCANNED, f'the library "{one.live.name}" was never scanned')
        schedule = facts.settings.immich.library.scan_schedule
        late = schedule and facts.now - at > timedelta(days=longest_wait(schedule)) + _GRACE
        if late:
            return _to_scan(facts, _SCAN_LATE, f'the library "{one.live.name}" was last scanned on {at:%Y-%m-%d}')
        counted = f"{one.counted.photos} photos, {one.counted.videos} videos, {one.counted.usage // _MIB} MiB"
        waiting = "; what was synced since waits for the next scan" if any(end > at for end in synced) else ""
        said.append(f"{counted}, scanned on {at:%Y-%m-%d}{waiting}")
    return Passed("; ".join(said))


def _to_scan(facts: Facts, fault: Fault, evidence: str) -> Result:
    """Build the result; a sync scans what it has fetched, and there is none without accounts."""
    account = next((one.name for one in facts.settings.photo_sync.accounts), "")
    return failed(facts, fault if account else _UNSCANNED_BY_HAND, evidence, account=account)


def _syncs(facts: Facts) -> list[datetime]:
    return [run.ended for account in there(facts.accounts) for run in account.runs if run.ended]


LIBRARY = Check(
    "library",
    "Immich's libraries import the photos' folders, and it sees them",
    _libraries,
    (_NO_LIBRARY, _NO_PATH, _UNSEEN, _OTHER_SETTINGS),
    IN_IMMICH,
)
SCAN = Check(
    "library-scan",
    "Immich has scanned them, and what it found",
    _scans,
    (_UNSCANNED, _SCAN_LATE, _UNSCANNED_BY_HAND),
    IN_IMMICH,
)
