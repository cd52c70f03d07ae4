"""What unit tests share: nothing waits for time to pass."""

import pytest

from clients import pod_start, retry


@pytest.fixture(autouse=True)
def _no_pause_before_a_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "wait", lambda _: None)
    monkeypatch.setattr(pod_start, "POLL", 0)
