"""`make bench` takes half an hour, and says meanwhile how far it is."""

from typing import Any

import pytest

from bench import __main__ as bench
from bench.cost import Cost


class Still:
    """A project whose commands cost the same and do nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: {"settings": 1.0} if name == "parts" else Cost(1.0, 1.0, 1.0)


def test_each_round_is_announced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    list(bench._measured(Still(), 2, [10]))  # type: ignore[arg-type]  # noqa: SLF001
    said = capsys.readouterr().err.splitlines()
    assert [one.rpartition(": ")[2] for one in said] == ["round 1 of 2", "round 2 of 2"] * (len(said) // 2)
    assert [one.rpartition(": ")[0] for one in said[::2]] == [
        "up and down", "unchanged", "parts of a preview", "10 other routes", "10 accounts",
    ]  # fmt: skip
