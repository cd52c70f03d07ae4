"""`make new STACK=home`: asks six questions, writes the stack file, stores its secrets, and previews it."""

import getpass
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clients import kubeconfig
from clients.cloudflare import TOKEN_VARIABLE, CloudflareApi, CloudflareError
from clients.kubeconfig import KubeconfigError
from clients.kubernetes import ClusterApi, ClusterError
from observe.candidates import Candidates, read_candidates
from ops.command import CommandError, say
from ops.new import answers, draft, offers
from ops.new.answers import AnswerError, Section
from settings.cluster import Cluster
from text.command import Command, ConfigSet
from text.number import whole

_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_]{0,99}")
_QUESTIONS = 6


@dataclass
class Questions:
    """Asks, with a default where there is one; `again` is whether a person can correct an answer.

    Attributes:
        ask: shows a prompt and returns a line.
        again: whether an answer that cannot be used is asked for again.
        sections: what the answers have come to.

    """

    ask: Callable[[str], str]
    again: bool
    sections: dict[str, Any] = field(default_factory=dict)
    _asked: int = 0

    def answer(self, question: str, offered: Sequence[str], read: Callable[[str], Section]) -> str:
        """Ask until the answer can be used, and keep what it says; a number chooses what is offered.

        Raises:
            CommandError: when it cannot be used, and no person is there to correct it.

        """
        self._asked += 1
        say(f"\n{self._asked}/{_QUESTIONS} {question}")
        for number, one in enumerate(offered, start=1):
            say(f"    {number}. {one}")
        while True:
            text = self._line(f"  [{offered[0]}]: " if offered else "  : ") or (offered[0] if offered else "")
            if (chosen := whole(text)) and 0 < chosen <= len(offered):
                text = offered[chosen - 1]
            try:
                stated = {**self.sections, **read(text)}
                wrong = draft.problems(stated)
            except AnswerError as error:
                wrong = [f'"{text}" is not an answer. Allowed: {error}']
            if not wrong:
                self.sections = stated
                return text
            if not self.again:
                raise CommandError(wrong[0])
            say("\n".join(f"  {one}" for one in wrong))

    def _line(self, prompt: str) -> str:
        try:
            text = self.ask(prompt).strip()
        except EOFError:
            if self.again:
                raise KeyboardInterrupt from None  # Ctrl-D; at the end of a pipe the rest are defaults
            say("")
            return ""
        return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] in {'"', "'", "`"} else text


def questions(asked: Questions) -> str:
    """Ask all six; return the stack file's text.

    Raises:
        CommandError: when there is no kubeconfig, or an answer cannot be used.

    """
    contexts = _contexts()
    files = dict.fromkeys(contexts.values())
    asked.answer(
        f"Which context of {', '.join(files)} is the homelab's?",
        [*contexts],
        lambda text: answers.cluster(text, contexts),
    )
    candidates = _look(Cluster.model_validate(asked.sections["cluster"]))
    namespace = asked.answer(
        "Which namespace does Immich run in?",
        offers.namespaces(candidates),
        lambda text: {"immich": {"namespace": text}},
    )
    host = asked.answer(
        "Under which host name do people reach Immich, such as immich.example.com?",
        offers.host_names(candidates, namespace),
        lambda text: {"host": text},
    )
    asked.answer(
        f"Where are the photos kept? {answers.STORAGE}.", offers.storage(candidates, namespace), answers.storage
    )
    asked.answer(
        f"How is Immich published? {answers.PUBLISHED}.",
        offers.published(candidates, namespace, host, _tunnels(host)),
        lambda text: answers.published(text, candidates),
    )
    asked.answer(
        "Whose photos are fetched? A short name for each Apple ID, such as `anna ben`, or none.",
        ["none"],
        lambda text: answers.accounts(text, candidates),
    )
    return draft.written(asked.sections)


