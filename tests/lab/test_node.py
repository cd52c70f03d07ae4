"""Pods of Jobs run on the rehearsal's node as on a kubelet, to whoever looks through a real control plane's API."""

import contextlib
import http.client
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from kubernetes import client
from kubernetes.stream import portforward, stream
from kubernetes.stream.ws_client import create_websocket, get_websocket_url
from websocket import WebSocketBadStatusException

from lab import processes
from lab.cluster import connect
from lab.control_plane import ControlPlane
from lab.real_node import node as real_node
from lab.real_node.node import RealNode
from lab.toolchain import Tools
from tests.lab.conftest import until

FALLBACK = {"terminationMessagePolicy": "FallbackToLogsOnError"}


class Cluster:
    """A control plane, and Jobs on it; each name is used once."""

    def __init__(self, home: Path, tools: Tools, node: RealNode | None) -> None:
        self.home, self.real = home, node is not None
        self.plane = ControlPlane(home, tools, node)
        self.plane.start()
        self.disk = real_node.root(home) if node else home / "disk"
        self.api = connect(self.plane.kubeconfig)
        # For the client's own streams, which know nothing of `connect`; its hook would undo it.
        self.api.configuration.refresh_api_key_hook = None
        self.api.configuration.ssl_ca_cert = str(self.plane.kubeconfig.parent / "control-plane" / "ca.pem")
        self.core, self.batch = client.CoreV1Api(self.api), client.BatchV1Api(self.api)
        # Jobs as ours, which mount folders of the node.
        self.core.create_namespace(
            {"metadata": {"name": "jobs", "labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
        )

    def start(
        self,
        name: str,
        script: str,
        *,
        volumes: Any = (),
        mounts: Any = (),
        job: Any = None,
        **more: Any,
    ) -> None:
        pod = more.pop("pod", {})
        template = {
            "restartPolicy": "Never",
            # Most ignore a request to end, and waiting for it proves nothing.
            "terminationGracePeriodSeconds": 1,
            "volumes": list(volumes),
            "containers": [
                {
                    "name": "main",
                    "image": "busybox:1.37.0",
                    "command": ["sh", "-c", script],
                    "volumeMounts": list(mounts),
                    **more,
                }
            ],
            **pod,
        }
        spec = {"backoffLimit": 0, "template": {"spec": template}, **(job or {})}
        self.batch.create_namespaced_job("jobs", {"metadata": {"name": name}, "spec": spec})

    def pod(self, name: str) -> Any:
        """The Job's only pod, once it is there."""

        def found() -> Any:
            return self.core.list_namespaced_pod("jobs", label_selector=f"job-name={name}").items

        (pod,) = until(found)
        return pod

    def running(self, name: str) -> str:
        """Wait until its pod runs, and return the pod's name."""
        until(lambda: self.pod(name).status.phase == "Running")
        return str(self.pod(name).metadata.name)

    def ended(self, name: str) -> Any:
        """Wait until the Job has ended, and return how its container did."""
        until(lambda: self.condition(name))
        return self.pod(name).status.container_statuses[0].state.terminated

    def condition(self, name: str) -> str:
        """What the Job has come to; empty while it has not."""
        conditions = self.batch.read_namespaced_job(name, "jobs").status.conditions or []
        return next((str(one.type) for one in conditions if one.type in {"Complete", "Failed"}), "")

    def log(self, name: str, **more: Any) -> str:
        pod = self.pod(name).metadata.name
        # As bytes: the client makes a text of them that begins with "b'".
        answer = self.core.read_namespaced_pod_log(pod, "jobs", _preload_content=False, **more)
        return str(answer.data.decode())

    def delete(self, name: str) -> None:
        self.batch.delete_namespaced_job(name, "jobs", propagation_policy="Foreground")

    def containers(self) -> list[psutil.Process]:
        if self.real:
            return real_node.containers(self.home)
        return [marked.process for marked in processes.find(self.home) if marked.name == "container"]


def from_node(path: str, kind: str = "") -> dict[str, Any]:
    return {"name": "place", "hostPath": {"path": path, "type": kind}}


PLACE = {"name": "place", "mountPath": "/place"}


@pytest.fixture(scope="module")
def cluster(
    tools: Tools, the_real_node: RealNode | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    home = tmp_path_factory.mktemp("node")
    cluster = Cluster(home, tools, the_real_node)
    yield cluster
    processes.end(home)
    if the_real_node:
        the_real_node.remove(home)


# Jobs.


def test_a_job_succeeds_and_what_it_did_is_on_the_disk(cluster: Cluster) -> None:
    cluster.start("succeeds", "echo x >/place/made; echo done", volumes=[from_node("/var/mnt")], mounts=[PLACE])
    ended = cluster.ended("succeeds")
    assert (ended.exit_code, ended.reason, ended.message) == (0, "Completed", None)
    assert cluster.condition("succeeds") == "Complete"
    assert (cluster.disk / "var/mnt/made").read_text() == "x\n"
    assert cluster.log("succeeds") == "done\n"
    if not cluster.real:  # a kubelet takes its time
        cluster.delete("succeeds")
        until(lambda: not list((cluster.disk / "var/log/pods").glob("jobs_succeeds-*")))


def test_a_job_fails_with_the_last_line_of_its_log(cluster: Cluster) -> None:
    script = "i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i + 1)); done; echo the disk is not there; exit 3"
    cluster.start("fails", script, **FALLBACK)
    ended = cluster.ended("fails")
    assert (ended.exit_code, ended.reason) == (3, "Error")
    lines = ended.message.splitlines()
    assert (len(lines), lines[-1]) == (80, "the disk is not there")
    assert cluster.condition("fails") == "Failed"
    assert cluster.pod("fails").status.phase == "Failed"


def test_a_message_of_two_kibibytes_is_long_enough(cluster: Cluster) -> None:
    cluster.start("talks", "printf '%03000d' 0; exit 1", **FALLBACK)
    assert cluster.ended("talks").message == "0" * 2048


def test_without_that_policy_the_log_is_no_message_but_a_message_of_its_own_is(cluster: Cluster) -> None:
    cluster.start("quiet", "echo said; exit 1")
    assert cluster.ended("quiet").message is None
    cluster.start("told", "echo said; echo told >/dev/termination-log; exit 1", **FALLBACK)
    assert cluster.ended("told").message == "told\n"


def test_a_program_that_the_image_lacks(cluster: Cluster) -> None:
    cluster.start("lacks", "", command=["no-such-program"])
    ended = cluster.ended("lacks")
    assert (ended.exit_code, ended.reason) == (128, "StartError")
    assert "no-such-program" in ended.message


def test_init_containers_run_first_and_end_it_when_they_fail(cluster: Cluster) -> None:
    init = {"image": "busybox:1.37.0", "volumeMounts": [PLACE]}
    template = {
        "spec": {
            "restartPolicy": "Never",
            "volumes": [{"name": "place", "emptyDir": {}}],
            "initContainers": [
                {"name": "first", **init, "command": ["sh", "-c", "echo 1 >/place/one"]},
                {"name": "second", **init, "command": ["sh", "-c", "cat /place/one; exit 7"]},
            ],
            "containers": [{"name": "main", "image": "busybox:1.37.0", "command": ["sh", "-c", "echo never"]}],
        }
    }
    cluster.start("initialised", "", job={"template": template})
    assert cluster.ended("initialised") is None
    first, second = cluster.pod("initialised").status.init_container_statuses
    assert (first.state.terminated.exit_code, second.state.terminated.exit_code) == (0, 7)
    assert cluster.log("initialised", container="second") == "1\n"


def test_a_job_that_is_deleted_while_it_runs_can_end_in_good_order(cluster: Cluster) -> None:
    script = "trap 'echo x >/place/ended-well; exit' TERM; echo ready >/place/ready; sleep 600 & wait"
    place = [from_node("/var/mnt/deleted", "DirectoryOrCreate")]
    cluster.start("deleted", script, volumes=place, mounts=[PLACE], pod={"terminationGracePeriodSeconds": 30})
    until((cluster.disk / "var/mnt/deleted/ready").exists)
    cluster.delete("deleted")
    until(lambda: not cluster.batch.list_namespaced_job("jobs", field_selector="metadata.name=deleted").items)
    assert (cluster.disk / "var/mnt/deleted/ended-well").exists()
    assert not cluster.core.list_namespaced_pod("jobs", label_selector="job-name=deleted").items
    until(lambda: not cluster.containers())


@pytest.mark.parametrize("script", ["trap '' TERM; sleep 600 & sleep 600; wait", "sleep 600 & sleep 600; wait"])
def test_one_that_is_deaf_to_that_is_killed_with_all_that_it_started(cluster: Cluster, script: str) -> None:
    """Whoever has no handler is: it is process 1."""
    name = f"deaf-{len(script)}"
    cluster.start(name, script)
    cluster.running(name)
    until(lambda: len(cluster.containers()) == 3)
    cluster.delete(name)
    until(lambda: not cluster.containers())


def test_the_deadline_of_a_job_ends_it(cluster: Cluster) -> None:
    cluster.start("late", "exec sleep 600", job={"activeDeadlineSeconds": 1})
    until(lambda: cluster.condition("late") == "Failed")
    assert {one.reason for one in cluster.batch.read_namespaced_job("late", "jobs").status.conditions} == {
        "DeadlineExceeded"
    }
    until(lambda: not cluster.containers())


@pytest.mark.stand_in
@pytest.mark.parametrize(
    ("pod", "container"),
    [({"hostNetwork": True}, {}), ({"restartPolicy": "OnFailure"}, {}), ({}, {"tty": True})],
    ids=["pod", "restarts", "container"],
)
def test_a_pod_is_refused_that_depends_on_what_is_not_modelled(
    cluster: Cluster, request: pytest.FixtureRequest, pod: Any, container: Any
) -> None:
    name = f"refused-{request.node.callspec.id}"
    cluster.start(name, "echo never", pod=pod, **container)
    until(lambda: cluster.pod(name).status.phase == "Failed")
    assert cluster.pod(name).status.reason == "NotModelled"
    cluster.delete(name)


@pytest.mark.stand_in
def test_what_is_ignored_is_listed_on_the_pod(cluster: Cluster) -> None:
    context = {"runAsUser": 1000, "readOnlyRootFilesystem": True}
    cluster.start("ignores", ":", securityContext=context)
    cluster.ended("ignores")
    (listed,) = [one for one in cluster.pod("ignores").status.conditions if one.type == "lab.immich-icloud/NotShown"]
    # Its account's token is mounted read-only.
    assert listed.message == "read-only mounts, read-only root filesystems, users"


# Volumes.


def test_a_folder_that_has_to_be_there_is_waited_for(cluster: Cluster) -> None:
    cluster.start("waits", "ls /place", volumes=[from_node("/var/mnt/later", "Directory")], mounts=[PLACE])

    def said() -> list[str]:
        return [
            event.message
            for event in cluster.core.list_namespaced_event("jobs", field_selector="reason=FailedMount").items
            if event.involved_object.name == cluster.pod("waits").metadata.name
        ]

    (message,) = until(said)
    assert message == (
        'MountVolume.SetUp failed for volume "place" : hostPath type check failed: /var/mnt/later is not a directory'
    )
    status = cluster.pod("waits").status
    assert status.phase == "Pending"
    assert status.container_statuses[0].state.waiting.reason == "ContainerCreating"
    (cluster.disk / "var/mnt/later").mkdir()
    (cluster.disk / "var/mnt/later/photo").touch()
    assert cluster.ended("waits").exit_code == 0
    assert cluster.log("waits") == "photo\n"


def test_what_configuration_and_secrets_hold(cluster: Cluster) -> None:
    cluster.core.create_namespaced_config_map("jobs", {"metadata": {"name": "known"}, "data": {"made": "true"}})
    cluster.core.create_namespaced_secret(
        "jobs", {"metadata": {"name": "known"}, "stringData": {"password": "of-anna"}}
    )
    volumes = [
        {"name": "config", "configMap": {"name": "known"}},
        {"name": "none", "configMap": {"name": "unknown", "optional": True}},
        {"name": "secret", "secret": {"secretName": "known", "defaultMode": 0o440}},
    ]
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    env = [
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "known", "key": "password"}}},
        {"name": "PLACE", "value": "/secret"},
    ]
    script = 'cat /config/made "$PLACE/password"; ls /none; test "$SECRET" = "$(cat /secret/password)"'
    cluster.start("reads", script, volumes=volumes, mounts=mounts, env=env)
    assert cluster.ended("reads").exit_code == 0
    assert cluster.log("reads") == "trueof-anna"
    pods = cluster.disk / "var/lib/kubelet/pods"
    until(lambda: not [file for file in pods.rglob("password") if file.is_file()])


