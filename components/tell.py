"""Sends notifications of a sync. It runs in Apprise's image, on Python's own library and the program `apprise`.

VERDICT    directory with what the sync left: `code`, its exit code, and `result`, what it reported
TOLD       directory that keeps what has been told
ACCOUNT    the account's name
ON         which events are reported: failure, sessionEnding, recovered
URLS       Apprise URLs, one a line
HEARTBEAT  URL that each good run requests
AHEAD      days until the next scheduled run, at most
LOGIN, VERIFY, SYNC
           the commands that sign in, show all, and fetch again
TEST       the command that only tests: a message that says so is sent instead, and it fails where one does not arrive

It ends with the sync's code; a message that was not delivered is its termination message.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

_NOT_SENT: Final = "not-sent"
_RECOVERED: Final = "recovered"
_NOTICE: Final = 7  # days before a session's end, at least
_LEAST: Final = timedelta(days=30)  # that a session usually lasts
_LIMIT: Final = 120  # seconds for one URL
_PAUSES: Final = (0, 5, 25)  # seconds before each try of the heartbeat

# A sync's own sentence may quote the client, and so a photo's name: instead of those, what is sent says this.
_QUOTING: Final = {
    "incomplete": "some photos are missing or incomplete. Retried at the next scheduled run",
    "unreadable-photo": "the client cannot read the metadata of a photo",
    "not-written": "a file could not be written. Check the photo disk",
    "not-writable": "a folder of the account does not belong to storage.owner",
    "apple-busy": "Apple is busy and does not serve all photos. Retried at the next scheduled run",
    "client-errors": "the client reported errors. Retried at the next scheduled run",
    "client-exit": "the client exited with an error",
    "client-unfinished": "the client ended before everything was fetched",
}
_PLAIN: Final = {
    "no-mark", "other-disk", "read-only", "no-space", "no-folder", "rearranged", "signed-out", "wrong-password",
    "locked", "sign-in-refused", "data-protection", "security-key", "no-photos", "unknown-album", "unknown-library",
    "busy", "synced", "stopped", "unrecognised", "no-connection",
}  # fmt: skip


@dataclass(frozen=True)
class Message:
    """What a notification reports.

    Attributes:
        key: what it is about; the same is sent once a day.
        kind: how severe it is, as Apprise names it.
        title: one line.
        body: what is wrong, and what to do.

    """

    key: str
    kind: str
    title: str
    body: str


@dataclass(frozen=True)
class Run:
    """How a sync went."""

    code: int
    result: dict[str, Any]

    @property
    def outcome(self) -> str:
        """Its code, for programs."""
        return str(self.result.get("code", "unknown"))

    @property
    def sentence(self) -> str:
        """What happened, without the name of any photo."""
        if self.outcome in _PLAIN:
            return str(self.result.get("message", ""))
        return _QUOTING.get(self.outcome, "the sync ended without a report")


def messages(run: Run, environment: Mapping[str, str], *, failed_before: bool, today: date) -> Iterator[Message]:
    """Yield the notifications that are due, of the events that are asked for."""
    asked, account = environment["ON"].split(), environment["ACCOUNT"]
    if run.code and "failure" in asked:
        body = f"{run.sentence.rstrip('.')}.\n\nMore: {environment['VERIFY']}"
        if environment["LOGIN"] not in body:
            body += f"\nOnce that is fixed: {environment['SYNC']}"
        yield Message(
            f"failure {run.outcome}", "failure", f"iCloud photos of {account}: sync failed ({run.outcome})", body
        )
    if not run.code and failed_before and "recovered" in asked:
        yield Message(
            _RECOVERED, "success", f"iCloud photos of {account}: sync works again", f"{run.sentence.rstrip('.')}."
        )
    if "sessionEnding" in asked and run.outcome != "signed-out" and (ends := _session(run, environment, today)):
        yield Message(
            "sessionEnding",
            "warning",
            f"iCloud photos of {account}: {ends[0]}",
            f"{ends[1]} Without a session no photo is fetched. Sign in again: {environment['LOGIN']}",
        )


def _session(run: Run, environment: Mapping[str, str], today: date) -> tuple[str, str] | None:
    ahead = int(environment["AHEAD"])
    if end := _day(run.result.get("sessionEnd")):
        about = f"The session at Apple is valid until about {end}, according to Apple's cookies."
    elif signed_in := _day(run.result.get("signedIn")):
        end = signed_in + _LEAST
        about = f"The session at Apple began on {signed_in}. Sessions usually last 30 to 60 days."
    else:
        return None
    # The next run is the next chance to say so.
    if (end - today).days - ahead >= _NOTICE:
        return None
    left = max((end - today).days, 0)
    return f"session ends in {left} days", f"{about} The next scheduled sync is up to {ahead} days away."


def _day(text: object) -> date | None:
    with contextlib.suppress(ValueError):
        return date.fromisoformat(text) if isinstance(text, str) else None
    return None


def sent(message: Message, url: str) -> bool:
    """Send a message to one URL."""
    command = ["apprise", "--storage-mode", "memory", "--input-format", "text"]
    command += ["--notification-type", message.kind, "--title", message.title]
    try:
        done = subprocess.run(
            command,
            input=message.body.encode(),
            env={**os.environ, "APPRISE_URLS": url},
            # What it says may have parts of the URL.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def requested(url: str, pauses: tuple[int, ...] = _PAUSES) -> bool:
    """Request the heartbeat's URL, several times if need be."""
    for pause in pauses:
        time.sleep(pause)
        try:
            with urllib.request.urlopen(url, timeout=20):  # noqa: S310 (http or https: the settings see to it)
                return True
        except (OSError, ValueError, HTTPException):
            continue
    return False


