"""What unit tests share: nothing waits for time to pass."""

from pathlib import Path

import pytest
import trustme

from clients import pod_start, retry
from clients.public_trust import public_trust


@pytest.fixture(scope="session")
def an_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    return file


@pytest.fixture(autouse=True)
def _few_authorities(an_authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust one: to read the machine's hundred and more takes each TLS context a twentieth of a second."""
    monkeypatch.setenv("SSL_CERT_FILE", str(an_authority))
    public_trust.cache_clear()


@pytest.fixture(autouse=True)
def _no_pause_before_a_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "wait", lambda _: None)
    monkeypatch.setattr(pod_start, "POLL", 0)
