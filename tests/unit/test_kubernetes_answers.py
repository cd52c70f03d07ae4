"""What the Kubernetes client makes of an API server that is busy, cut off, or none: a right result, or one sentence."""

import io
import json
import re
import socket
import struct
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from urllib3 import HTTPResponse

from clients import kubernetes_types, retry
from clients.kubernetes import ClusterApi, ClusterError, ClusterRefusedError, Manifest, Ref, UnreachableError
from tests.mutations import WRONG_BODIES, mutated
from tests.scripted_server import MALFORMED, Answering, Said, Scripted, serving
from tests.unit.test_kubernetes_client import api_at

LEASE: Manifest = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "l", "namespace": "default", "uid": "u", "resourceVersion": "1"},
    "spec": {"holderIdentity": "me", "leaseDurationSeconds": 45},
}
REF = Ref.of(LEASE)
FRESH = {**LEASE, "metadata": {"name": "l", "namespace": "default"}}
POD: Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "immich", "uid": "u", "resourceVersion": "1", "labels": {"app": "immich"}},
    "spec": {"containers": [{"name": "server", "volumeMounts": [{"name": "v", "mountPath": "/data"}]}]},
    "status": {"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": []},
}
BUSY = [Said(429, headers=(("Retry-After", "3"),)), Said(500), Said(503), Said(504), Said(lost=True), Said(cut=True)]
NOT_FOUND = Said(404, b'{"kind": "Status", "reason": "NotFound", "message": "not found"}')

Connect = Callable[[Answering], tuple[ClusterApi, Scripted]]


def said(value: Any) -> Said:
    return Said(body=json.dumps(value).encode())


def listed(*items: Any, kind: str = "Pod") -> Said:
    return said({"kind": f"{kind}List", "apiVersion": "v1", "metadata": {}, "items": [*items]})


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ExitStack() as stack:

        def connected(answer: Answering) -> tuple[ClusterApi, Scripted]:
            server = stack.enter_context(serving(answer))
            return api_at(tmp_path, server.address), server

        yield connected


def first(*answers: Said, then: Answering) -> Answering:
    """These answers, one a request, and then others."""
    left = [*answers]
    return lambda method, path, content: left.pop(0) if left else then(method, path, content)


class Leases:
    """Keeps one Lease as an API server does."""

    def __init__(self, live: Manifest | None = None) -> None:
        self.live = live

    def __call__(self, method: str, _path: str, content: bytes) -> Said:
        if method == "DELETE":
            self.live = None
            return said({"kind": "Status", "status": "Success"})
        if method == "GET":
            return said(self.live) if self.live else NOT_FOUND
        if method == "POST" and self.live:
            return Said(409, b'{"kind": "Status", "message": "already exists"}')
        written = json.loads(content)
        versions = [one["metadata"].get("resourceVersion") for one in (self.live or written, written)]
        if method == "PUT" and versions[0] != versions[1]:
            return Said(409, b'{"kind": "Status", "message": "the object has been modified"}')
        version = str(int(versions[0] or 0) + 1)
        self.live = {**written, "metadata": {**written["metadata"], "uid": "u", "resourceVersion": version}}
        return said(self.live)


@pytest.mark.parametrize("passing", BUSY)
@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda api: api.get(REF), said(LEASE)),
        (lambda api: api.list(Ref("v1", "Pod", "", "immich")), listed(POD)),
        (lambda api: api.apply(FRESH, "m").object, said(LEASE)),
        (lambda api: api.apply(FRESH, "m", dry_run=True).object, said(LEASE)),
        (lambda api: api.version(), said({"gitVersion": "v1.36.0"})),
    ],
    ids=["get", "list", "apply", "dry run", "version"],
)
def test_reads_and_applies_are_repeated(
    connect: Connect, passing: Said, ask: Callable[[ClusterApi], object], answer: Said
) -> None:
    api, server = connect(first(passing, then=lambda *_: answer))
    assert ask(api)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("after", "waits"),
    [
        ("3", [3, 3, 3]),
        ("0", [0.5, 1, 2]),
        ("-1", [0.5, 1, 2]),
        ("soon", [0.5, 1, 2]),
        ("9" * 400, []),
        ("Wed, 21 Oct 2099 07:28:00 GMT", []),
        ("Wed, 21 Oct 2015 07:28:00 GMT", [0.5, 1, 2]),
        ("Wed, 21 Oct 2099 07:28:00 -0000", [0.5, 1, 2]),
    ],
)
def test_repetition_is_bounded_and_waits_as_long_as_the_server_asks(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, after: str, waits: list[float]
) -> None:
    waited = list[float]()
    monkeypatch.setattr(retry, "wait", waited.append)
    api, server = connect(lambda *_: Said(425, headers=(("Retry-After", after),)))
    with pytest.raises(UnreachableError, match="busy"):
        api.get(REF)
    assert waited == waits
    assert len(server.asked) == len(waits) + 1