def tell(run: Run, environment: Mapping[str, str], today: date) -> list[str]:
    """Send all notifications that are due; return those that were not delivered."""
    state_file, urls = Path(environment["TOLD"]) / "told.json", environment.get("URLS", "").split()
    state = _read(state_file)
    said = {key: day for key, day in state.get("said", {}).items() if day == str(today)}
    failed, lost = bool(run.code), []
    for message in messages(run, environment, failed_before=bool(state.get("failed")), today=today) if urls else ():
        if message.key in said:
            continue
        unreached = [place for place, url in enumerate(urls) if not sent(message, url)]
        lost += [f"notifications.urls[{place}] could not be reached" for place in unreached]
        if len(unreached) < len(urls):
            _say(f"sent: {message.title}")
            said |= {message.key: str(today)}
        elif message.key == _RECOVERED:  # the next good run reports it
            failed = True
    if _is_whole(run) and (heartbeat := environment.get("HEARTBEAT")) and not requested(heartbeat):
        lost.append("notifications.heartbeat could not be reached")
    _write(state_file, {"failed": failed, "said": {key: day for key, day in said.items() if key != _RECOVERED}})
    return list(dict.fromkeys(lost))


def _is_whole(run: Run) -> bool:
    return run.code == 0 and run.outcome == "synced"


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: Path, state: dict[str, Any]) -> None:
    fresh = file.with_suffix(".new")
    with contextlib.suppress(OSError):  # at worst the same is sent twice
        fresh.write_text(json.dumps(state))
        fresh.replace(file)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (its log)


def _report(code: str, sentence: str) -> None:
    """End as the scripts do: `components/result.sh`."""
    line = json.dumps({"code": code, "message": sentence}, separators=(",", ":"))
    _say(line)
    with contextlib.suppress(OSError):
        Path("/dev/termination-log").write_text(line)


def _test(environment: Mapping[str, str]) -> int:
    urls = environment.get("URLS", "").split()
    message = Message(
        "", "info", "iCloud photos: a test", f"This test was sent by `{environment['TEST']}`. Nothing is wrong."
    )
    unreached = [place for place, url in enumerate(urls) if not sent(message, url)]
    if unreached:
        _report(_NOT_SENT, "; ".join(f"notifications.urls[{place}] could not be reached" for place in unreached))
    else:
        _report("sent", f"a test was sent to {len(urls)} of {len(urls)} notifications.urls")
    return 1 if unreached else 0


def _run_of(verdict: Path) -> Run:
    try:
        return Run(int((verdict / "code").read_text()), _read(verdict / "result"))
    except (OSError, ValueError):
        return Run(1, {})


def main() -> int:
    """Notify, and return the sync's code."""
    if os.environ.get("TEST"):
        return _test(os.environ)
    run = _run_of(Path(os.environ["VERDICT"]))
    try:
        lost = tell(run, os.environ, datetime.now(UTC).date())
    except Exception as error:  # noqa: BLE001 (whatever it is, the photos are there)
        lost = [f"no notification was sent: {type(error).__name__}"]
    if lost:
        _report(_NOT_SENT, "; ".join(lost))
    return run.code


if __name__ == "__main__":
    sys.exit(main())
