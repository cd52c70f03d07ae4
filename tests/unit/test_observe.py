"""One look at the world, as preflight and verify take it: by which names, by whose rules, and through wrong answers."""

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pulumi
import pytest

import observe
import preflight
from clients import kubernetes_types, retry
from clients.cloudflare import CloudflareApi, CloudflareError
from clients.immich import ImmichApi, ImmichError
from clients.kubernetes import Answer, ClusterError, ClusterRefusedError, Manifest, Ref, UnreachableError
from clients.service_connection import NotRunningError
from components import directory
from components.connector import Origin
from components.names import names
from components.ownership import Ownership
from components.plan import Found, plan
from lab.cloudflare.api import Api as CloudflareAccount
from lab.cloudflare.world import TOKEN
from lab.cloudflare.world import found as cloudflare_as_found
from lab.stand_in.transport import Transport
from observe import cloudflare as at_cloudflare
from observe import cluster, state
from observe import immich as in_immich
from observe.planned import planned as planned_by
from ops import facts
from ops.checks import CHECKS
from ops.facts import immich as facts_of_immich
from ops.facts.internet import Internet
from preflight import PreflightError, cloudflare_rules, missing_rules, rules
from preflight.dry_runs import Answers
from settings import parse
from tests.fake_cluster import FakeCluster
from tests.findings import told
from tests.immich_server import Immich, serving
from tests.mutations import mutated
from tests.objects import SERVERS, STACK, deployment, manifest, namespace
from tests.stack_files import OWN, VALID, configuration, secrets
from tests.unit.configured import configured
from tests.unit.well import of_cluster, settings, well
from text.resource_types import LIBRARY


@pytest.mark.parametrize("file", [*VALID, *OWN], ids=lambda file: file.name)
def test_names_are_those_of_the_plan(file: Path) -> None:
    stated = parse(configuration(file), secrets(file))
    found = Found(SERVERS, origin=Origin("immich", {}, 80))
    wanted = [managed.ref for managed in plan(stated, found, Ownership(STACK)).managed_objects()]
    job = Ref("batch/v1", "Job", directory.JOB, stated.photo_sync.namespace)
    assert sorted(map(str, [*names(stated), job])) == sorted(map(str, wanted))


def test_the_workload_that_was_mounted_first_keeps_its_place() -> None:
    """Another one in its place would be one resource removed and one made: Immich would restart twice."""
    first, second = ({"fragment": deployment() | {"metadata": {"name": name}}} for name in ("first", "second"))
    known = [
        state.Known("Fragment", f"urn::{name}", outputs)
        for name, outputs in (
            ("immich-labels", second),
            ("immich-mount-fragment", {}),
            ("immich-mount-fragment", first),
        )
    ]
    assert state.first_mounted(known) == Ref("apps/v1", "Deployment", "first")
    assert state.first_mounted(known[:2]) is None