def _contexts() -> dict[str, str]:
    """List the contexts of all kubeconfig files, each with its file: the first one that has it, as for kubectl."""
    named = [one for one in os.environ.get("KUBECONFIG", "").split(os.pathsep) if one] or ["~/.kube/config"]
    found = dict[str, str]()
    for file in (one for one in named if Path(one).expanduser().is_file()):
        try:
            found |= {one: file for one in kubeconfig.contexts(Path(file).expanduser()) if one not in found}
        except KubeconfigError as error:
            raise CommandError(str(error)) from None
    if not found:
        raise CommandError(f"no kubeconfig has a context: {', '.join(named)}. Name yours in the variable KUBECONFIG")
    return found


def _look(cluster: Cluster) -> Candidates:
    try:
        found = read_candidates(ClusterApi(cluster))
    except ClusterError as error:
        say(f"The cluster could not be read, so the questions offer only examples: {error}")
        return Candidates()
    for one in found.forbidden:
        say(f"Not read: {one}")
    return found


def _tunnels(host: str) -> list[str]:
    """Name the tunnels of the host's account that Cloudflare manages, where the environment has an API token."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    try:
        api = CloudflareApi(token) if token else None
        zone = api.zone_of(host) if api else None
        found = api.tunnels(zone.account_id) if api and zone else []
    except CloudflareError as error:
        say(f"The Cloudflare account could not be read, so its tunnels are not offered: {error}")
        return []
    live = (one for one in found if not one.deleted and one.config_src == "cloudflare")
    # An answer is read as words.
    return [one.name if one.name == " ".join(one.name.split()) != "" else one.id for one in live]


def store(stack: str, secrets: Mapping[str, str], *, person: bool) -> list[str]:
    """Create the stack in Pulumi's state and store its secrets; return the commands that are left to a person."""
    initialize = f"pulumi stack init {stack}"
    left = [initialize, *(str(ConfigSet(stack, key)) for key in secrets)]
    if not shutil.which("pulumi"):
        say("\nThe Pulumi CLI is not installed: https://www.pulumi.com/docs/install/")
        return left
    with suppress(KeyboardInterrupt, EOFError):
        if not _did(_pulumi("stack", "init", stack), "already exists"):
            return left
        left.remove(initialize)
        for key, what in secrets.items():
            value = getpass.getpass(f"{what} (hidden; Enter leaves it for later): ") if person else ""
            path = ["--path"] if "." in key else []
            if value and _did(_pulumi("config", "set", "--secret", *path, key, "--stack", stack, told=value)):
                left.remove(str(ConfigSet(stack, key)))
    return left


def _did(command: subprocess.CompletedProcess[str], *passing: str) -> bool:
    """Whether a command did what it is for; if not, show why."""
    if not command.returncode or any(words in command.stderr for words in passing):
        return True
    say(" ".join(command.stderr.split()))
    return False


def _pulumi(*words: str, told: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["pulumi", *words, "--non-interactive"], input=told, text=True, capture_output=True, check=False
    )


def main() -> None:
    """Ask, write, store, preview."""
    stack = " ".join(sys.argv[1:])
    if not _NAME.fullmatch(stack):
        sys.exit("error: STACK=... is needed: a name for the stack of letters, digits, - and _, such as STACK=home")
    file, person, preview = Path(f"Pulumi.{stack}.yaml"), sys.stdin.isatty(), Command("preview", stack)
    if file.exists():
        sys.exit(
            f"error: {file} exists, and is not overwritten. Edit it, then `{preview}`, or choose another STACK=..."
        )
    asked = Questions(input, again=person)
    try:
        text = questions(asked)
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except CommandError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Nothing was written.")
    say(f"\n{file} is written.")
    wanted = answers.secrets(asked.sections, token_is_set=bool(os.environ.get(TOKEN_VARIABLE)))
    if left := store(stack, wanted, person=person):
        # Without them a preview would fail.
        say("\n".join(["", "Next:", *(f"  $ {line}" for line in (*left, preview))]))
    else:
        os.execv(sys.executable, [sys.executable, "-m", "ops.deploy", "preview", stack])  # noqa: S606 (no shell)


if __name__ == "__main__":
    main()
