"""A server that sends a byte now and then is never silent: each client still ends, by an error that may pass."""

import json
import socket
import ssl
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from pydantic import SecretStr

from clients import deadline
from clients.cloudflare import CloudflareApi
from clients.immich import ImmichApi
from clients.kubernetes import ClusterApi, Ref
from clients.retry import TransientError
from ops.facts.internet import Internet, Page, trusting
from review.github import GitHub
from tests.immich_server import connected
from tests.scripted_server import Said, serving
from tests.unit.test_kubeconfig import connect, written

SLOW = {
    "head": Said(headers=(("X-Padding", "x" * 45_000),) * 2),
    "body": Said(body=json.dumps("x" * 1_000_000).encode()),
    "refusal": Said(418, body=json.dumps("x" * 1_000_000).encode()),
}
POD = Ref("v1", "Pod", "p", "n")


def cluster(folder: Path, address: str) -> ClusterApi:
    return connect(folder, written({}, address, **{"certificate-authority": str(folder / "ca.pem")}))


CALLS: dict[str, Callable[[Path, str], object]] = {
    "Kubernetes": lambda folder, address: cluster(folder, address).get(POD),
    "a pod's port": lambda folder, address: cluster(folder, address).of_pod(POD, 1, ""),
    "a stream": lambda folder, address: cluster(folder, address).execute(POD, "c", ["true"]),
    "Cloudflare": lambda *_: CloudflareApi("x").zone("z"),
    "Cloudflare, written": lambda *_: CloudflareApi("x").replace_configuration("a", "t", {}),
    "GitHub": lambda _, address: GitHub.of(
        {"GITHUB_TOKEN": "x", "GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": address}
    ).labels(7),
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_answer_takes_forever(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    authority: trustme.CA,
    call: Callable[[Path, str], object],
    answer: Said,
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(lambda *_: answer, tls) as server:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", server.address)
        ends_in_time(monkeypatch, lambda: call(tmp_path, server.address))


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_no_answer_of_immich_takes_forever(monkeypatch: pytest.MonkeyPatch, answer: Said) -> None:
    with serving(lambda *_: answer) as server:
        immich = ImmichApi(lambda: connected(urlsplit(server.address).port), SecretStr("x"))
        ends_in_time(monkeypatch, immich.ping)


@pytest.mark.parametrize(
    "ask",
    [
        lambda internet: internet.plain("immich.example.com"),
        lambda internet: internet.page("immich.example.com"),
        lambda internet: internet.web_socket("immich.example.com"),
        lambda internet: internet.uploads("immich.example.com", 0).above,
    ],
    ids=["http", "https", "web socket", "upload"],
)
def test_no_answer_of_the_host_takes_forever(
    monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, ask: Callable[[Internet], Page]
) -> None:
    tls, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), trusting()
    authority.issue_cert("immich.example.com").configure_cert(tls)
    authority.configure_trust(trust)
    monkeypatch.setattr(deadline, "now", partial(next, count(step=15)))
    with serving(lambda *_: SLOW["head"]) as http, serving(lambda *_: SLOW["head"], tls) as https:
        at = {80: urlsplit(http.address), 443: urlsplit(https.address)}
        internet = Internet(
            connect=lambda _, port: socket.create_connection((at[port].hostname, at[port].port)), trust=trust
        )
        assert ask(internet).fault in {"the answer takes too long", "Connection timed out"}


def ends_in_time(monkeypatch: pytest.MonkeyPatch, ask: Callable[[], object]) -> None:
    """Each read takes a quarter of a minute of the clock."""
    clock = count(step=15)
    monkeypatch.setattr(deadline, "now", lambda: next(clock))
    with pytest.raises(TransientError, match=r"time|too long"):
        ask()
    assert next(clock) < 4 * 15 * 10
