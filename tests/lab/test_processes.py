"""Processes of a rehearsal are found and ended however the run that started them ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lab import processes
from lab.errors import LabError
from tests.lab.conftest import until

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
)
# Starts a grandchild that outlives it.
PARENT = (
    sys.executable,
    "-c",
    "import subprocess, time; subprocess.Popen(['sleep', '600']); time.sleep(600)",
)


def names(home: Path) -> list[str]:
    return [marked.name for marked in processes.find(home)]


def test_what_was_started_is_found_under_its_name_oldest_first(home: Path) -> None:
    processes.start(home, "first", SLEEP)
    processes.start(home, "second", SLEEP)
    assert names(home) == ["first", "second"]


def test_output_goes_to_the_log_and_the_log_before_it_is_kept(home: Path) -> None:
    for text in ("one", "two"):
        processes.start(home, "talker", (sys.executable, "-c", f"print({text!r})")).wait()
    assert processes.log_file(home, "talker").read_text() == "two\n"
    assert (home / "logs" / "talker.previous.log").read_text() == "one\n"


def test_end_leaves_nothing_not_even_what_outlived_its_parent(home: Path) -> None:
    parent = processes.start(home, "engine", PARENT)
    until(lambda: len(names(home)) == 2)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert names(home) == ["engine"]
    processes.end(home)
    assert names(home) == []


def test_only_the_named_are_ended(home: Path) -> None:
    processes.start(home, "stays", SLEEP)
    processes.start(home, "goes", SLEEP)
    processes.end(home, {"goes"})
    assert names(home) == ["stays"]


def test_another_home_is_left_alone(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    processes.start(other, "theirs", SLEEP)
    processes.end(home)
    assert names(other) == ["theirs"]
    processes.end(other)


def test_one_that_ignores_the_request_is_killed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_TERM_SECONDS", 0.2)
    processes.start(home, "deaf", STUBBORN)
    until(lambda: processes.log_file(home, "deaf").read_text() == "deaf\n")
    processes.end(home)
    assert names(home) == []


def test_a_run_killed_with_its_children_leaves_them_to_the_next(home: Path) -> None:
    starter = (
        "import pathlib, sys, time\n"
        "from lab import processes\n"
        "processes.start(pathlib.Path(sys.argv[1]), 'server', [sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", starter, str(home)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        assert run.stdout.readline() == "up\n"
        run.kill()
    assert names(home) == ["server"]
    processes.end(home)
    assert names(home) == []


def test_one_that_was_started_shows_its_mark(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment after exec, the kernel shows an empty environment."""
    shown = psutil.Popen.environ
    empty: list[dict[str, str]] = [{}, {}]
    monkeypatch.setattr(psutil.Popen, "environ", lambda self: empty.pop() if empty else shown(self))
    child = processes.start(home, "server", SLEEP)
    assert empty == []
    assert processes.mark(home, "server").items() <= child.environ().items()


def test_a_process_of_a_home_that_was_deleted_is_still_found(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    processes.start(home, "server", SLEEP)
    (home / "logs" / "server.log").unlink()
    (home / "logs").rmdir()
    home.rmdir()
    assert names(home) == ["server"]
    processes.end(home)
    assert names(home) == []


def test_a_home_is_the_same_through_a_symbolic_link(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("links") / "link"
    link.symlink_to(home)
    processes.start(link, "server", SLEEP)
    assert names(home) == ["server"]


def test_a_missing_program_is_named(home: Path) -> None:
    with pytest.raises(LabError, match="etcd cannot be started: /nowhere/etcd: No such file"):
        processes.start(home, "etcd", ["/nowhere/etcd"])
