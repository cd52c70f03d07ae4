"""What tells where a real stack's state is, as all kinds of files say it."""

from pathlib import Path

import pytest

from ops import state_file

BAD = [
    b"\xff\xfe",
    b"[",
    b"!!timestamp x",
    b"&a [*a]",
    b"[]",
    b"- " * 3000,
    b"backend: !!int ''",
    b"backend: x",
    b'{"current": 1}',
]


@pytest.mark.parametrize("content", BAD)
def test_a_file_that_cannot_be_read_names_no_state(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    (tmp_path / "Pulumi.yaml").write_bytes(content)
    (tmp_path / "credentials.json").write_bytes(content)
    assert state_file.repair_of("homelab", tmp_path) is None
