"""A real Kubernetes control plane on loopback: etcd, API server, controllers and scheduler, with one node.

The node is simulated, unless a real one is asked for.
"""

import contextlib
import http.client
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import psutil
import yaml
from kubernetes import client
from urllib3.exceptions import HTTPError

from lab import processes
from lab.cluster import connect
from lab.errors import LabError
from lab.identities import Identities
from lab.ports import Ports
from lab.simulated_node import SimulatedNode
from lab.toolchain import Tools

_PROJECT = Path(__file__).parent.parent
_NODE: Final[dict[str, Any]] = yaml.safe_load((_PROJECT / "lab" / "kwok" / "node.yaml").read_text())
# In the order of their start.
_PROGRAMS: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_READY_SECONDS: Final = 90
_POLL_SECONDS: Final = 0.05
_ATTEMPTS: Final = 3

# Talos' defaults (source: its KubernetesControlPlane admission-control configuration).
_POD_SECURITY = {
    "apiVersion": "apiserver.config.k8s.io/v1",
    "kind": "AdmissionConfiguration",
    "plugins": [
        {
            "name": "PodSecurity",
            "configuration": {
                "apiVersion": "pod-security.admission.config.k8s.io/v1",
                "kind": "PodSecurityConfiguration",
                "defaults": {
                    "enforce": "baseline",
                    "enforce-version": "latest",
                    "audit": "restricted",
                    "audit-version": "latest",
                    "warn": "restricted",
                    "warn-version": "latest",
                },
                "exemptions": {"usernames": [], "runtimeClasses": [], "namespaces": ["kube-system"]},
            },
        }
    ],
}

# Those whose work the rehearsal can see. Not the node's lifecycle: a laptop that slept would find its node evicted.
_CONTROLLERS = (
    "cronjob",
    "daemonset",
    "deployment",
    "disruption",
    "endpoints",
    "endpointslice",
    "garbage-collector",
    "job",
    "namespace",
    "persistentvolume-binder",
    "persistentvolume-protection",
    "persistentvolumeclaim-protection",
    "pod-garbage-collector",
    "replicaset",
    "root-ca-certificate-publisher",
    "serviceaccount",
    "serviceaccount-token",
    "statefulset",
    "ttl-after-finished",
)


