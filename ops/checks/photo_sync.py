"""Photos are fetched: each account is signed in, its last sync went well, and the next one will come."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from clients.result import Code
from clients.result import Result as ScriptResult
from components import photo_sync
from ops.checks import wording
from ops.checks.check import NOTIFIED, SYNCING, Check, NotChecked, Passed, Result, failed
from ops.facts import Facts
from ops.facts.part import there
from ops.facts.photo_sync import AccountFacts
from settings.schedule import days_to_next, longest_wait
from text.command import Command
from text.finding import Finding

# Until someone signs in, no run asks Apple again.
_NEEDS_A_PERSON = {Code.SIGNED_OUT, Code.WRONG_PASSWORD, Code.LOCKED, Code.SIGN_IN_REFUSED}
_LEAST = timedelta(days=30)  # that a session usually lasts
_GRACE = timedelta(days=1)


def _of_each(judge: Callable[[Facts, AccountFacts], Result]) -> Callable[[Facts], Result]:
    """Judge each account; the worst result counts."""

    def worst(facts: Facts) -> Result:
        results = [judge(facts, account) for account in there(facts.accounts)]
        bad = (one for kind in (Finding, NotChecked) for one in results if isinstance(one, kind))
        return next(bad, Passed("; ".join(one.evidence for one in results if isinstance(one, Passed))))

    return worst


@_of_each
def _session(facts: Facts, account: AccountFacts) -> Result:
    for run in account.runs:
        result = run.end.result
        if result and result.code in _NEEDS_A_PERSON:
            return failed(facts, wording.SIGNED_OUT, f"{run.name} said so: {result.message}", account=account.name)
        if result and result.session_end:
            return _lasting(facts, account, result.session_end)
        if result and result.signed_in:
            return _lasting(facts, account, result.signed_in + _LEAST)
    if account.runs:
        return NotChecked(f"no run of {account.name} has reported how long its session lasts")
    return NotChecked(
        f"only a sync sees the session of {account.name}, and none has run. Sign in, then sync: "
        f"{Command('icloud-login', facts.stack, account.name)}"
    )


def _lasting(facts: Facts, account: AccountFacts, end: date) -> Result:
    settings = facts.settings.photo_sync
    today = facts.now.astimezone(ZoneInfo(settings.time_zone)).date()
    if end <= today:
        return failed(facts, wording.SIGNED_OUT, f"{account.name} was signed in until {end}", account=account.name)
    upcoming = today + timedelta(days=days_to_next(settings.schedule, today))
    if end <= upcoming:
        evidence = f"{account.name} is signed in until {end}, and the next sync is on {upcoming}"
        return failed(facts, wording.SESSION_ENDS, evidence, account=account.name)
    return Passed(f"{account.name} is signed in until about {end}")


@_of_each
def _last(facts: Facts, account: AccountFacts) -> Result:
    if blocked := next((run.blocked for run in account.runs if run.blocked), ""):
        return failed(facts, wording.SYNC_NOT_STARTED, blocked)
    ended = [run for run in account.runs if run.ended]
    if not ended:
        state = "is at work" if account.runs else "has run"
        which = (
            f"the first sync of {account.name} {state}" if account.runs else f"no sync of {account.name} {state} yet"
        )
        return NotChecked(f"{which}: {Command('sync-now', facts.stack, account.name)}")
    run = ended[0]
    if run.state == "failed":
        return failed(facts, wording.SYNC_FAILED, f"{run.name}: {run.end.reason}", account=account.name)
    when: datetime = run.ended or run.began
    wait = timedelta(days=longest_wait(facts.settings.photo_sync.schedule)) + _GRACE
    if facts.now - when > wait:
        evidence = (
            f"the last sync of {account.name} was on {when:%Y-%m-%d}, and {wait.days} days is the most there may be"
        )
        return failed(facts, wording.SYNC_OVERDUE, evidence, account=account.name)
    (stated,) = (one for one in facts.settings.photo_sync.accounts if one.name == account.name)
    if stated.dry_run:
        return NotChecked(f"{account.name} has dryRun, which fetches nothing. Remove it, then run up")
    return Passed(f"{account.name}: {_counted(run.end.result, compared=stated.recent is None)} ({when:%Y-%m-%d})")


def _counted(result: ScriptResult | None, *, compared: bool) -> str:
    if result is None:
        return "complete; its pod is gone, and its counts with it"
    more = f", {result.missing} announced photos missing, as acceptMissing allows" if result.missing else ""
    if not compared or result.announced is None:
        more += ", not compared with what Apple announces"
    return f"{result.fetched} fetched, {result.present} already there, {result.free} MiB free{more}"


@_of_each
def _notified(facts: Facts, account: AccountFacts) -> Result:
    run = next((run for run in account.runs if run.ended), None)
    if run is None:
        return NotChecked(f"no sync of {account.name} has ended yet: {Command('notify-test', facts.stack)}")
    if run.end.unsent:
        return failed(facts, wording.NOT_SENT, f"{run.name}: {run.end.unsent}")
    if run.end.cut_short:
        return NotChecked(f"{run.name} was ended before it could send anything: {run.end.reason}")
    return Passed(f"{account.name}: all notifications of {run.name} were delivered")


@_of_each
def _scheduled(facts: Facts, account: AccountFacts) -> Result:
    name = photo_sync.cron_job_name(account.name)
    if account.cron_job is None:
        return failed(facts, wording.CRON_JOB_MISSING, f"there is no CronJob {name}")
    spec = account.cron_job["spec"]
    if spec.get("suspend"):
        return failed(facts, wording.CRON_JOB_SUSPENDED, f"CronJob {name} is suspended", cron_job=name)
    if account.refused:
        return failed(facts, wording.SYNC_NOT_STARTED, f"CronJob {name}: {account.refused}")
    zone = spec.get("timeZone") or "the cluster's own time zone"
    return Passed(f"{account.name}: {spec['schedule']} ({zone})")


SESSION = Check(
    "icloud-session",
    "each account is signed in at Apple, for long enough",
    _session,
    (wording.SIGNED_OUT, wording.SESSION_ENDS),
    SYNCING,
)
LAST = Check(
    "last-sync",
    "each account's last sync was complete, and is recent",
    _last,
    (wording.SYNC_NOT_STARTED, wording.SYNC_FAILED, wording.SYNC_OVERDUE),
    SYNCING,
    follows=("photo-directory", "photo-owner", "photo-mark", "photo-space", "volume", "icloud-session"),
)
SCHEDULE = Check(
    "sync-schedule",
    "each account's next sync will come",
    _scheduled,
    (wording.CRON_JOB_MISSING, wording.CRON_JOB_SUSPENDED, wording.SYNC_NOT_STARTED),
    SYNCING,
)
NOTIFICATIONS = Check(
    "notifications",
    "the last sync's notifications were delivered",
    _notified,
    (wording.NOT_SENT,),
    NOTIFIED,
)
