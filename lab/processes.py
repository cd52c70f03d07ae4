"""The processes of one rehearsal: start them, find them again, end them.

There is no ledger that could be stale or lose a race against a kill: every process carries its mark in its own
environment, and so does everything that it starts (a Pulumi engine's plugins, too). Finding them is reading the
process table, so it needs nothing from the run that started them, however that run ended.
"""

import os
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.errors import LabError

HOME_MARK = "IMMICH_ICLOUD_LAB"
NAME_MARK = "IMMICH_ICLOUD_LAB_NAME"

# Kept until they end, so that their ends are collected: without that an ended child process stays a zombie.
_children: list[psutil.Popen] = []

_SHOWN_SECONDS = 5.0
_TERM_SECONDS = 5.0
_KILL_SECONDS = 5.0


@dataclass(frozen=True)
class Marked:
    """A live process of a rehearsal; `name` is what it, or the ancestor that was started for it, was started as."""

    name: str
    process: psutil.Process


def mark(home: Path, name: str) -> dict[str, str]:
    """Environment variables that make a process, with all its descendants, belong to the rehearsal in `home`."""
    return {HOME_MARK: str(home.resolve()), NAME_MARK: name}


def log_file(home: Path, name: str) -> Path:
    """Where `start` sends the output of `name`."""
    return home / "logs" / f"{name}.log"


def log_tail(home: Path, name: str) -> str:
    """Return the last lines of `log_file` and where it is, indented, for an error's text."""
    log = log_file(home, name)
    return "\n".join(f"  {line}" for line in [*log.read_text(errors="replace").splitlines()[-8:], f"({log})"])


def start(home: Path, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> psutil.Popen:
    """Start `command` in a session of its own (the terminal's Ctrl-C does not reach it), its output in `log_file`.

    The log of the run before it is kept as `<name>.previous.log`. `env` is the whole environment but for the marks;
    by default the caller's. Raises LabError when the program cannot be run.
    """
    log = log_file(home, name)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(f"{name}.previous.log"))
    with log.open("wb") as output:
        try:
            child = psutil.Popen(
                [str(part) for part in command],
                env={**(os.environ if env is None else env), **mark(home, name)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise LabError(f"{name} cannot be started: {command[0]}: {error.strerror}.") from error
    _children.append(child)
    _await_environment(child)
    return child


def _await_environment(child: psutil.Popen) -> None:
    """Wait until a process shows its mark: for a moment after exec, the kernel shows no environment of it."""
    deadline = time.monotonic() + _SHOWN_SECONDS
    with suppress(psutil.Error, OSError):  # it has ended, or is not ours to read
        while not child.environ() and time.monotonic() < deadline:
            time.sleep(0.001)


def find(home: Path) -> list[Marked]:
    """All live processes of the rehearsal in `home`, oldest first; never the caller nor what the caller runs under."""
    _collect()
    place = str(home.resolve())
    found = []
    for process in psutil.process_iter():
        try:
            if process.uids().real != os.getuid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
            if environment.get(HOME_MARK) == place:
                found.append((process.create_time(), process.pid, Marked(environment.get(NAME_MARK, ""), process)))
        except (psutil.Error, OSError):
            # Gone meanwhile, or not ours to read, hence not started by us.
            continue
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [marked for _, pid, marked in sorted(found, key=lambda entry: entry[:2]) if pid not in own]


def end(home: Path, names: Collection[str] | None = None) -> None:
    """End the processes of the rehearsal in `home`: all of them, or those started as one of `names`.

    Each is asked (SIGTERM), newest first, so that an API server goes before its store, and killed when it does not
    listen. Raises LabError when one survives that.
    """
    deadline = time.monotonic() + 60
    # Looked up again until nothing is left: what was ended may have started something at the last moment.
    while survivors := [marked for marked in find(home) if names is None or marked.name in names]:
        if time.monotonic() > deadline:
            listed = ", ".join(f"{marked.name} (pid {marked.process.pid})" for marked in survivors)
            raise LabError(
                f"These processes of {home} do not end: {listed}. End them by hand (kill -9), then try again."
            )
        for marked in reversed(survivors):
            _end_one(marked.process)


def _end_one(process: psutil.Process) -> None:
    # psutil compares the creation time before it signals, so a pid that was given to another process is never hit.
    try:
        process.terminate()
        if not _gone_within(process, _TERM_SECONDS):
            process.kill()
            _gone_within(process, _KILL_SECONDS)
    except psutil.NoSuchProcess:
        pass


def _gone_within(process: psutil.Process, seconds: float) -> bool:
    # Not psutil's wait(): under an init that reaps nothing an ended orphan stays a zombie, which it counts as alive. A
    # zombie of our own is waited for: until it is collected, its last threads may still hold its ports.
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            _collect()
            ended = process.status() == psutil.STATUS_ZOMBIE and process.ppid() != os.getpid()
            if ended or not process.is_running():
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def _collect() -> None:
    _children[:] = [child for child in _children if child.poll() is None]