class Node(Protocol):
    """What runs the pods.

    Attributes:
        programs: what runs as long as it is well.
        processes: all that may run of it.

    """

    @property
    def programs(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def processes(self) -> tuple[str, ...]: ...  # noqa: D102

    def enter(self, home: Path, port: int) -> tuple[str, ...]:
        """Make its place ready; return the words that start a program there, where it reaches the API server's port."""

    def start(self, home: Path, name: str, kubeconfig: Path, credentials: Path, port: int) -> dict[str, psutil.Popen]:
        """Start what runs its pods, which listens on `port`."""

    def listens(self, home: Path, port: int) -> bool:
        """Whether its kubelet listens on `port`, in the network that the control plane is in."""


class ControlPlane:
    """The control plane of one rehearsal; all its files are under `home`, and several run side by side.

    `kubeconfig` has one context, `lab`, with a cluster administrator's token.
    """

    def __init__(self, home: Path, tools: Tools, node: Node | None = None) -> None:
        """Nothing starts yet."""
        self._node = node or SimulatedNode(tools.kwok)
        self.kubeconfig = home / "kubeconfig"
        self._home = home
        self._tools = tools
        self._place = home / "control-plane"
        self._identities = Identities(self._place, self.kubeconfig)

    def start(self) -> None:
        """Have it running, with its node ready: at once when it is, else again on the data that it left.

        Raises LabError, with the end of its log, when a program does not come up.
        """
        if self.running():
            self._identities.write_kubeconfigs(Ports.remembered(self._place / "ports.json").api)
            return None
        self.stop()
        try:
            self._identities.make(_POD_SECURITY)
            for _ in range(_ATTEMPTS - 1):
                with contextlib.suppress(_PortTakenError):
                    return self._start_on(Ports.choose(self._place / "ports.json"))
                self.stop()
            return self._start_on(Ports.choose(self._place / "ports.json"))
        except OSError as error:
            self.stop()
            raise LabError(f"The control plane cannot start in {self._home}: {error.strerror or error}.") from error
        except BaseException:
            self.stop()
            raise

    def running(self) -> bool:
        """Whether every program of it runs and the API server says that it is ready."""
        alive = {marked.name for marked in processes.find(self._home)}
        return alive.issuperset((*_PROGRAMS, *self._node.programs)) and self._answers("/readyz")

    def stop(self) -> None:
        """End its programs, and nothing else of the rehearsal; its data stay."""
        processes.end(self._home, (*_PROGRAMS, *self._node.processes))

    def _start_on(self, ports: Ports) -> None:
        place, tools = self._place, self._tools
        self._identities.write_kubeconfigs(ports.api)
        there = self._node.enter(self._home, ports.api)
        store = f"https://127.0.0.1:{ports.etcd}"
        started = {
            "etcd": processes.start(
                self._home,
                "etcd",
                [
                    *there,
                    tools.etcd,
                    f"--data-dir={place / 'etcd'}",
                    f"--listen-client-urls={store}",
                    f"--advertise-client-urls={store}",
                    # It has no peers: any free port does.
                    "--listen-peer-urls=http://127.0.0.1:0",
                    "--client-cert-auth",
                    f"--trusted-ca-file={place / 'ca.pem'}",
                    f"--cert-file={place / 'server.pem'}",
                    f"--key-file={place / 'server.pem'}",
                    # A rehearsal need not outlive a power cut.
                    "--unsafe-no-fsync",
                    "--log-level=warn",
                ],
            ),
            "kube-apiserver": processes.start(
                self._home,
                "kube-apiserver",
                [
                    *there,
                    tools.kube_apiserver,
                    f"--etcd-servers={store}",
                    f"--etcd-cafile={place / 'ca.pem'}",
                    f"--etcd-certfile={place / 'server.pem'}",
                    f"--etcd-keyfile={place / 'server.pem'}",
                    "--bind-address=127.0.0.1",
                    f"--secure-port={ports.api}",
                    f"--tls-cert-file={place / 'server.pem'}",
                    f"--tls-private-key-file={place / 'server.pem'}",
                    # The Service "kubernetes" would need an address that is not loopback; it is not used here.
                    "--endpoint-reconciler-type=none",
                    "--service-cluster-ip-range=10.96.0.0/12",
                    "--service-account-issuer=https://kubernetes.default.svc",
                    f"--service-account-key-file={place / 'service-account.pem'}",
                    f"--service-account-signing-key-file={place / 'service-account.pem'}",
                    f"--token-auth-file={place / 'tokens.csv'}",
                    "--kubelet-preferred-address-types=InternalDNS,InternalIP",
                    f"--kubelet-certificate-authority={place / 'ca.pem'}",
                    f"--kubelet-client-certificate={place / 'server.pem'}",
                    f"--kubelet-client-key={place / 'server.pem'}",
                    "--anonymous-auth=false",
                    "--authorization-mode=Node,RBAC",
                    # As every distribution has it; what may really be privileged is PodSecurity's to say.
                    "--allow-privileged=true",
                    f"--admission-control-config-file={place / 'admission.yaml'}",
                    # It would taint the node until the node-lifecycle controller, which is not here, says otherwise.
                    "--disable-admission-plugins=TaintNodesByCondition",
                    "--profiling=false",
                ],
            ),
        }
        # Its full readiness: the controllers wait 10 s for it, then end. A busy machine takes longer to make its roles.
        self._await("kube-apiserver", lambda: self._answers("/readyz"), started)
        self._await("kube-apiserver", self._has_node, started)
        started["kube-controller-manager"] = processes.start(
            self._home,
            "kube-controller-manager",
            [
                *there,
                tools.kube_controller_manager,
                f"--kubeconfig={self._identities.kubeconfig_of('kube-controller-manager')}",
                "--leader-elect=false",
                "--secure-port=0",
                f"--controllers={','.join(f'{name}-controller' for name in _CONTROLLERS)}",
                f"--service-account-private-key-file={place / 'service-account.pem'}",
                f"--root-ca-file={place / 'ca.pem'}",
                "--profiling=false",
            ],
        )
        started["kube-scheduler"] = processes.start(
            self._home,
            "kube-scheduler",
            [
                *there,
                tools.kube_scheduler,
                f"--kubeconfig={self._identities.kubeconfig_of('kube-scheduler')}",
                "--leader-elect=false",
                "--secure-port=0",
                "--profiling=false",
            ],
        )
        started |= self._node.start(
            self._home, _NODE["metadata"]["name"], self._identities.kubeconfig_of("node"), place, ports.node
        )
        self._await("kube-controller-manager", self._settled, started)
        self._await(self._node.programs[-1], lambda: self._served_at(ports.node), started)

    def _await(self, name: str, condition: Callable[[], bool], started: dict[str, psutil.Popen]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not condition():
            for other, process in started.items():
                if process.poll() is not None:
                    log = processes.log_tail(self._home, other)
                    msg = f"{other} ended at its start (exit code {process.returncode}). The end of its log:\n{log}"
                    raise (_PortTakenError if "address already in use" in log else LabError)(msg)
            if time.monotonic() > deadline:
                log = processes.log_tail(self._home, name)
                raise LabError(f"{name} is not ready after {_READY_SECONDS} s. The end of its log:\n{log}")
            time.sleep(_POLL_SECONDS)

    def _answers(self, check: str) -> bool:
        """Ask one of the API server's own health checks."""
        with contextlib.suppress(OSError, ValueError, LookupError, http.client.HTTPException):
            port = Ports.remembered(self._place / "ports.json").api
            trust = ssl.create_default_context(cafile=str(self._place / "ca.pem"))
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=trust)
            with contextlib.closing(connection):
                connection.request("GET", check, headers={"Authorization": f"Bearer {self._identities.tokens['lab']}"})
                return connection.getresponse().status == http.HTTPStatus.OK
        return False

    def _has_node(self) -> bool:
        """Add the node where it is not yet there."""
        with connect(self.kubeconfig) as api, contextlib.suppress(HTTPError):
            try:
                client.CoreV1Api(api).create_node(_NODE)
            except client.ApiException as error:
                return bool(error.status == http.HTTPStatus.CONFLICT)
            return True
        return False

    def _settled(self) -> bool:
        """Whether the controllers and the node work: pods need a service account and a node that is ready."""
        with connect(self.kubeconfig) as api, contextlib.suppress(client.ApiException, HTTPError):
            core = client.CoreV1Api(api)
            core.read_namespaced_service_account("default", "default")
            return all(
                any(
                    condition.type == "Ready" and condition.status == "True"
                    for condition in node.status.conditions or ()
                )
                for node in core.list_node().items
            )
        return False

    def _served_at(self, port: int) -> bool:
        """Whether the node has said that its kubelet listens there, and it does."""
        with connect(self.kubeconfig) as api, contextlib.suppress(client.ApiException, HTTPError):
            endpoints = client.CoreV1Api(api).read_node(_NODE["metadata"]["name"]).status.daemon_endpoints
            told = endpoints and endpoints.kubelet_endpoint and endpoints.kubelet_endpoint.port == port
            return bool(told) and self._node.listens(self._home, port)
        return False


class _PortTakenError(LabError):
    """Another program bound a port between our choice and our program's start."""
