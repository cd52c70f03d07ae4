"""What a kubeconfig holds inside is used, and never written anywhere nor told."""

import base64
import http.server
import json
import os
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from urllib3.exceptions import InsecureRequestWarning

from clients.credentials import connect
from clients.kubernetes import ClusterApi, ClusterError, ClusterRefusedError, Ref, UnreachableError
from settings.cluster import Cluster
from tests.scripted_server import Said, serving
from tests.unit.test_kubeconfig import written

SECRET = "hush5hush5"  # noqa: S105
PLUGIN_API = "client.authentication.k8s.io/v1"
POD = Ref("v1", "Pod", "p", "n")


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the name in the client's certificate."""

    def do_GET(self) -> None:
        assert isinstance(self.connection, ssl.SSLSocket)
        peer: Any = self.connection.getpeercert()
        name = dict(pair for entry in peer["subject"] for pair in entry)["commonName"]
        body = json.dumps({"gitVersion": name}).encode()
        self.send_response(403 if "/exec" in self.path or "/portforward" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def address(authority: trustme.CA) -> Iterator[str]:
    """A server that admits no client without a certificate of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(address: str, authority: trustme.CA) -> tuple[str, trustme.CA]:
    return address, authority


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return place


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def inside(place: Path, name: str, content: bytes) -> tuple[str, str]:
    del place
    return f"{name}-data", b64(content)


def beside(place: Path, name: str, content: bytes) -> tuple[str, str]:
    (place / name).write_bytes(content)
    return name, name


def by_plugin(place: Path, **status: str) -> dict[str, Any]:
    """Have a plugin give this."""
    told = place / "told"
    told.write_text(json.dumps({"apiVersion": PLUGIN_API, "kind": "ExecCredential", "status": status}))
    return {"exec": {"apiVersion": PLUGIN_API, "command": "cat", "args": [str(told)]}}


def kubeconfig(place: Path, address: str, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    file = place / "kubeconfig"
    file.write_text(yaml.safe_dump(written(user, address, **cluster)))
    return file


def api(file: Path) -> ClusterApi:
    return ClusterApi(Cluster(kubeconfig=str(file), context="c", identifier="c"))


@pytest.fixture(params=[inside, beside])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, bytes], tuple[str, str]]:
    """How a kubeconfig holds a certificate or a key."""
    return lambda name, content: request.param(tmp_path, name, content)


@pytest.mark.parametrize("how", ["apart", "key in the certificate's file", "by a plugin"])
def test_a_client_certificate_is_used_and_leaves_nothing_behind(
    tmp_path: Path,
    temporary: Path,
    server: tuple[str, trustme.CA],
    how: str,
    stored: Callable[[str, bytes], tuple[str, str]],
) -> None:
    address, authority = server
    issued = authority.issue_cert("anna.example", common_name="anna")
    key, certificate = issued.private_key_pem.bytes(), b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    user: dict[str, Any]
    match how:
        case "apart":
            user = dict([stored("client-certificate", certificate), stored("client-key", key)])
        case "by a plugin":
            user = by_plugin(tmp_path, clientCertificateData=certificate.decode(), clientKeyData=key.decode())
        case _:
            user = dict([stored("client-certificate", key + certificate)])
    trusted = dict([stored("certificate-authority", authority.cert_pem.bytes())])

    made = api(kubeconfig(tmp_path, address, trusted, user))
    assert list(temporary.iterdir()) == []
    assert made.version() == "anna"
    with pytest.raises(ClusterRefusedError, match="403"):
        made.execute(POD, "c", ["true"])
    with pytest.raises(ClusterRefusedError, match="403"):
        made.connect(POD, 80)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("how", ["inside", "by a plugin"])
def test_nothing_is_written_while_it_is_read(
    tmp_path: Path, authority: trustme.CA, address: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Not even for a moment in which a kill would leave it there."""
    issued = authority.issue_cert("anna.example", common_name="anna")
    certificate, key = issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()
    user = (
        by_plugin(tmp_path, clientCertificateData=certificate.decode(), clientKeyData=key.decode())
        if how == "by a plugin"
        else dict([inside(tmp_path, "client-certificate", certificate), inside(tmp_path, "client-key", key)])
    )
    trusted = dict([inside(tmp_path, "certificate-authority", authority.cert_pem.bytes())])
    file = kubeconfig(tmp_path, address, trusted, user)
    written: list[str] = []
    monkeypatch.setattr(tempfile, "mkstemp", lambda *_, **__: written.append("file"))
    monkeypatch.setattr(os, "makedirs", lambda *_, **__: written.append("folder"))

    api(file)
    assert written == []


def test_a_plugins_token_is_renewed_when_it_has_expired(
    tmp_path: Path, authority: trustme.CA, address: str, temporary: Path
) -> None:
    user = by_plugin(tmp_path, token="first", expirationTimestamp="2026-01-01T00:00:00Z")  # noqa: S106 (no secret)
    trusted = dict([inside(tmp_path, "certificate-authority", authority.cert_pem.bytes())])
    made = connect(kubeconfig(tmp_path, address, trusted, user)).configuration
    assert made.api_key == {"BearerToken": "Bearer first"}
    by_plugin(tmp_path, token="second")  # noqa: S106
    assert made.get_api_key_with_prefix("BearerToken") == "Bearer second"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("plugin", "why"),
    [
        ({"command": "false"}, "exec: process returned 1"),
        ({"command": "sh", "args": ["-c", "printf 'log in\\033[2J' >&2; exit 3"]}, "returned 3. log in\\u{1b}[2J"),
        ({"command": "echo", "args": ["{}"]}, "exec: malformed response. missing key 'apiVersion'"),
    ],
)
def test_why_a_plugin_gave_no_credentials_is_reported(
    tmp_path: Path, address: str, plugin: dict[str, Any], why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    user = {"exec": {"apiVersion": PLUGIN_API, **plugin}}
    with pytest.raises(ClusterError) as error:
        api(kubeconfig(tmp_path, address, {}, user))
    assert why in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_the_token_of_a_file_is_its_line_and_the_proxy_is_the_clusters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As kubectl reads them: `echo` ends the line, and another proxy of the environment is for other servers."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "token").write_text(f"{SECRET}\n")
    with serving(lambda *_: Said(200, b'{"gitVersion": "v1"}')) as proxy:
        url = proxy.address.replace("//", "//anna:hush@")
        there = kubeconfig(tmp_path, "http://cluster.invalid", {"proxy-url": url}, {"tokenFile": "token"})
        assert api(there).version() == "v1"
        made = connect(there).configuration
    assert proxy.asked == [("GET", "http://cluster.invalid/version")]
    assert made.api_key == {"BearerToken": f"Bearer {SECRET}"}
    assert made.proxy_headers == {"proxy-authorization": f"Basic {b64(b'anna:hush')}"}


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({}, {"token": f"{SECRET}\nx"}),
        ({}, {"token": f"{SECRET}\u20ac"}),
        ({}, {"tokenFile": "two-lines"}),
        ({}, {"exec": "two-lines"}),
        ({}, {"token": SECRET, "as": "admin", "as-groups": ["system:masters"]}),
        *(
            ({"proxy-url": url.format(SECRET)}, {"token": "x"})
            for url in ("socks5://x:{}@127.0.0.1:1", "http://x:{}@127.0.0.1:1", "http://x:{}@[:1", "x:{}@127.0.0.1:1")
        ),
    ],
)
def test_tokens_and_proxies_that_cannot_be_used_are_not_shown(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any]
) -> None:
    (tmp_path / "two-lines").write_text(f"{SECRET}\nx\n")
    stated = by_plugin(tmp_path, token=f"{SECRET}\nx") if "exec" in user else user
    with serving(lambda *_: Said(200, b'{"gitVersion": "v1"}')) as server, pytest.raises(ClusterError) as refused:
        api(kubeconfig(tmp_path, server.address, cluster, stated)).version()
    assert (SECRET in str(refused.value), server.asked) == (False, [])


def test_another_authority_is_not_trusted(tmp_path: Path, temporary: Path, authority: trustme.CA, address: str) -> None:
    del temporary
    issued = authority.issue_cert("anna.example", common_name="anna")
    user = dict(
        [
            inside(tmp_path, "client-certificate", issued.cert_chain_pems[0].bytes()),
            inside(tmp_path, "client-key", issued.private_key_pem.bytes()),
        ]
    )
    trusted = dict([inside(tmp_path, "certificate-authority", trustme.CA().cert_pem.bytes())])
    with pytest.raises(UnreachableError):
        api(kubeconfig(tmp_path, address, trusted, user)).version()
    lax = api(kubeconfig(tmp_path, address, {"insecure-skip-tls-verify": True}, user))
    with pytest.warns(InsecureRequestWarning):
        assert lax.version() == "anna"
