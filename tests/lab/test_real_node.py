"""The probe for a real node, whose failure `.ci/run` takes for an answer."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from rich.console import Console

from lab.engine import SOURCE
from lab.real_node import parts


def test_a_real_node_whose_programs_are_not_built_is_reported_missing(tmp_path: Path) -> None:
    """Whatever else the machine lacks: it is an answer, not a crash."""
    probe = subprocess.run(
        [sys.executable, "-m", "lab.real_node", "--built"],
        cwd=SOURCE,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert probe.returncode == 1
    first, *missing = probe.stderr.splitlines()
    assert first == "error: a real node cannot run here. Missing:"
    assert missing
    assert list(tmp_path.iterdir()) == []


def test_built_parts_wait_for_no_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(_: Console) -> NoReturn:
        pytest.fail("it takes the builders' lock")

    monkeypatch.setattr("lab.toolchain.find", lambda *_: {"kubelet": tmp_path})
    monkeypatch.setattr(parts, "_place", lambda: tmp_path)
    monkeypatch.setattr(parts, "only_builder", refuse)
    assert parts.find(Console()).programs == tmp_path
