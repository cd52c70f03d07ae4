"""The guards of the rehearsal's commands, on a stand-in of the engine."""

import io
import json
import subprocess
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from engine.run import Operation, Run, Step
from lab.engine import SOURCE
from lab.errors import LabError
from lab.rehearsal import Rehearsal
from lab.toolchain import Tools
from lab.world import World

TOOLS = Tools(*[Path("/nonexistent")] * 6)
CLAIM = Step("delete", "kubernetes:core/v1:PersistentVolumeClaim", "photos-claim")


@pytest.fixture
def ran() -> list[str]:
    """The operations that ran."""
    return []


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def rehearsal(tmp_path: Path, ran: list[str], said: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    def run(operation: Operation, _: object, **__: object) -> Run:
        ran.append(operation)
        return Run(operation, succeeded=True, steps=[CLAIM])

    monkeypatch.setattr(Rehearsal, "_ready", lambda *_: SimpleNamespace(run=run, stack="lab", interrupted=lambda: True))
    return Rehearsal(tmp_path, TOOLS, Console(file=said, width=200))


def test_preview_fails_where_data_is_at_risk(rehearsal: Rehearsal, said: io.StringIO) -> None:
    assert not rehearsal.preview(None).succeeded
    assert "PersistentVolumeClaim photos-claim would be deleted." in said.getvalue()
    assert "If that is meant: make preview STACK=lab ARGS=--allow-data-loss" in said.getvalue()


def test_up_deploys_nothing_then(rehearsal: Rehearsal, ran: list[str], said: io.StringIO) -> None:
    assert not rehearsal.up(None).succeeded
    assert ran == ["preview"]
    assert "If that is meant: make up STACK=lab ARGS=--allow-data-loss" in said.getvalue()


def test_a_permitted_change_passes(rehearsal: Rehearsal, ran: list[str], said: io.StringIO) -> None:
    assert rehearsal.preview(None, allow_data_loss=True).succeeded
    assert rehearsal.up(None, allow_data_loss=True).succeeded
    assert ran == ["preview", "preview", "up"]
    assert "Refused" not in said.getvalue()


@pytest.mark.parametrize(
    ("stack", "world", "fits"),
    [
        ("lab", "found", True),
        ("lab", "iteration6", False),
        ("adoption", "iteration6-argocd", True),
        (None, "found", True),
    ],
)
def test_a_command_on_a_named_stack_runs_on_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str | None, world: World, *, fits: bool
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(Rehearsal, "_engine", lambda *_: SimpleNamespace(become=became.append))
    rehearsal = Rehearsal(tmp_path, TOOLS, Console(), stack)
    monkeypatch.setattr(rehearsal.plane, "running", lambda: True)
    rehearsal.home.mkdir()
    (rehearsal.home / "rehearsal.json").write_text(json.dumps({"world": world}))
    with nullcontext() if fits else pytest.raises(LabError, match=f"STACK={stack}"):
        rehearsal.become(["ops.mark_disk"])
    assert bool(became) == fits


@pytest.mark.parametrize(
    ("stack", "named"), [("STACK=lab", "--stack lab "), ("STACK=adoption", "--stack adoption "), ("ACCOUNT=anna", "")]
)
def test_the_makefile_runs_printed_commands_on_the_rehearsal(stack: str, named: str) -> None:
    shown = subprocess.run(
        ["make", "-n", "-o", ".venv/.ready", "mark-disk", stack], cwd=SOURCE, capture_output=True, text=True, check=True
    )
    assert f"python -m lab {named}exec -- python -m ops.mark_disk {{stack}}" in " ".join(shown.stdout.split())
