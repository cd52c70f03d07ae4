"""One rehearsal a module: the real engine and a real API server, with a project directory of its own."""

import fcntl
import os
import pkgutil
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from kubernetes import client

import providers
from clients.kubernetes import ClusterApi, Manifest, Ref
from engine.run import Run
from lab import connector, processes, world
from lab.apple import process as apple
from lab.cloudflare import process as cloudflare
from lab.cluster import connect
from lab.control_plane import ControlPlane
from lab.engine import SOURCE, Engine
from lab.immich import process as immich
from lab.toolchain import Tools
from ops import up_role
from settings import parse
from settings.cluster import Cluster
from tests.rehearsal.account import Account
from tests.stack_files import configuration, secrets
from tests.warm_python import warm_python

Change = Callable[[dict[str, Any]], None]


class MakeBench(Protocol):
    """Makes a bench; `photos`: with the lab's account and its library."""

    def __call__(self, the_world: world.World, *, photos: bool = ...) -> "Bench": ...


DEPLOYMENT = Ref("apps/v1", "Deployment", "immich-server", "immich")
INGRESS = Ref("networking.k8s.io/v1", "Ingress", "immich-ingress", "immich")
VOLUME = Ref("v1", "PersistentVolume", "icloud-photos-shared")
CLAIM = Ref("v1", "PersistentVolumeClaim", "icloud-photos", "photo-sync")
JOB = Ref("batch/v1", "Job", "create-icloud-directory", "photo-sync")
RECORD = Ref("v1", "ConfigMap", "icloud-directory", "photo-sync")
MIRROR = Ref("v1", "ConfigMap", "icloud-directory", "immich")
IMMICH, PHOTO_SYNC = Ref("v1", "Namespace", "immich"), Ref("v1", "Namespace", "photo-sync")


PYTHON = Path(sys.executable)
_PROVIDER = ("-u", "-m", "pulumi.dynamic")
DATA = "control-plane"

_STARTED: list[str] = []


def _note_command_line(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"subprocess.Popen", "os.exec"}:
        _STARTED.append(repr(arguments[1]))


# Of all programs that this process ever starts: most end before one could look at them.
sys.addaudithook(_note_command_line)


