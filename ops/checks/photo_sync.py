"""Photos are fetched: each account is signed in, its last sync went well, and the next one will come."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from components import photo_sync
from ops.checks.check import SYNCING, UP, Check, Failed, Fault, NotChecked, Passed, Result, failed
from ops.facts import Facts
from ops.facts.part import there
from ops.facts.photo_sync import AccountFacts
from settings.schedule import days_to_next, longest_wait

_SYNC = "make sync-now STACK=$stack ACCOUNT=$account"
# Only what a sync says of the session can be seen, so that one has to follow.
_LOGIN = f"make icloud-login STACK=$stack ACCOUNT=$account && {_SYNC}"
_SIGNED_OUT = Fault("Apple's session of the account has ended, or never began", _LOGIN)
_ENDS = Fault("Apple's sessions last 30 to 60 days; this one does not last until the next scheduled sync", _LOGIN)
_NO_CRON_JOB = Fault("the account's CronJob was removed", UP)
_SUSPENDED = Fault(
    "somebody has suspended the account's CronJob",
    """kubectl patch cronjob -n $sync $cron_job --type=merge -p '{"spec": {"suspend": false}}'""",
)
_SYNC_FAILED = Fault("what the sync says; the next one goes on from there", _SYNC)
_STALE = Fault("the CronJob's runs were missed: the cluster was down, or the runs before did not end", _SYNC)

_UNTIL = re.compile(r"the session of account \S+ is valid until about (\d{4}-\d\d-\d\d)")
_SINCE = re.compile(r"account \S+ was signed in on (\d{4}-\d\d-\d\d)")
_NO_SESSION = "has no valid session at Apple"
_LEAST = timedelta(days=30)  # that a session lasts, by experience
_GRACE = timedelta(days=1)


def _session(facts: Facts) -> Result:
    return _of_each(facts, _session_of)


def _session_of(facts: Facts, account: AccountFacts) -> Result:
    for run in account.runs:
        if any(_NO_SESSION in line for line in run.log):
            return failed(facts, _SIGNED_OUT, f"{run.name} said so", account=account.name)
        for line in run.log:
            if found := _UNTIL.search(line) or _SINCE.search(line):
                end = date.fromisoformat(found[1]) + (timedelta() if found.re is _UNTIL else _LEAST)
                return _lasting(facts, account, end)
    if account.runs:
        return NotChecked(f"no run of {account.name} has said how long its session lasts")
    return NotChecked(
        f"only a sync sees the session of {account.name}, and none has run. Sign in, then sync: "
        f"make icloud-login STACK={facts.stack} ACCOUNT={account.name}"
    )


def _lasting(facts: Facts, account: AccountFacts, end: date) -> Result:
    settings = facts.settings.photo_sync
    today = facts.now.astimezone(ZoneInfo(settings.time_zone)).date()
    if end <= today:
        return failed(facts, _SIGNED_OUT, f"{account.name} was signed in until {end}", account=account.name)
    upcoming = today + timedelta(days=days_to_next(settings.schedule, today))
    if end <= upcoming:
        evidence = f"{account.name} is signed in until {end}, and the next sync is on {upcoming}"
        return failed(facts, _ENDS, evidence, account=account.name)
    return Passed(f"{account.name} is signed in until about {end}")


def _last(facts: Facts) -> Result:
    return _of_each(facts, _last_of)


def _last_of(facts: Facts, account: AccountFacts) -> Result:
    ended = [run for run in account.runs if run.ended]
    if not ended:
        state = "is at work" if account.runs else "has run"
        which = (
            f"the first sync of {account.name} {state}" if account.runs else f"no sync of {account.name} {state} yet"
        )
        return NotChecked(f"{which}: make sync-now STACK={facts.stack} ACCOUNT={account.name}")
    run = ended[0]
    words = next((line for line in reversed(run.log) if line.strip()), "its log is gone")
    if run.state == "failed":
        return failed(facts, _SYNC_FAILED, f"{run.name}: {words}", account=account.name)
    when: datetime = run.ended or run.began
    wait = timedelta(days=longest_wait(facts.settings.photo_sync.schedule)) + _GRACE
    if facts.now - when > wait:
        evidence = (
            f"the last sync of {account.name} was on {when:%Y-%m-%d}, and {wait.days} days is the most there may be"
        )
        return failed(facts, _STALE, evidence, account=account.name)
    summary = next(
        (line for line in reversed(run.log) if line.startswith(f"{account.name}: ")), f"{account.name}: {words}"
    )
    return Passed(f"{summary} ({when:%Y-%m-%d})")


def _scheduled(facts: Facts) -> Result:
    return _of_each(facts, _scheduled_of)


def _scheduled_of(facts: Facts, account: AccountFacts) -> Result:
    name = photo_sync.cron_job_name(account.name)
    if account.cron_job is None:
        return failed(facts, _NO_CRON_JOB, f"there is no CronJob {name}")
    spec = account.cron_job["spec"]
    if spec.get("suspend"):
        return failed(facts, _SUSPENDED, f"CronJob {name} is suspended", cron_job=name)
    zone = spec.get("timeZone") or "the cluster's own time zone"
    return Passed(f"{account.name}: {spec['schedule']} ({zone})")


def _of_each(facts: Facts, judge: Callable[[Facts, AccountFacts], Result]) -> Result:
    """Judge each account; the worst result counts."""
    results = [judge(facts, account) for account in there(facts.accounts)]
    return next(_worst(results), Passed("; ".join(one.evidence for one in results if isinstance(one, Passed))))


def _worst(results: list[Result]) -> Iterator[Result]:
    yield from (one for one in results if isinstance(one, Failed))
    yield from (one for one in results if isinstance(one, NotChecked))


SESSION = Check(
    "icloud-session", "each account is signed in at Apple, for long enough", _session, (_SIGNED_OUT, _ENDS), SYNCING
)
LAST = Check(
    "last-sync", "each account's last sync was complete, and is recent", _last, (_SYNC_FAILED, _STALE), SYNCING
)
SCHEDULE = Check("sync-schedule", "each account's next sync will come", _scheduled, (_NO_CRON_JOB, _SUSPENDED), SYNCING)
