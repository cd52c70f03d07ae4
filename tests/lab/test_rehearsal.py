"""The guards of the rehearsal's commands, on a stand-in of the engine."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from changes.run import Operation, Run, Step
from lab.rehearsal import Rehearsal

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

    monkeypatch.setattr(Rehearsal, "_ready", lambda *_: SimpleNamespace(run=run))
    return Rehearsal(tmp_path, None, Console(file=said, width=200))  # type: ignore[arg-type]


def test_preview_fails_where_data_is_at_risk(rehearsal: Rehearsal, said: io.StringIO) -> None:
    assert not rehearsal.preview(None).succeeded
    assert "PersistentVolumeClaim photos-claim would be deleted." in said.getvalue()
    assert "If that is meant: make preview ARGS=--allow-data-loss" in said.getvalue()


def test_up_deploys_nothing_then(rehearsal: Rehearsal, ran: list[str], said: io.StringIO) -> None:
    assert not rehearsal.up(None).succeeded
    assert ran == ["preview"]
    assert "If that is meant: make up ARGS=--allow-data-loss" in said.getvalue()


def test_who_says_so_may(rehearsal: Rehearsal, ran: list[str], said: io.StringIO) -> None:
    assert rehearsal.preview(None, allow_data_loss=True).succeeded
    assert rehearsal.up(None, allow_data_loss=True).succeeded
    assert ran == ["preview", "preview", "up"]
    assert "Refused" not in said.getvalue()
