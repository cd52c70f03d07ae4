"""`make icloud-login` as someone runs it: at a terminal, in a process of its own."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

from clients.kubernetes import Ref
from lab.apple.world import CODE
from lab.engine import SOURCE
from lab.real_node import node as real_node
from ops.command import CommandError
from tests.accounts import PASSWORD
from tests.lab.conftest import until
from tests.real_node.cluster import Rehearsed
from tests.real_node.stack import OnNode

pytestmark = pytest.mark.long
ASKS_CODE = "two-factor authentication code"


@dataclass
class Terminal:
    """A command at a terminal."""

    process: subprocess.Popen[bytes]
    screen: int
    seen: str = ""

    def until(self, words: str) -> None:
        """Read up to these words."""
        while self._more() and words not in self.seen:
            pass
        assert words in self.seen, self.seen

    def _more(self) -> bool:
        """Read what is reported next; a terminal whose last program has ended can't be read."""
        with contextlib.suppress(OSError):
            self.seen += (part := os.read(self.screen, 4096).decode(errors="replace"))
            return bool(part)
        return False

    def type(self, line: str) -> None:
        os.write(self.screen, f"{line}\r".encode())

    def end(self) -> int:
        """Read all that is still said, and return the exit code."""
        while self._more():
            pass
        return self.process.wait(60)


@pytest.fixture(scope="module")
def house(rehearsed: Rehearsed) -> OnNode:
    return OnNode.deployed(rehearsed, "terminal")


@pytest.fixture
def terminal(house: OnNode) -> Iterator[Terminal]:
    """`make icloud-login`, at the point where the code is asked for."""
    screen, keyboard = pty.openpty()
    words = ["icloud_login", house.settings.photo_sync.namespace, str(house.cluster.address.kubeconfig_file)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.real_node.at_terminal", *words],
        cwd=SOURCE, stdin=keyboard, stdout=keyboard, stderr=keyboard, start_new_session=True,
    )  # fmt: skip
    os.close(keyboard)
    made = Terminal(process, screen)
    made.until(ASKS_CODE)
    yield made
    process.kill()
    os.close(screen)
    for name in jobs(house):
        house.cluster.api.delete_with_dependents(Ref("batch/v1", "Job", name, house.settings.photo_sync.namespace))
    until(lambda: not pods(house), 60)


def jobs(house: OnNode) -> list[str]:
    found = house.cluster.api.list(Ref("batch/v1", "Job", "", house.settings.photo_sync.namespace))
    return [job["metadata"]["name"] for job in found if job["metadata"]["name"].startswith("icloud-login-")]


def pods(house: OnNode) -> list[str]:
    found = house.cluster.api.list(Ref("v1", "Pod", "", house.settings.photo_sync.namespace))
    return [pod["metadata"]["name"] for pod in found if pod["metadata"]["name"].startswith("icloud-login-")]


def clients(house: OnNode) -> list[psutil.Process]:
    """What of icloudpd runs in pods."""
    return [one for one in real_node.containers(house.cluster.home) if "--auth-only" in words(one)]


def words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):  # it has ended
        return list(process.cmdline())
    return []


def test_the_code_is_typed(house: OnNode, terminal: Terminal) -> None:
    terminal.type(CODE)
    assert terminal.end() == 0
    assert terminal.seen.rstrip().endswith("Account anna is signed in.")
    assert PASSWORD not in terminal.seen
    until(lambda: not jobs(house) and not pods(house))


def test_ctrl_c_leaves_nothing(house: OnNode, terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    until(lambda: not jobs(house) and not pods(house))


def test_what_a_killed_one_leaves_ends_by_itself(house: OnNode, terminal: Terminal) -> None:
    """A node does not end a command with its client: what is typed ends, and icloudpd with it."""
    assert clients(house)
    terminal.process.kill()
    until(lambda: not clients(house))
    # The next one is told how to remove the pod, which stays for a quarter of an hour.
    (name,) = jobs(house)
    with pytest.raises(CommandError, match=f"kubectl delete job --namespace terminal {name}"):
        house.sign_in(CODE)
