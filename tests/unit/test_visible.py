"""Untrusted text reaches no terminal as a command, wherever it is printed."""

import io
import json
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from clients.cloudflare import CloudflareError
from clients.immich import ImmichError
from clients.jobs import JobError
from clients.kubernetes import ClusterError
from clients.rollout import RolloutError
from engine import change_policy
from engine.run import Diagnostic, Step
from lab.display import Display, print_steps
from lab.errors import LabError
from ops import command, conversation, verify
from ops.checks import CHECKS
from ops.command import CommandError
from ops.diagram.dot import _quoted as graphviz
from ops.diagram.mermaid import _text as mermaid
from preflight import PreflightError, wording
from providers.report import checked, report
from review.github import GitHubError
from settings import SettingsError
from text.finding import Finding, Severity
from text.visible import visible, visible_lines

# Clears the screen, makes a link, in one byte the same; turns the line around; ends a line for some; nothing to see.
NASTY = "a\x1b[2J\x1b]8;;https://example.com\x07b\x9b31mc\u202ed\u2028e\x7ff\u200b\rg"
SHOWN = r"a\u{1b}[2J\u{1b}]8;;https://example.com\u{7}b\u{9b}31mc\u{202e}d\u{2028}e\u{7f}f\u{200b}\u{d}g"


def printed(show: Callable[[Console], None]) -> str:
    console = Console(file=io.StringIO(), width=1000, highlight=False)
    show(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def step() -> Step:
    return Step("update", f"kubernetes:core/v1:{NASTY}", NASTY, {NASTY: "a"}, {NASTY: NASTY})


def verdict() -> verify.Verdict:
    return {CHECKS[0]: Finding("nasty", Severity.PROBLEM, NASTY, NASTY, cause=NASTY)}


PRINTED: dict[str, Callable[[], str]] = {
    "a diagnostic": lambda: printed(lambda c: Display(c).show(Diagnostic("error", NASTY, NASTY))),
    "a step": lambda: printed(lambda c: Display(c).show(step())),
    "next steps": lambda: printed(lambda c: print_steps(c, [NASTY])),
    "a verdict": lambda: printed(lambda c: verify.show(c, verdict())),
    "Graphviz": lambda: graphviz(NASTY),
    "Mermaid": lambda: mermaid(NASTY),
    "settings": lambda: str(SettingsError([NASTY])),
    "preflight": lambda: str(PreflightError([wording.UNREADABLE.found(reason=NASTY)])),
    "a check": lambda: checked({}, lambda: [NASTY]).failures[0].reason,
    **{
        error.__name__: lambda error=error: str(error(NASTY))  # type: ignore[misc]
        for error in (
            ClusterError, CloudflareError, CommandError, GitHubError, ImmichError, JobError, LabError, RolloutError,
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("text", [one() for one in PRINTED.values()], ids=PRINTED)
def test_what_is_printed_is_text(text: str) -> None:
    assert SHOWN in text.replace(r"\\u", r"\u")  # Graphviz' own way
    unseen = {one for one in text if unicodedata.category(one) in {"Cc", "Cf", "Zl", "Zp"}}
    assert unseen <= {"\n"}


@pytest.mark.parametrize("say", [command.say, conversation.show, report])
def test_what_is_reported_is_text(say: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{NASTY}\nthen")
    assert "".join(capsys.readouterr()).removesuffix("\n") == f"{SHOWN}\nthen"


def test_a_guards_refusal_is_text() -> None:
    found = change_policy.tripped([Step("delete", "kubernetes:core/v1:PersistentVolume", NASTY)])
    assert SHOWN in change_policy.refusal(found, "make up")


@given(st.text())
def test_a_line_stays_a_line_and_says_what_it_held(text: str) -> None:
    assert len(visible(text).splitlines()) <= 1
    assert visible(visible(text)) == visible(text)
    assert json.dumps(visible_lines(text)).isprintable()


@pytest.mark.parametrize("text", ["grün 漢字 🎉", "a\tb", "фото"])
def test_what_everybody_sees_stays(text: str) -> None:
    assert visible(text) == text