class Bench:
    """A project directory on a control plane of its own."""

    def __init__(  # noqa: PLR0913 (the last two only spare work)
        self,
        project: Path,
        tools: Tools,
        the_world: world.World,
        *,
        photos: bool,
        python: Path = PYTHON,
        found: Path | None = None,
    ) -> None:
        self.project, self.home, self.tools, self._python = project, project / ".lab", tools, python
        self.runs: list[Run] = []
        self.photos = photos
        self.stack = {"found": "lab", "reference": "reference", "gateway": "gateway"}.get(the_world, "adoption")
        shutil.copy(SOURCE / "Pulumi.yaml", project)
        self.reset_settings()
        self.plane = ControlPlane(self.home, tools)
        if found and the_world == "found":
            shutil.copytree(found / DATA, self.home / DATA, ignore=shutil.ignore_patterns("ports.json"))
        self.plane.start()
        self.cloudflare = cloudflare.start(self.home)
        self.immich = immich.start(self.home)
        self.apple = apple.start(self.home) if photos else None
        self.account = Account(self.cloudflare)
        world.put(self.plane.kubeconfig, the_world)
        if the_world == "reference":
            self.follow_cloudflared()
        self.api = connect(self.plane.kubeconfig)
        self.cluster = ClusterApi(Cluster(kubeconfig=str(self.plane.kubeconfig), context="lab", identifier="lab"))

    def follow_cloudflared(self) -> None:
        """Have pods of the world's cloudflared that are new read their file, and connect."""
        connector.follow(self.plane.kubeconfig, self.cloudflare)

    @property
    def stack_file(self) -> Path:
        return self.project / f"Pulumi.{self.stack}.yaml"

    @property
    def state_file(self) -> Path:
        return self.home / "state" / ".pulumi" / "stacks" / "immich-icloud" / f"{self.stack}.json"

    def reset_settings(self) -> None:
        shutil.copy(SOURCE / self.stack_file.name, self.project)
        if not self.photos:
            self.set(without_photos)

    def set(self, change: Change) -> None:
        """Change the stack's settings, keys without their namespace."""
        file = yaml.safe_load(self.stack_file.read_text())
        ours = {
            k.removeprefix("immich-icloud:"): v for k, v in file["config"].items() if k.startswith("immich-icloud:")
        }
        rest = {k: v for k, v in file["config"].items() if not k.startswith("immich-icloud:")}
        change(ours)
        file["config"] = rest | {f"immich-icloud:{k}": v for k, v in ours.items()}
        self.stack_file.write_text(yaml.safe_dump(file))

    def set_secret(self, key: str, value: str) -> None:
        """Store a secret in the stack file, encrypted."""
        self.pulumi("config", "set", "--secret", "--stack", self.stack, f"immich-icloud:{key}", told=value)

    def plain_text(self, *secrets: str) -> list[str]:
        """Where secrets stand in plain text: the state, logs, what any run so far has said, command lines."""
        files = [path for place in ("state", "logs") for path in (self.home / place).rglob("*") if path.is_file()]
        assert len(files) > 10
        said = {f"run {number}": repr(run).encode() for number, run in enumerate(self.runs)}
        said |= {f"command line {line}": line.encode() for line in (*_STARTED, *self._running())}
        places = {**said, **{str(path): path.read_bytes() for path in (self.stack_file, *files)}}
        return [place for place, content in places.items() if any(secret.encode() in content for secret in secrets)]

    def _running(self) -> list[str]:
        """The command lines of all that runs, whoever started it."""
        return [repr(marked.process.cmdline()) for marked in processes.find(self.home)]

    def secret_output(self, name: str) -> str:
        """An output that is a secret, decrypted."""
        return self.pulumi("stack", "output", "--show-secrets", "--stack", self.stack, name).strip()

    def pulumi(self, *arguments: str, told: str = "") -> str:
        """Run one of Pulumi's own commands that need no program; returns what it prints."""
        environment = {
            **os.environ,
            "PULUMI_HOME": str(self.home / "pulumi"),
            "PULUMI_BACKEND_URL": (self.home / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "immich-icloud-lab",
        }
        return subprocess.run(
            [self.tools.pulumi, *arguments],
            input=told, text=True, cwd=self.project, check=True, capture_output=True, env=environment,
        ).stdout  # fmt: skip

    def engine(self, program: Path = SOURCE / "__main__.py") -> Engine:
        return Engine(
            self.project, self.home, self.stack, self.tools, program,
            python=self._python, cloudflare_url=self.cloudflare,
        )  # fmt: skip

    def run(self, operation: Any) -> Run:
        follows = self.stack == "reference"
        with connector.following(self.plane.kubeconfig, self.cloudflare) if follows else nullcontext():
            self.runs.append(self.engine().run(operation))
        return self.runs[-1]

    def up(self) -> Run:
        """Deploy; a failure fails the test with what the engine said."""
        run = self.run("up")
        assert run.succeeded, run.errors
        return run

    def destroy(self) -> Run:
        run = self.run("destroy")
        assert run.succeeded, run.errors
        return run

    def get(self, ref: Ref) -> Manifest:
        live = self.cluster.get(ref)
        assert live is not None, f"{ref} does not exist"
        return live

    def pod(self) -> Manifest:
        """The pod template of Immich's Deployment."""
        spec: Manifest = self.get(DEPLOYMENT)["spec"]["template"]["spec"]
        return spec

    def delete(self, ref: Ref) -> None:
        """Remove an object as another client would, and wait until it is gone."""
        self.api.call_api(ref.path, "DELETE", auth_settings=["BearerToken"], response_types_map={})
        until(lambda: self.cluster.get(ref) is None, f"{ref} is gone")

    def scale_immich(self, replicas: int) -> None:
        """Let so many of Immich's pods run, as another client would, and wait until they do."""
        self.cluster.patch(DEPLOYMENT, {"spec": {"replicas": replicas}}, "kubectl-scale")
        until(lambda: self.get(DEPLOYMENT)["status"].get("readyReplicas", 0) == replicas, f"{replicas} pods run")

    def token_for(self, account: str) -> str:
        """Make an administrator's service account, and a token of it."""
        core, rbac = client.CoreV1Api(self.api), client.RbacAuthorizationV1Api(self.api)
        metadata = {"name": account, "namespace": "kube-system"}
        core.create_namespaced_service_account("kube-system", {"metadata": metadata})
        subject = {"kind": "ServiceAccount", **metadata}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        rbac.create_cluster_role_binding({"metadata": {"name": account}, "subjects": [subject], "roleRef": role})
        token: str = core.create_namespaced_service_account_token(account, "kube-system", {"spec": {}}).status.token
        return token

    @contextmanager
    def by_role_of_up(self) -> Iterator[None]:
        """Have what runs use the account that may do what `up` needs, in place of the administrator's."""
        settings = parse(configuration(self.stack_file), secrets(self.stack_file))
        for manifest in up_role.manifests(settings, self.stack):
            self.cluster.apply(manifest, "somebody")
        core, account = client.CoreV1Api(self.api), (up_role.ACCOUNT, settings.immich.namespace)
        token = core.create_namespaced_service_account_token(*account, {"spec": {}}).status.token
        administrators = self.plane.kubeconfig.read_text()
        kubeconfig = yaml.safe_load(administrators)
        for user in kubeconfig["users"]:
            user["user"] = {"token": token}
        self.plane.kubeconfig.write_text(yaml.safe_dump(kubeconfig))
        yield
        self.plane.kubeconfig.write_text(administrators)

    def fail_start(self, container: str | None) -> None:
        """Have the lab's node make that init container fail in Immich's next pods; none with None."""
        annotations = {"lab.immich-icloud/failing-init-container": container}
        patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        self.cluster.patch(DEPLOYMENT, patch, "argocd-controller")

    def everything(self) -> dict[str, Manifest]:
        """All that is stated in the cluster, without what every write changes."""
        kinds = [
            ("v1", "Namespace"), ("v1", "PersistentVolume"), ("v1", "PersistentVolumeClaim"), ("v1", "Service"),
            ("v1", "ConfigMap"), ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("batch/v1", "Job"),
            ("networking.k8s.io/v1", "Ingress"),
        ]  # fmt: skip
        return {
            f"{kind} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}": stated(item)
            for version, kind in kinds
            for item in self.cluster.list(Ref(version, kind, ""))
        }


def without_photos(settings: dict[str, Any]) -> None:
    """Neither accounts nor a library: what is about something else is faster."""
    for key in ("photoSync", "icloudCredentials", "immich", "immichApiKey"):
        settings.pop(key, None)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, f"never came to it: {what}"
        time.sleep(0.1)


def stated(live: Manifest) -> Manifest:
    volatile = {"managedFields", "resourceVersion", "generation"}
    metadata = {k: v for k, v in live["metadata"].items() if k not in volatile}
    annotations = metadata.get("annotations", {})
    metadata["annotations"] = {k: v for k, v in annotations.items() if k != "deployment.kubernetes.io/revision"}
    return {k: v for k, v in live.items() if k not in {"metadata", "status"}} | {"metadata": metadata}


def changed(run: Run) -> list[tuple[str, str]]:
    """What a run changed, in short."""
    return [(step.operation, step.name) for step in run.changed]


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The Python of the dynamic providers."""
    ours = [module.name for module in pkgutil.iter_modules(providers.__path__, f"{providers.__name__}.")]
    imported = ["dill", "grpc", "pulumi.dynamic", *ours]  # by `pulumi.dynamic`, as a program
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}  # as the engine's
    with warm_python(tmp_path_factory.mktemp("python"), _PROVIDER, imported, environment=environment) as warm:
        yield warm


@pytest.fixture(scope="session")
def as_found(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """The home of a control plane that has the world as found, stopped: half the work to go on from.

    One of several workers makes it for all; a test file that is run alone needs one world only.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return None
    home = tmp_path_factory.getbasetemp().parent / "as-found"
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.with_suffix(".complete").exists():
            plane = ControlPlane(home, tools)
            plane.start()
            world.put(plane.kubeconfig, "found")
            processes.end(home)
            home.with_suffix(".complete").touch()
    return home


@pytest.fixture(scope="module")
def make_bench(
    tools: Tools, python: Path, as_found: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeBench]:
    benches: list[Bench] = []

    def make(the_world: world.World, *, photos: bool = False) -> Bench:
        project = tmp_path_factory.mktemp(the_world)
        benches.append(Bench(project, tools, the_world, photos=photos, python=python, found=as_found))
        return benches[-1]

    yield make
    for bench in benches:
        processes.end(bench.home)


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench, request: pytest.FixtureRequest) -> Bench:
    """The homelab as found; for a module that says `PHOTOS = True`, with an account and a library."""
    return make_bench("found", photos=getattr(request.module, "PHOTOS", False))


@pytest.fixture(scope="module")
def found(bench: Bench) -> dict[str, Manifest]:
    return bench.everything()