# Immich


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (NotRunningError("no pod runs"), in_immich.ImmichSeen(not_running="no pod runs")),
        (ImmichError("401"), in_immich.ImmichSeen("401")),
        (ClusterError("no way"), in_immich.ImmichSeen("no way")),
    ],
    ids=["not running", "refused", "no way to it"],
)
def test_an_immich_that_can_not_be_asked(
    error: Exception, seen: in_immich.ImmichSeen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def behind(*_: object) -> None:
        raise error

    monkeypatch.setattr(ImmichApi, "behind", behind)
    assert in_immich.read_immich(FakeCluster(), settings(), Ownership(STACK), ()) == seen
    assert in_immich.read_immich(FakeCluster(), configured(), Ownership(STACK), ()) is None


def test_a_library_is_known_by_the_state(immich: Immich) -> None:
    made = immich.make_library(name="Renamed", exclusionPatterns=["**/ours/**", "**/theirs/**"])
    email = immich.api().me().email
    stated = settings(immich={"library": {"owner": email.title(), "name": "iCloud Photos"}})
    outputs = {"owner": email.upper(), "library_id": made, "exclusion_patterns": ["**/ours/**"]}
    known = [state.Known(LIBRARY, "urn::library", outputs), state.Known("another", "urn::other", {"owner": email})]
    ((_, diff),) = in_immich.look(immich.api(), FakeCluster(), stated, Ownership(STACK), known).libraries
    assert diff.live
    assert diff.settled
    assert (diff.problems, diff.live.id, diff.adopted) == ((), made, False)
    assert "**/theirs/**" in diff.settled.exclusion_patterns
    assert "**/ours/**" not in diff.settled.exclusion_patterns


@pytest.fixture
def immich(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Immich]:
    with serving(tmp_path) as served:
        monkeypatch.setattr(ImmichApi, "behind", lambda *_: served.api())
        served.folder("icloud-import", "one.jpg")
        yield served


def test_an_owner_is_found_by_preflight_and_by_verify_however_it_is_written(immich: Immich) -> None:
    owner = immich.api().me()
    stated = settings(immich={"library": {"owner": owner.email.title(), "name": "iCloud Photos"}})
    made = immich.make_library(importPaths=["/external/icloud/icloud-import"])
    ((_, diff),) = in_immich.look(immich.api(), FakeCluster(), stated, Ownership(STACK)).libraries
    (one,) = facts_of_immich.read_libraries(FakeCluster(), stated, Ownership(STACK)).libraries
    assert one.live
    assert diff.live
    assert one.live.id == diff.live.id == made


# what may not be read


class Forbidding(FakeCluster):
    """It lists nothing of the kinds."""

    def __init__(self, *kinds: str) -> None:
        super().__init__()
        self.kinds = kinds

    def list(self, like: Ref, **query: str) -> list[Manifest]:
        if like.kind in self.kinds:
            raise ClusterRefusedError(403, f"{like.kind} is forbidden: cannot list")
        return super().list(like, **query)


def test_what_may_not_be_listed_is_not_known_and_not_missing() -> None:
    kinds = ("Node", "Ingress", "IngressClass", "StorageClass", "PersistentVolume", "Pod", "Job")
    api = Forbidding(*kinds)
    for thing in (namespace(), deployment(), service()):
        api.objects[Ref.of(thing)] = thing
    stated = settings(cloudflare={"kind": "none"})
    seen = cluster.read_cluster(api, stated)
    assert (seen.nodes, seen.ingresses, seen.storage_classes) == (None, None, None)
    assert told(missing_rules.in_cluster(stated, seen)) == []
    planned = plan(stated, Found(SERVERS), Ownership(STACK))
    assert {code for code, _ in told(rules.findings(stated, seen, planned, Answers()))} == {"not-known"}
    assert len(set(seen.forbidden)) == len(kinds)


def test_without_a_list_of_jobs_the_directory_job_is_found_by_its_name() -> None:
    api = Forbidding("Job")
    job = manifest("batch/v1", "Job", directory.JOB, "photo-sync")
    api.objects[Ref.of(job)] = job
    assert cluster.read_cluster(api, configured()).directory_job == job


def test_what_nothing_goes_without_has_to_be_readable() -> None:
    class Refusing(FakeCluster):
        def get(self, ref: Ref) -> Manifest | None:
            raise ClusterRefusedError(403, f"{ref.kind} is forbidden: cannot get")

    with pytest.raises(ClusterError, match="forbidden: cannot get"):
        cluster.read_cluster(Refusing(), configured())


# wrong answers


def service() -> Manifest:
    labels = {"app.kubernetes.io/name": "server"}
    spec = {"selector": labels, "ports": [{"name": "http", "port": 3001, "targetPort": 2283}]}
    return manifest("v1", "Service", "immich-server", "immich", spec=spec)


class Answering(FakeCluster):
    """Reads what it has as the client reads an answer, and selects by what is right; a dry run changes nothing."""

    def __init__(self, objects: Iterable[Manifest]) -> None:
        super().__init__()
        self.objects = {Ref.of(one): one for one in objects}
        self.right = FakeCluster()
        self.right.objects = dict(self.objects)

    def get(self, ref: Ref) -> Manifest | None:
        found = self.objects.get(ref)
        return None if found is None else self._read(found, ref)

    def list(self, like: Ref, **query: str) -> list[Manifest]:
        return [self._read(self.objects[ref], like) for ref in self.right.selected(like, **query)]

    def apply(self, manifest: Manifest, manager: str, *, dry_run: bool = False, force: bool = False) -> Answer:
        assert dry_run, (manager, force)
        return Answer(self.get(Ref.of(manifest)) or manifest, ())

    @staticmethod
    def _read(found: Manifest, like: Ref) -> Manifest:
        named = {"apiVersion": like.api_version, "kind": like.kind}  # else the client takes it for no answer
        whole: Manifest = {**kubernetes_types.without_nulls(found), **named}  # a copy
        place = next(kubernetes_types.faults(whole, like.api_version, like.kind), None)
        if place or like.namespace not in {None, whole["metadata"].get("namespace")}:
            raise UnreachableError(f"what answers is not a Kubernetes API server: {place}")
        return whole


STATED = settings(cloudflare={"kind": "none"})
_EVERY = 37  # of the wrong answers, one in so many; a prime, so that each kind of wrongness comes to each object


def stored(manifest: Manifest) -> Manifest:
    metadata = {"uid": "1", "resourceVersion": "1", "creationTimestamp": "2026-11-20T09:00:00Z", **manifest["metadata"]}
    always: Manifest = {"spec": {}} if manifest["kind"] == "Namespace" else {}
    return {**always, **manifest, "metadata": metadata}


def world() -> list[Manifest]:
    """A stack that is well, as its cluster has it."""
    there = of_cluster(well(cloudflare={"kind": "none"}))
    labels = {"batch.kubernetes.io/job-name": "icloud-sync-anna-1", "immich-icloud/account": "anna"}
    over = {"phase": "Succeeded", "containerStatuses": [ended()]}
    done = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-11-26T11:00:00Z"}
    pod_spec = {"containers": [{"name": "icloudpd"}], "hostNetwork": False}
    template = {"template": {"spec": pod_spec}}
    immichs = deepcopy(there.pods[0])
    immichs["metadata"]["namespace"] = "immich"
    immichs["status"]["initContainerStatuses"][0] |= {"image": "x", "imageID": "x", "restartCount": 0}
    node, served = {"kubernetes.io/hostname": "talos-1"}, {"kubernetes.io/service-name": "immich-server"}
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    pressure = {"conditions": [{"type": "DiskPressure", "status": "False"}]}
    made = [
        {"apiVersion": "v1", "kind": "Pod", **immichs},
        labelled(manifest("v1", "Pod", "icloud-sync-anna-1-x", "photo-sync", spec=pod_spec, status=over), labels),
        labelled(
            manifest(
                "batch/v1", "Job", "icloud-sync-anna-1", "photo-sync", spec=template, status={"conditions": [done]}
            ),
            labels,
        ),
        labelled(manifest("v1", "Node", "node-1", spec={}, status=pressure), node),
        labelled(
            manifest(
                "discovery.k8s.io/v1", "EndpointSlice", "immich", "immich", addressType="IPv4", **there.endpoints[0]
            ),
            served,
        ),
        manifest("networking.k8s.io/v1", "IngressClass", "nginx", spec={"controller": "k8s.io/ingress-nginx"}),
        labelled(manifest("storage.k8s.io/v1", "StorageClass", "fast", provisioner="x"), {}, default),
        there.seen.namespace,
        *there.seen.workloads,
        service(),
        *there.seen.live.values(),
    ]
    return [stored(one) for one in made if one]


def labelled(manifest: Manifest, labels: Manifest, annotations: Manifest | None = None) -> Manifest:
    metadata = {**manifest["metadata"], "labels": labels, "annotations": annotations or {}}
    return {**manifest, "metadata": metadata}


def ended() -> Manifest:
    report = '{"code":"synced","message":"done","free":30,"total":100,"onNode":true}'
    state = {"terminated": {"exitCode": 0, "message": report, "finishedAt": "2026-11-26T11:00:00Z"}}
    return {"name": "icloudpd", "ready": False, "restartCount": 0, "image": "x", "imageID": "x", "state": state}


@pytest.fixture
def seen_by_both(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Preflight and verify as a whole, on a cluster: what they find, or the error that preflight words."""
    for log in ("warn", "info"):
        monkeypatch.setattr(pulumi.log, log, lambda _: None)
    monkeypatch.setattr(state, "known", tuple)
    monkeypatch.setattr(observe, "resolves", lambda _: True)
    monkeypatch.setattr(observe.immich, "read_immich", lambda *_: None)
    monkeypatch.setattr(facts.immich, "ping", lambda *_: "")
    monkeypatch.setattr(facts.immich, "read_libraries", lambda *_: facts.immich.LibrariesFacts(()))

    def look(api: Answering) -> tuple[list[str], list[object]]:
        monkeypatch.setattr(preflight, "ClusterApi", lambda _: api)
        monkeypatch.setattr(facts, "ClusterApi", lambda _: api)
        try:
            preflight.check(STATED, STACK)
            problems = []
        except PreflightError as error:
            problems = [one.code for one in error.problems]
        judged = facts.read_facts(STATED, "test", None)
        return problems, [check.result(judged) for check in CHECKS]

    return look


def test_the_world_is_well(seen_by_both: Any) -> None:
    problems, _ = seen_by_both(Answering(world()))
    assert problems == ["entries-unowned"]  # its managedFields say nothing of our mount


def test_a_look_lists_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "resolves", lambda _: True)
    monkeypatch.setattr(observe.immich, "read_immich", lambda *_: None)
    asked = []

    class Counting(Answering):
        def list(self, like: Ref, **query: str) -> list[Manifest]:
            asked.append((like, tuple(query.items())))
            return super().list(like, **query)

    observe.read_world(Counting(world()), STATED, STACK, ())
    assert sorted(set(asked), key=str) == sorted(asked, key=str)


def test_a_field_that_is_wrong_or_missing_anywhere_is_worded(seen_by_both: Any) -> None:
    """Found, not known, or one error: never a traceback."""
    right = world()
    for number, one in enumerate(right):
        wrongs = list(mutated(one))
        for where, wrong in wrongs[number % _EVERY :: _EVERY]:
            api = Answering(right)
            api.objects[Ref.of(one)] = wrong
            try:
                seen_by_both(api)
            except Exception as error:
                raise AssertionError(f"{Ref.of(one)}: {where}") from error


# the outside

HTTP_ANSWERS = [
    b"",
    b"\xff\xfe\r\n\r\n",
    b"not http\r\n\r\n",
    b"HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 abc what\r\n\r\n",
    b"HTTP/1.1 99999999999999999999 what\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: https://[oops/\r\n\r\n",
    b"HTTP/1.1 302 Found\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 401 \xff\r\n" + b"a: b\r\n" * 200 + b"\r\n",
]


class Bare:
    """Instead of TLS."""

    def wrap_socket(self, connection: socket.socket, server_hostname: str) -> socket.socket:
        assert server_hostname
        return connection


@pytest.mark.parametrize("answer", HTTP_ANSWERS, ids=range(len(HTTP_ANSWERS)))
def test_what_answers_for_the_host_may_be_anything(answer: bytes) -> None:
    kept: list[socket.socket] = []

    def connect(_host: str, _port: int) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        kept.append(theirs)
        return ours

    outside = Internet(connect=connect, trust=Bare())  # type: ignore[arg-type]
    page, plain, web_socket = outside.page("h"), outside.plain("h"), outside.web_socket("h")
    judged = replace(well(), page=page, plain=plain, web_socket=web_socket)
    assert [check.result(judged) for check in CHECKS]
    for one in kept:
        one.close()


# Cloudflare

ON_CLOUDFLARE = [
    {"kind": "sharedTunnel", "tunnel": "homelab", "access": {"emails": ["ann@example.com"]}},
    {"kind": "ownTunnel", "tunnel": "immich"},
    {"kind": "dnsRecord", "sameAs": "mealie.coultonf.com"},
]


class Mutating(httpx.BaseTransport):
    """Answers as the account does, but for one GET, which is wrong somewhere."""

    def __init__(self) -> None:
        self.right = Transport(CloudflareAccount(cloudflare_as_found()))
        self.wrong: tuple[str, bytes] | None = None
        self.answers: dict[str, object] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.right.handle_request(request)
        self.answers[str(request.url)] = json.loads(answer.content)
        if self.wrong and self.wrong[0] == str(request.url):
            return httpx.Response(200, content=self.wrong[1], request=request)
        return answer


@pytest.mark.parametrize("stated", ON_CLOUDFLARE, ids=lambda one: one["kind"])
def test_cloudflare_may_answer_anything(stated: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "wait", lambda _: None)
    transport = Mutating()
    asked = settings(host="immich.coultonf.com", cloudflare=stated)
    owner, seen_there = Ownership(STACK), of_cluster(well(cloudflare={"kind": "none"})).seen
    origin, base = replace(seen_there, origin=service()), well()

    def look() -> list[str]:
        api = CloudflareApi(TOKEN, httpx.Client(transport=transport))
        there = at_cloudflare.read_cloudflare(api, FakeCluster(), asked, owner, ())
        observed = observe.Observed(origin, there)
        missing = [*missing_rules.findings(asked, observed)]
        planned = planned_by(asked, STACK, observed) if not missing else None
        found = [*cloudflare_rules.findings(asked, there, planned)] if there and planned else missing
        beside = facts.cloudflare.beside(asked, there, planned.public_access if planned else None)
        judged = replace(base, settings=asked, cloudflare=beside)
        assert [check.result(judged) for check in CHECKS]
        return [one.code for one in found]

    assert look()
    for number, (url, right) in enumerate(dict(transport.answers).items()):
        for _, wrong in [*mutated(right)][number % _EVERY :: _EVERY]:
            transport.wrong = (url, json.dumps(wrong).encode())
            with suppress(CloudflareError):
                look()
