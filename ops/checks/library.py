"""Immich shows the photos: its libraries import our folders, were scanned since the last sync, and lack nothing."""

import json
from datetime import datetime, timedelta

from ops.checks import wording
from ops.checks.check import IN_IMMICH, Check, NotChecked, Passed, Result, failed
from ops.facts import Facts
from ops.facts.part import Absent, Unread, there
from settings.schedule import longest_wait
from text.finding import Situation

_GRACE = timedelta(days=1)
_MIB = 1 << 20


def _libraries(facts: Facts) -> Result:
    found = there(facts.libraries)
    for one in found.libraries:
        owner = one.wanted.owner or "the API key's user"
        if one.live is None or one.live.name != one.wanted.name:
            return failed(facts, wording.LIBRARY_MISSING, f'{owner} has no library "{one.wanted.name}" in Immich')
        missing = [path for path in one.wanted.import_paths if path not in one.live.import_paths]
        if missing:
            evidence = f'the library "{one.live.name}" does not import {", ".join(missing)}'
            return failed(facts, wording.IMPORT_PATH_MISSING, evidence)
        asked = one.unseen or {}
        if unseen := [f"{path} ({asked[path]})" for path in one.wanted.import_paths if path in asked]:
            job = there(facts.cluster).plan.directory_job.ref.name
            return failed(facts, wording.FOLDER_UNSEEN, f"Immich does not see {', '.join(unseen)}", job=job)
    if found.changed is not None:
        return failed(facts, wording.SETTINGS_CHANGED, f"server-wide they should be {json.dumps(found.changed)}")
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
            return _to_scan(facts, wording.NEVER_SCANNED, f'the library "{one.live.name}" was never scanned')
        schedule = facts.settings.immich.library.scan_schedule
        late = schedule and facts.now - at > timedelta(days=longest_wait(schedule)) + _GRACE
        if late:
            return _to_scan(
                facts, wording.SCAN_OVERDUE, f'the library "{one.live.name}" was last scanned on {at:%Y-%m-%d}'
            )
        counted = f"{one.counted.photos} photos, {one.counted.videos} videos, {one.counted.usage // _MIB} MiB"
        waiting = "; what was synced since waits for the next scan" if any(end > at for end in synced) else ""
        said.append(f"{counted}, scanned on {at:%Y-%m-%d}{waiting}")
    if isinstance(facts.missing, Absent):
        return Passed(f"{'; '.join(said)}. Not compared with the disk: {facts.missing.why}")
    compared = there(facts.missing)
    if lacking := "; ".join(map(str, filter(None, compared))):
        return failed(facts, wording.PHOTOS_MISSING, lacking)
    return Passed("; ".join([*said, *map(str, compared)]))


def _to_scan(facts: Facts, fault: Situation, evidence: str) -> Result:
    """Build the result; a sync scans what it has fetched, and there is none without accounts."""
    account = next((one.name for one in facts.settings.photo_sync.accounts), "")
    return failed(facts, fault if account else wording.NEVER_SCANNED_WITHOUT_SYNC, evidence, account=account)


def _syncs(facts: Facts) -> list[datetime]:
    return [run.ended for account in there(facts.accounts) for run in account.runs if run.ended]


LIBRARY = Check(
    "library",
    "Immich's libraries import the photos' folders, and it sees them",
    _libraries,
    (wording.LIBRARY_MISSING, wording.IMPORT_PATH_MISSING, wording.FOLDER_UNSEEN, wording.SETTINGS_CHANGED),
    IN_IMMICH,
    follows=("immich-pods", "photo-directory", "photo-mark", "mount"),
)
SCAN = Check(
    "library-scan",
    "Immich has scanned them, and has all photos and videos that are on the disk",
    _scans,
    (wording.NEVER_SCANNED, wording.SCAN_OVERDUE, wording.NEVER_SCANNED_WITHOUT_SYNC, wording.PHOTOS_MISSING),
    IN_IMMICH,
    follows=("last-sync", "library"),
)
