"""The frame of a command that a person runs on a stack's cluster: `python -m ops.NAME STACK [ACCOUNT]`."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from clients.immich import ImmichError
from clients.jobs import JobError
from clients.kubernetes import ClusterApi, ClusterError
from components.ownership import Ownership
from ops.stack import StackError, settings_of
from settings import PROJECT, Settings, SettingsError
from settings.photo_sync import Account
from text.command import Command, kubectl_of, with_command
from text.visible import VisibleError, visible_lines

Say = Callable[[str], None]

_INTERRUPTED = 130  # the shell's status of a program that Ctrl-C ended


class CommandError(VisibleError):
    """The command can't be carried out. `str()` is one line for the user."""


@dataclass(frozen=True)
class Stack:
    """A stack as its commands see it.

    Attributes:
        name: the stack's name, as in `STACK=...`.
        settings: all that its file says.
        api: its cluster.

    """

    name: str
    settings: Settings
    api: ClusterApi

    @property
    def namespace(self) -> str:
        """The namespace that the photos' Jobs run in."""
        return self.settings.photo_sync.namespace

    @property
    def ownership(self) -> Ownership:
        """What this stack calls its own."""
        return Ownership(f"{PROJECT}/{self.name}", lost=self.settings.lost_stack)

    def account(self, asked: str | None) -> Account:
        """Find the account that is asked for; it may be left out where there is but one.

        Raises:
            CommandError: when there is none of that name, or several and none was asked for.

        """
        accounts = {account.name: account for account in self.settings.photo_sync.accounts}
        if not accounts:
            raise CommandError(
                f"STACK={self.name} has no accounts. Name one in {PROJECT}:photoSync.accounts, then "
                f"`{Command('up', self.name)}`"
            )
        if asked is None and len(accounts) > 1:
            raise CommandError(f"ACCOUNT=... is needed, as there are several: {', '.join(accounts)}")
        name = asked or next(iter(accounts))
        if name not in accounts:
            raise CommandError(f"ACCOUNT={name} is not known. Accounts of STACK={self.name}: {', '.join(accounts)}")
        return accounts[name]


def say(sentence: str) -> None:
    """Tell the person something at once, through a pipe, too."""
    print(visible_lines(sentence), flush=True)  # noqa: T201 (a command talks)


def main(perform: Callable[[Stack, str | None], None]) -> None:
    """Run a command on the stack and account of the command line; expected faults are reported without a traceback."""
    # SIGINT, too: a shell starts its background jobs with it ignored.
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    name, account = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None  # noqa: PLR2004 (the second argument)
    kubectl = ""
    try:
        settings = settings_of(name)
        kubectl = settings.cluster.kubectl
        perform(Stack(name, settings, ClusterApi(settings.cluster)), account)
    except SettingsError as error:
        sys.exit(f"error: {error}")
    except (StackError, ClusterError, ImmichError, JobError, CommandError) as error:
        text = f"error: {with_command(error, name)}"
        sys.exit("\n".join([text, *kubectl_of(text, kubectl)]))
    except KeyboardInterrupt:
        say("\nInterrupted.")
        os._exit(_INTERRUPTED)  # a thread may still wait for what someone types


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