def test_a_date_to_wait_for_is_one_of_the_servers_clock() -> None:
    date = "Wed, 21 Oct 2099 07:28:0{} GMT"
    assert retry.retry_after({"Retry-After": date.format(7), "Date": date.format(0)}) == 7


MODIFIED = Said(409, b'{"kind": "Status", "message": "the object has been modified", "reason": "Conflict"}')
HELD = Said(
    409,
    b"""{"kind": "Status", "message": "Apply failed with 1 conflict", "reason": "Conflict", "details": {"causes": [{
        "reason": "FieldManagerConflict", "message": "conflict with \\"helm\\" using apps/v1", "field": ".spec"}]}}""",
)


@pytest.mark.parametrize(("conflict", "asked", "holders"), [(MODIFIED, 4, ()), (HELD, 1, ("helm",))])
def test_an_apply_is_repeated_unless_a_field_manager_is_in_the_way(
    connect: Connect, conflict: Said, asked: int, holders: tuple[str, ...]
) -> None:
    api, server = connect(lambda *_: conflict)
    with pytest.raises(ClusterRefusedError) as refused:
        api.apply(FRESH, "m")
    assert (refused.value.status, refused.value.conflicts, len(server.asked)) == (409, holders, asked)


def test_a_final_answer_is_not_repeated(connect: Connect) -> None:
    api, server = connect(lambda *_: Said(403, b'{"kind": "Status", "message": "leases is forbidden"}'))
    with pytest.raises(ClusterRefusedError, match="leases is forbidden"):
        api.get(REF)
    assert len(server.asked) == 1


def losing(connect: Connect, leases: "Leases", passing: Said, *, arrives: bool) -> tuple[ClusterApi, Scripted]:
    """Lose the answer to the first request, which may have arrived."""

    def answer(*request: Any) -> Said:
        if arrives:
            leases(*request)
        server.answer = leases
        return passing

    api, server = connect(answer)
    return api, server


@pytest.mark.parametrize("passing", BUSY)
@pytest.mark.parametrize("arrives", [False, True], ids=["not made", "made"])
def test_a_create_without_an_answer_is_repeated_only_if_nothing_was_made(
    connect: Connect, passing: Said, *, arrives: bool
) -> None:
    leases = Leases()

    api, server = losing(connect, leases, passing, arrives=arrives)
    assert api.create(FRESH, "m").object["spec"] == LEASE["spec"]
    assert server.writes == ["POST"] * (1 if arrives else 2)


def test_a_create_without_an_answer_of_what_another_made_is_refused(connect: Connect) -> None:
    other = {**LEASE, "spec": {**LEASE["spec"], "holderIdentity": "other"}}
    api, _ = connect(first(Said(503), then=Leases(other)))
    with pytest.raises(ClusterRefusedError) as refused:
        api.create(FRESH, "m")
    assert refused.value.status == 409


@pytest.mark.parametrize("passing", BUSY)
@pytest.mark.parametrize("arrives", [False, True], ids=["not made", "made"])
def test_a_replace_without_an_answer_is_repeated_only_if_it_was_not_made(
    connect: Connect, passing: Said, *, arrives: bool
) -> None:
    leases = Leases(LEASE)

    api, server = losing(connect, leases, passing, arrives=arrives)
    wanted = {**LEASE, "spec": {**LEASE["spec"], "holderIdentity": "new"}}
    assert api.replace(wanted, "m").object["spec"]["holderIdentity"] == "new"
    assert server.writes == ["PUT"] * (1 if arrives else 2)


@pytest.mark.parametrize("arrives", [False, True], ids=["not gone", "gone"])
def test_a_delete_without_an_answer_is_repeated_only_if_the_object_is_there(connect: Connect, *, arrives: bool) -> None:
    leases = Leases(LEASE)

    api, server = losing(connect, leases, Said(lost=True), arrives=arrives)
    api.delete(LEASE)
    assert leases.live is None
    assert server.writes == ["DELETE"] * (1 if arrives else 2)


