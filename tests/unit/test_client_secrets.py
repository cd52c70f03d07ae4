"""Whatever goes wrong between a client and its server: no credential is in what an error says, or in its traceback."""

import ssl
import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from pydantic import SecretStr

from clients import retry
from clients.cloudflare import CloudflareApi, token
from clients.immich import ImmichApi
from clients.kubernetes import ClusterApi, Ref
from review.github import GitHub
from tests.immich_server import connected
from tests.scripted_server import MALFORMED, Said, serving
from tests.unit.test_kubeconfig import connect, written

MARK = "hush5"
# As they should be, and as a file, a variable or a clipboard may have them.
SECRETS = [MARK, f"{MARK}\n{MARK}", f"{MARK}\0", f"{MARK}é"]
ANSWERS = {
    "refused": Said(401, b"{}"),
    "busy": Said(503),
    "lost": Said(lost=True),
    "redirect": Said(302, headers=(("Location", "/elsewhere"),)),
    "no URL": MALFORMED["no URL"],
}
POD = Ref("v1", "Pod", "p", "n")


def cluster(folder: Path, address: str, **user: str) -> ClusterApi:
    return connect(folder, written(user, address, **{"certificate-authority": str(folder / "ca.pem")}))


def immich(address: str) -> ImmichApi:
    return ImmichApi(lambda: connected(urlsplit(address).port), SecretStr(MARK))


def github(address: str, secret: str) -> GitHub:
    return GitHub.of({"GITHUB_TOKEN": secret, "GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": address})


CALLS: dict[str, Callable[[Path, str, str], object]] = {
    "Kubernetes": lambda folder, address, secret: cluster(folder, address, token=secret).get(POD),
    "a stream": lambda folder, address, secret: cluster(folder, address, token=secret).execute(POD, "c", ["true"]),
    "a password": lambda folder, address, secret: cluster(folder, address, username="u", password=secret).get(POD),
    "Cloudflare": lambda _, __, secret: CloudflareApi(token(SecretStr(secret))).replace_configuration("a", "t", {}),
    "Immich": lambda _, address, __: immich(address).me(),  # the settings take no other form of a key
    "GitHub": lambda _, address, secret: github(address, secret).labels(7),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("call", CALLS)
def test_no_error_has_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, answer: Said) -> None:
    tls, authority = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), trustme.CA()
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(retry, "wait", lambda _: None)
    with serving(lambda *_: answer, None if call == "Immich" else tls) as server:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", server.address)
        for secret in SECRETS:
            with pytest.raises(Exception) as failed:  # noqa: PT011 (which one is not the point)
                CALLS[call](tmp_path, server.address, secret)
            said = [repr(failed.value), *traceback.format_exception(failed.value)]
            assert [text for text in said if MARK in text] == []
        assert server.asked