@pytest.mark.parametrize(
    ("kind", "source", "place"),
    [
        ("hostpath", {"hostPath": {"path": "/var/mnt/photos"}}, "var/mnt/photos"),
        ("local", {"local": {"path": "/var/mnt"}}, "var/mnt"),
        pytest.param(
            "nfs",
            {"nfs": {"server": "nas.lan", "path": "/export/photos"}},
            "nfs/nas.lan/export_photos",
            marks=pytest.mark.stand_in,
        ),
        pytest.param(
            "csi",
            {"csi": {"driver": "smb.csi.k8s.io", "volumeHandle": "photos"}},
            "csi/smb.csi.k8s.io/photos",
            marks=pytest.mark.stand_in,
        ),
    ],
)
def test_a_claim_leads_to_what_its_volume_is_about(
    cluster: Cluster, kind: str, source: dict[str, Any], place: str
) -> None:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["talos-1ca-62z"]}
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    volume = {
        **common,
        **source,
        "capacity": {"storage": "1Gi"},
        "claimRef": {"namespace": "jobs", "name": kind},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
    }
    claim = {**common, "resources": {"requests": {"storage": "1Gi"}}, "volumeName": kind}
    cluster.core.create_persistent_volume({"metadata": {"name": kind}, "spec": volume})
    cluster.core.create_namespaced_persistent_volume_claim("jobs", {"metadata": {"name": kind}, "spec": claim})
    volumes = [{"name": "place", "persistentVolumeClaim": {"claimName": kind}}]
    cluster.start(kind, f": >/place/of-{kind}", volumes=volumes, mounts=[PLACE])
    assert cluster.ended(kind).exit_code == 0
    assert (cluster.disk / place / f"of-{kind}").exists()