@pytest.mark.parametrize("body", WRONG_BODIES.values(), ids=WRONG_BODIES)
@pytest.mark.parametrize("status", [200, 302, 403, 404, 503])
def test_what_is_no_api_server_is_reported(connect: Connect, body: bytes, status: int) -> None:
    api, _ = connect(lambda *_: Said(status, body))
    asked: list[Callable[[], object]] = [
        lambda: api.get(REF),
        lambda: api.list(REF),
        lambda: api.apply(FRESH, "m"),
        lambda: api.patch(REF, {}, "m"),
        lambda: api.create(FRESH, "m"),
        lambda: api.replace(LEASE, "m"),
        api.version,
        lambda: api.delete(LEASE),
        lambda: api.delete_with_dependents(REF),
    ]
    for ask in asked:
        with pytest.raises(ClusterError if status == 403 else UnreachableError) as error:
            ask()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_answer_is_reported(connect: Connect, answer: Said) -> None:
    api, _ = connect(lambda *_: answer)
    pod = Ref("v1", "Pod", "p", "n")
    for ask in (lambda: api.get(REF), lambda: api.of_pod(pod, 1, "ready"), lambda: [*api.log(pod, "c")]):
        with pytest.raises(UnreachableError):
            ask()


@pytest.mark.parametrize("wrong", ['"\\ud83d"', "NaN"], ids=["half a character", "no number"])
def test_what_could_not_be_sent_back_is_not_read(connect: Connect, wrong: str) -> None:
    api, _ = connect(lambda *_: Said(body=json.dumps(LEASE).replace('"me"', wrong).encode()))
    with pytest.raises(UnreachableError):
        api.get(REF)


def test_a_part_of_a_list_is_not_the_list(connect: Connect) -> None:
    part = {"kind": "LeaseList", "metadata": {"continue": "abc", "remainingItemCount": 5}, "items": [LEASE]}
    api, _ = connect(lambda *_: said(part))
    with pytest.raises(UnreachableError, match="part of a list"):
        api.list(REF)


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        (Said(302, headers=(("Location", "ws://127.0.0.1:1/"),)), True),
        (Said(200, b"<html>"), True),
        (Said(520), True),
        (Said(418), False),
    ],
    ids=["elsewhere", "no stream", "a proxy's own status", "refused"],
)
def test_a_stream_that_is_not_opened_is_reported(connect: Connect, answer: Said, *, passes: bool) -> None:
    api, server = connect(lambda *_: answer)
    with pytest.raises(UnreachableError if passes else ClusterRefusedError) as error:
        api.execute(Ref("v1", "Pod", "p", "n"), "c", ["true"])
    assert "127.0.0.1:1/" not in str(error.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 \xff\r\n\r\n", b"HTTP/1.1 x\r\n\r\n", b"HTTP\r\n\r\n", b"\xff\r\n\r\n"]
)
def test_a_stream_of_no_http_server_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(head)

        thread = threading.Thread(target=answer)
        thread.start()
        api = api_at(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(UnreachableError):
            api.execute(Ref("v1", "Pod", "p", "n"), "c", ["true"])
        thread.join()


UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


# Channels 0 and 1 begin with the port, 2283. What comes on channel 1 is an error.
REFUSED = b"\x82\x03\x00\xeb\x08\x82\x03\x01\xeb\x08\x82\x08\x01refused"


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        *((frame, "") for frame in (b"\x82\x01\x09", b"\x81\x01x", b"\x82\x00", b"\xff\x00", b"\x88\x01x", b"")),
        (REFUSED, "refused"),
    ],
    ids=repr,
)
def test_a_forwarded_port_ends_quietly_or_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame: bytes, words: str
) -> None:
    """An error of the thread that reads it would be printed as a traceback. No frame: the connection is reset."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                key = re.findall(rb"(?i)sec-websocket-key: (\S+)", connection.recv(65536))[0]
                accepted = b64encode(sha1(key + GUID, usedforsecurity=False).digest())
                connection.sendall(UPGRADED + b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n" + frame)
                connection.recv(1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        before = threading.enumerate()
        thread = threading.Thread(target=answer)
        thread.start()
        port = api_at(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}").connect(Ref.of(POD), 2283)
        port.settimeout(10)
        with pytest.raises(ConnectionError, match=words) if words else suppress(ConnectionError):
            port.sendall(b"x")
            assert not port.recv_into(bytearray(1))
        port.close()
        for started in {*threading.enumerate(), thread} - {*before}:
            started.join()


def test_a_kind_that_the_server_does_not_know_is_absent(connect: Connect) -> None:
    api, _ = connect(lambda *_: Said(404, b"404 page not found\n"))
    assert api.get(Ref("gateway.networking.k8s.io/v1", "HTTPRoute", "immich", "immich")) is None


def test_a_custom_resource_of_another_form_is_named(connect: Connect) -> None:
    """It is the server's own: whoever made it has to correct it, and no proxy is in between."""
    metadata = {"name": "public", "namespace": "gateways", "uid": "u", "resourceVersion": "1"}
    route = {"apiVersion": "g/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": {"hostnames": "a.b"}}
    for answer in (said(route), listed(route, kind="HTTPRoute")):
        api, server = connect(lambda *_, answer=answer: answer)
        ref = Ref("g/v1", "HTTPRoute", "public", "gateways")
        with pytest.raises(ClusterError, match=r"gateways/public.*spec\.hostnames") as error:
            api.get(ref) if answer.body == said(route).body else api.list(ref)
        assert not isinstance(error.value, UnreachableError)
        assert len(server.asked) == 1


