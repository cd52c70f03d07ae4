"""Foreign text, broken anywhere, through each of its readers: read, or refused by the reader's own error.

500 texts here in all, 10,000 of each reader in `make soak`. Answers of Cloudflare, Immich and Kubernetes:
test_*_answers.py.
"""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clients import connector_file, ingress_check, kubeconfig, result
from clients.disk_identity import Identity
from clients.kubeconfig import KubeconfigError
from clients.tunnel_document import DocumentError, TunnelDocument
from components import tell
from engine.file_backend import FileBackend
from engine.run import Run
from observe import cluster_domain
from ops import recorded
from ops.recorded import RecordError
from preflight import selectors
from review import stack_file
from review.stack_file import StackFileError
from settings import yaml_text
from settings.cluster import Cluster
from settings.yaml_text import YamlError
from tests.mutations import mutated
from tests.stack_files import OWN
from text.number import whole

OURS = {"hostname": "photos.example.com", "service": "http://immich-server.immich:2283"}


@dataclass(frozen=True)
class Reader:
    """Who reads a text: one that is right, and what is raised of one that is not."""

    name: str
    right: str
    read: Callable[[str, Path], object]
    refusal: tuple[type[Exception], ...] = ()

    def __repr__(self) -> str:
        return self.name


def of_tunnel(text: str, _: Path) -> None:
    document = TunnelDocument.read(text)
    ingress_check.unjudged(document.rules)
    document.shown(OURS)
    changed = document.with_rule(OURS)
    changed.without_rule(changed.place(OURS["hostname"]))


def of_kubeconfig(text: str, folder: Path) -> None:
    file = folder / "kubeconfig"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    kubeconfig.contexts(file)
    kubeconfig.load(Cluster(kubeconfig=str(file), context="lab", identifier="lab"))


def of_state(text: str, folder: Path) -> None:
    backend = FileBackend(folder, folder, "immich-icloud", "lab")
    backend.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    backend.checkpoint.write_bytes(text.encode("utf-8", "surrogatepass"))
    list(backend.damages())
    backend.interrupted()


def of_event_log(text: str, _: Path = Path()) -> None:
    Run.of_log("up", io.StringIO(text), succeeded=True)


TUNNEL = """\
tunnel: 7c0de5ad
metrics: 0.0.0.0:2000
originRequest:
  connectTimeout: 30s
ingress:
  # of the blog
  - hostname: '*.example.com'
    path: ^/api
    service: http://a.b:80
    originRequest: {noTLSVerify: true, ipRules: [{prefix: 10.0.0.0/8, ports: [80], allow: false}]}
  - &last
    service: http_status:404
warp-routing: {connectTimeout: 3s}
"""
LINE = '{"code":"synced","message":"12 \\u00e9","free":100,"onNode":true,"sessionEnd":"2026-12-24","id":"1-aa"}'
COREFILE = """\
.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
    }
    forward . /etc/resolv.conf
}
"""
KUBECONFIG = {
    "current-context": "lab",
    "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "u"}}],
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority-data": "eA=="}}],
    "users": [{"name": "u", "user": {"token": "x"}}],
}
PLACE = {"id": "a", "parent": "", "provider": ""}
EVENT: dict[str, Any] = {
    "sequence": 1,
    "timestamp": 1,
    "resourcePreEvent": {
        "metadata": {
            "op": "update",
            "urn": "urn:pulumi:lab::immich-icloud::kubernetes:core/v1:Namespace::a",
            "type": "kubernetes:core/v1:Namespace",
            "old": {"type": "t", "urn": "a", "inputs": {"a": [1]}, "outputs": {}, **PLACE},
            "new": {"type": "t", "urn": "a", "inputs": {"a": [2]}, "outputs": {}, **PLACE},
            "provider": "",
        },
        "planning": True,
    },
}  # fmt: skip
VERIFIED = '{"stack": "lab", "checks": [{"name": "dns", "result": "passed", "evidence": "a"}]}'
RESOURCE = {"urn": "urn:a", "type": "t", "outputs": {}}
LATEST = {"resources": [RESOURCE], "pending_operations": [{"type": "creating", "resource": RESOURCE}]}
STATE = {"version": 3, "checkpoint": {"latest": LATEST}}
READERS = (
    Reader("tunnel document", TUNNEL, of_tunnel, (DocumentError,)),
    Reader("report of a script", f"a log\n{LINE}\n", lambda text, _: (result.parse(text), result.words(text))),
    Reader("Corefile", COREFILE, lambda text, _: cluster_domain.domain(text)),
    Reader("kubeconfig", yaml.safe_dump(KUBECONFIG), of_kubeconfig, (KubeconfigError,)),
    Reader("state", json.dumps(STATE), of_state),
    Reader("a fork's stack file", OWN[0].read_text(), lambda text, _: stack_file.rehearsed(text), (StackFileError,)),
    Reader("event log", json.dumps(EVENT), of_event_log, (ValueError,)),
    Reader("result of verify", VERIFIED, lambda text, _: recorded.verdict(text), (RecordError,)),
)
PARTS = (
    "", "\x00", "\x1b[2J", "²", "٣", "9" * 5000, "--5", "\ud83d", "\ufeff", "[", "{", "}", "]", "[" * 2000, "&a *a",
    "*a", "&last ", "!!int x", "!!python/object:os", "!!timestamp x", "<<: [1]", "\t", "\r", "\x85", "\u2028",
    "%YAML 9.9\n---\n", "---\n", "...\n", "? ", "- ", ": ", "|\n", "'", '"', "#", "null", "~", "0x", "1e999", "NaN",
    "2026-99-99", "\\", "(?<", "$(",
)  # fmt: skip