@pytest.mark.stand_in
def test_a_claim_that_is_provisioned_has_a_folder_as_long_as_it_is_there(cluster: Cluster) -> None:
    storage_class = {
        "metadata": {"name": "local-path"},
        "provisioner": "rancher.io/local-path",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    client.StorageV1Api(cluster.api).create_storage_class(storage_class)
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local-path",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    cluster.core.create_namespaced_persistent_volume_claim("jobs", {"metadata": {"name": "cookies"}, "spec": claim})
    volumes = [{"name": "place", "persistentVolumeClaim": {"claimName": "cookies"}}]
    for name in ("keeps", "finds"):
        cluster.start(name, "cat /place/* 2>/dev/null; echo signed in >/place/session", volumes=volumes, mounts=[PLACE])
        assert cluster.ended(name).exit_code == 0
    assert cluster.log("finds") == "signed in\n"
    (folder,) = (cluster.disk / "opt/local-path-provisioner").iterdir()
    for name in ("keeps", "finds"):
        cluster.delete(name)
    cluster.core.delete_namespaced_persistent_volume_claim("cookies", "jobs")
    until(lambda: not folder.exists())


# Logs.


def test_a_log_is_followed_to_its_end(cluster: Cluster) -> None:
    script = "echo first; until [ -e /place/go ]; do sleep 0.05; done; echo last; printf unfinished"
    place = cluster.disk / "var/mnt/follows"
    cluster.start("follows", script, volumes=[from_node("/var/mnt/follows")], mounts=[PLACE])
    name = cluster.running("follows")
    response = cluster.core.read_namespaced_pod_log(name, "jobs", follow=True, _preload_content=False)
    assert response.readline() == b"first\n"
    (place / "go").touch()
    assert response.read() == b"last\nunfinished"


def test_parts_of_a_log(cluster: Cluster) -> None:
    cluster.start("counts", "echo one; echo two; echo three")
    cluster.ended("counts")
    assert cluster.log("counts", tail_lines=2) == "two\nthree\n"
    assert cluster.log("counts", limit_bytes=5) == "one\nt"
    assert cluster.log("counts", since_seconds=600) == "one\ntwo\nthree\n"
    stamped = cluster.log("counts", timestamps=True).splitlines()
    assert [line.split(" ")[1] for line in stamped] == ["one", "two", "three"]
    assert all(line.split(" ")[0].endswith("Z") for line in stamped)


def test_a_container_that_waits_has_no_log(cluster: Cluster) -> None:
    cluster.start("mute", "", volumes=[from_node("/var/mnt/nowhere", "Directory")], mounts=[PLACE])
    until(lambda: cluster.pod("mute").status.start_time)
    with pytest.raises(client.ApiException, match="waiting to start: ContainerCreating"):
        cluster.log("mute")
    cluster.delete("mute")


def test_paths_are_told_as_in_the_container(cluster: Cluster) -> None:
    cluster.start("tells", "cd /place; pwd -P", volumes=[from_node("/var/mnt")], mounts=[PLACE])
    assert cluster.ended("tells").exit_code == 0
    assert cluster.log("tells") == "/place\n"


# Commands in a pod.


def execute(cluster: Cluster, pod: str, *command: str) -> Any:
    return stream(
        cluster.core.connect_get_namespaced_pod_exec, pod, "jobs", command=list(command),
        stdin=True, stdout=True, stderr=True, _preload_content=False,
    )  # fmt: skip


def heard(talk: Any, words: str) -> str:
    """What a command has said so far, as soon as that ends with `words`."""
    said = ""

    def more() -> bool:
        nonlocal said
        said += str(talk.read_stdout(timeout=1))
        return said.endswith(words)

    until(more)
    return said


@pytest.fixture
def waiting(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A pod that waits for commands."""
    name = f"waits-{abs(hash(request.node.name))}"
    env = [{"name": "PLACE", "value": "/place"}]
    cluster.start(name, "exec sleep 600", volumes=[{"name": "place", "emptyDir": {}}], mounts=[PLACE], env=env)
    yield cluster.running(name)
    cluster.delete(name)
    until(lambda: not cluster.containers())


def test_a_command_talks_with_who_started_it(cluster: Cluster, waiting: str) -> None:
    script = 'printf "code? "; read -r code; echo "$code" >"$PLACE/said"; cat /place/said; echo bad >&2; exit 5'
    talk = execute(cluster, waiting, "sh", "-c", script)
    assert heard(talk, "? ") == "code? "
    talk.write_stdin("123456\n")
    talk.run_forever(timeout=20)
    assert (talk.read_stdout(), talk.read_stderr()) == ("123456\n", "bad\n")
    assert talk.returncode == 5


def test_a_command_sees_the_end_of_its_input(cluster: Cluster, waiting: str) -> None:
    talk = execute(cluster, waiting, "sh", "-c", "cat; echo over")
    talk.write_stdin("a\n" * 50_000)
    talk.close_channel(0)
    talk.run_forever(timeout=20)
    assert talk.read_stdout() == "a\n" * 50_000 + "over\n"
    assert talk.returncode == 0


@pytest.mark.parametrize("closes", ["1", "2"])
def test_a_command_that_closes_an_output_has_no_more_input(cluster: Cluster, waiting: str, closes: str) -> None:
    talk = execute(cluster, waiting, "sh", "-c", f"exec {closes}>&-; read -r line; exit $?")
    talk.run_forever(timeout=20)
    assert talk.returncode == 1


def test_what_is_typed_ends_with_its_client_and_the_command_by_itself(cluster: Cluster, waiting: str) -> None:
    talk = execute(cluster, waiting, "sh", "-c", "echo here; cat >/dev/null; exec sleep 601")
    assert heard(talk, "\n") == "here\n"
    talk.close()
    until(lambda: ["sleep", "601"] in [one.cmdline() for one in cluster.containers()])


def test_a_command_goes_with_its_pod(cluster: Cluster) -> None:
    cluster.start("hosts", "exec sleep 600")
    talk = execute(cluster, cluster.running("hosts"), "sh", "-c", "echo here; exec sleep 600")
    assert heard(talk, "\n") == "here\n"
    cluster.delete("hosts")
    talk.run_forever(timeout=20)
    assert talk.returncode == 137
    assert not cluster.containers()


def test_no_command_in_a_pod_that_has_ended(cluster: Cluster) -> None:
    cluster.start("over", ":")
    cluster.ended("over")
    path = f"/api/v1/namespaces/jobs/pods/{cluster.pod('over').metadata.name}/exec?command=true&stdout=true"
    headers: dict[str, str] = {}
    cluster.api.update_params_for_auth(headers, [], ["BearerToken"])
    configuration = cluster.api.configuration
    with pytest.raises(WebSocketBadStatusException, match="500") as refusal:
        create_websocket(configuration, get_websocket_url(configuration.host + path), headers)
    assert 'container not found ("main")' in str(refusal.value)


@pytest.mark.stand_in
def test_only_the_owner_runs_commands_here(cluster: Cluster) -> None:
    """The port is open to every user of the machine, and to pages in their browsers."""
    (node,) = cluster.core.list_node().items
    port = node.status.daemon_endpoints.kubelet_endpoint.port
    place = cluster.home / "control-plane"

    def answered(certificate: Path | None) -> bool:
        trust = ssl.create_default_context(cafile=str(place / "ca.pem"))
        if certificate:
            trust.load_cert_chain(certificate)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, contextlib.suppress(OSError):
            client = trust.wrap_socket(plain, server_hostname="localhost")
            client.sendall(b"GET /containerLogs/jobs/x/main HTTP/1.1\r\n\r\n")
            return client.recv(1) != b""
        return False

    assert answered(place / "server.pem")
    assert not answered(None)


# Immich's port.


class Immich(http.server.BaseHTTPRequestHandler):
    """Answers with what it is given."""

    protocol_version = "HTTP/1.1"
    connected = 0

    def setup(self) -> None:
        super().setup()
        Immich.connected += 1

    def finish(self) -> None:
        super().finish()
        Immich.connected -= 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def immich() -> Iterator[Callable[[], str]]:
    """Starts a server in Immich's place, and says where."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start() -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Immich)
        servers.append(server)
        threading.Thread(target=server.serve_forever).start()
        return f"http://127.0.0.1:{server.server_port}/api"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def server_pod(cluster: Cluster) -> str:
    cluster.core.create_namespace({"metadata": {"name": "immich"}})
    name = "immich-server-7d4b-x2x1"
    until(lambda: cluster.core.list_namespaced_service_account("immich").items)
    cluster.core.create_namespaced_pod(
        "immich", {"metadata": {"name": name}, "spec": {"containers": [{"name": "server", "image": "immich"}]}}
    )
    until(lambda: cluster.core.read_namespaced_pod(name, "immich").status.phase == "Running")
    return name


def forwarded(cluster: Cluster, pod: str) -> Any:
    return portforward(cluster.core.connect_get_namespaced_pod_portforward, pod, "immich", ports="2283")


def post(forward: Any, body: bytes) -> bytes:
    connection = http.client.HTTPConnection("immich")
    connection.sock = forward.socket(2283)
    connection.request("POST", "/", body)
    return connection.getresponse().read()


@pytest.mark.stand_in
def test_immichs_port_leads_to_where_the_file_says_now(
    cluster: Cluster, server_pod: str, immich: Callable[[], str]
) -> None:
    file = cluster.home / "immich" / "url"
    file.parent.mkdir()
    body = b"photo" * 40_000
    for _ in range(2):
        file.write_text(immich())
        for _ in range(3):
            forward = forwarded(cluster, server_pod)
            assert post(forward, body) == body
            assert post(forward, b"again") == b"again"
            forward.close()
            until(lambda forward=forward: not forward.connected)  # type: ignore[misc]
            until(lambda: Immich.connected == 0)


@pytest.mark.stand_in
def test_when_nothing_answers_there_that_is_reported(cluster: Cluster, server_pod: str) -> None:
    file = cluster.home / "immich" / "url"
    file.parent.mkdir(exist_ok=True)
    file.write_text("http://127.0.0.1:1/api")
    forward = forwarded(cluster, server_pod)
    assert forward.socket(2283).recv(1) == b""
    assert "nothing listens there" in forward.error(2283)


# The node itself. These come last: they end what runs.


@pytest.mark.stand_in
def test_a_node_that_starts_again_knows_what_it_has_lost(cluster: Cluster) -> None:
    cluster.start("lost", "exec sleep 600")
    cluster.running("lost")
    cluster.start("patient", ":", volumes=[from_node("/var/mnt/much-later", "Directory")], mounts=[PLACE])
    until(lambda: cluster.pod("patient").status.start_time)
    processes.end(cluster.home, {"node"})
    assert not cluster.containers()
    assert not cluster.plane.running()
    (cluster.disk / "var/mnt/much-later").mkdir()
    cluster.plane.start()
    ended = cluster.ended("lost")
    assert (ended.reason, cluster.condition("lost")) == ("ContainerStatusUnknown", "Failed")
    assert cluster.ended("patient").exit_code == 0
    assert cluster.log("patient") == ""


@pytest.mark.stand_in
def test_ending_the_control_plane_leaves_no_container(cluster: Cluster) -> None:
    cluster.start("runs-on", "exec sleep 600")
    cluster.running("runs-on")
    (container,) = cluster.containers()
    cluster.plane.stop()
    assert not container.is_running()
    assert processes.find(cluster.home) == []