@pytest.fixture
def wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ClusterApi, Callable[[Any], None]]:
    """A client whose answers are told, without a server in between."""
    body = b""

    def tell(value: Any) -> None:
        nonlocal body
        body = json.dumps(value).encode()

    answer = lambda *_, **__: HTTPResponse(io.BytesIO(body), preload_content=False)  # noqa: E731
    monkeypatch.setattr(client.ApiClient, "call_api", answer)
    return api_at(tmp_path, "http://127.0.0.1:1"), tell


@pytest.mark.parametrize("right", [LEASE, POD], ids=["Lease", "Pod"])
def test_an_object_that_is_wrong_somewhere_is_read_rightly_or_said(
    wrong: tuple[ClusterApi, Callable[[Any], None]], right: Manifest
) -> None:
    api, tell = wrong
    ref = Ref.of(right)
    for _, whole in mutated(right):
        tell(whole)
        try:
            found = api.get(ref)
        except UnreachableError:
            continue
        assert found
        assert Ref.of(found) == ref
        assert all(isinstance(container["name"], str) for container in found["spec"].get("containers", []))
        assert isinstance(found["metadata"]["resourceVersion"], str)
        tell({"kind": f"{ref.kind}List", "items": [whole]})
        assert api.list(ref) == [found]


def test_a_list_that_is_wrong_somewhere(wrong: tuple[ClusterApi, Callable[[Any], None]]) -> None:
    api, tell = wrong
    right = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [POD]}
    for _, whole in mutated(right):
        tell(whole)
        try:
            found = api.list(Ref("v1", "Pod", "", "immich"))
        except UnreachableError:
            continue
        assert all(isinstance(Ref.of(item).name, str) and Ref.of(item).namespace == "immich" for item in found)


@pytest.mark.parametrize(("dry_run", "refused"), [(True, False), (False, True)])
def test_only_a_stored_object_has_a_version(connect: Connect, *, dry_run: bool, refused: bool) -> None:
    made = {**LEASE, "metadata": {key: LEASE["metadata"][key] for key in ("name", "namespace", "uid")}}
    api, _ = connect(lambda *_: said(made))
    if refused:
        with pytest.raises(ClusterError):
            api.apply(LEASE, "us", dry_run=dry_run)
    else:
        assert api.apply(LEASE, "us", dry_run=dry_run).object == made


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"spec": {"replicas": 10**400}}, "Deployment.spec.replicas"),
        ({"spec": {"strategy": {"rollingUpdate": {"maxSurge": "many"}}}}, "maxSurge"),
        ({"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 1.5}}}}, "maxUnavailable"),
        ({"status": {"allocatable": {"nvidia.com/gpu": "some"}}}, "allocatable[nvidia.com/gpu]"),
        ({"status": {"allocatable": {"nvidia.com/gpu": "1E999999999Gi"}}}, "allocatable[nvidia.com/gpu]"),
    ],
)
def test_what_is_counted_is_a_number(wrong: Manifest, place: str) -> None:
    version, kind = ("v1", "Node") if "status" in wrong else ("apps/v1", "Deployment")
    found = {"metadata": LEASE["metadata"], "spec": {}} | wrong
    assert any(one.endswith(place) for one in kubernetes_types.faults(found, version, kind))


def test_limits_of_a_limit_range_are_no_quantities() -> None:
    found = {"metadata": LEASE["metadata"], "spec": {"limits": [{"type": "Container", "default": {"cpu": "500m"}}]}}
    assert not list(kubernetes_types.faults(found, "v1", "LimitRange"))


def test_a_moment_without_a_zone_is_none(connect: Connect) -> None:
    made = {**LEASE, "metadata": {**LEASE["metadata"], "creationTimestamp": "2026-11-20T09:00:00"}}
    api, _ = connect(lambda *_: said(made))
    with pytest.raises(UnreachableError, match="creationTimestamp"):
        api.get(REF)