@st.composite
def broken(draw: st.DrawFn, right: str) -> str:
    """A right text with something else in one to four places, or cut there, or twice."""
    text = right
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 1, 3, 20])))
        part = draw(st.sampled_from(PARTS) | st.text(max_size=5))
        text = draw(
            st.sampled_from([text[:start] + part + text[end:], text[:start] + text[end:], text[:start], text + text])
        )
    return text


MANY = hypothesis.settings().max_examples
# Of the profile where it is `soak`.
COUNT = MANY if MANY > 500 else 500 // len(READERS)


@pytest.mark.parametrize("reader", READERS, ids=str)
@hypothesis.settings(max_examples=COUNT)
@given(data=st.data())
def test_a_broken_text_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, reader: Reader, data: st.DataObject
) -> None:
    text = data.draw(broken(reader.right))
    with suppress(*reader.refusal):
        reader.read(text, tmp_path_factory.getbasetemp())


def test_an_event_that_is_wrong_somewhere_is_read_or_no_event() -> None:
    for _, wrong in mutated(EVENT):
        with suppress(ValueError):
            of_event_log(json.dumps(wrong))


def test_a_failure_is_told_whatever_the_report_says() -> None:
    environment = {
        "ACCOUNT": "anna",
        "ON": "failure sessionEnding",
        "AHEAD": "30",
        "SYNC": "",
        "LOGIN": "",
        "VERIFY": "",
    }
    for _, wrong in mutated(json.loads(LINE)):
        told = list(tell.messages(tell.Run(1, wrong), environment, failed_before=False, today=date(2026, 11, 27)))
        assert any(message.kind == "failure" for message in told)


def test_a_result_of_verify_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(RecordError):
        recorded.verdict("[" * 100_000)


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


def test_aliases_that_stand_for_too_much_are_refused() -> None:
    with pytest.raises(DocumentError, match="aliases"):
        TunnelDocument.read(f"{BOMB}ingress: [service: http_status:404]\n")
    with pytest.raises(YamlError, match="aliases"):
        yaml_text.composed(BOMB)


def test_a_stack_file_that_takes_minutes_to_parse_is_refused() -> None:
    with pytest.raises(YamlError, match=r"Allowed: 1048576$"):
        yaml_text.composed("#" * 2**20 + "\n")


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("2283", 2283), ("-5", -5), ("9" * 18, 10**18 - 1),
     *((text, None) for text in ("", "-", "--5", "²", "٣", "1_0", " 1", "1\n", "0x1", "1.0", "9" * 19, "9" * 5000))],
)  # fmt: skip
def test_a_number_is_one_of_ascii_digits(text: str, number: int | None) -> None:
    assert whole(text) == number


@pytest.mark.parametrize("text", ["²", "--5", "9" * 5000])
def test_what_is_no_number_is_none_for_its_readers(text: str) -> None:
    over = {"key": "a", "operator": "Gt", "values": ["1"]}
    assert not selectors.holds(over, {"a": text})
    assert Identity(f"{text}-aa").number == 0
    container = {
        "name": "c",
        "image": "cloudflared",
        "env": [{"name": "TUNNEL_METRICS", "value": f"0.0.0.0:{text}"}],
    }
    workload = {"spec": {"template": {"spec": {"containers": [container]}}}}
    assert connector_file.metrics_port(workload, {}) is None
