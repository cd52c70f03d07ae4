"""What goes wrong on purpose while a command runs, each as a context manager."""

import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import psutil
from kubernetes import client

from clients import immich_lease, tunnel_lease
from lab import processes
from lab.cloudflare import world as cloudflare
from lab.engine import SOURCE
from lab.immich import world as immich
from tests.rehearsal.account import HOMELAB
from tests.rehearsal.conftest import DEPLOYMENT, IMMICH
from tests.soak import proxy
from tests.soak.apart import LOCKED
from tests.soak.deployed import Deployed, Fault, Outcome
from tests.soak.writes import Writes

Disturb = Callable[[Deployed, Outcome], AbstractContextManager[None]]


def _api_server_is_bad(decide: Callable[[random.Random], Callable[[int], str]]) -> Disturb:
    @contextmanager
    def disturbed(deployed: Deployed, outcome: Outcome) -> Iterator[None]:
        with proxy.before(deployed.bench.plane.kubeconfig, decide(deployed.of(outcome.name))) as made:
            yield
        outcome.struck += made.struck
        del outcome.struck["passed"]

    return disturbed


def _api_server_refuses(status: int) -> Disturb:
    """From some request on, each is refused: a token that expired, a role that was taken away."""

    @contextmanager
    def disturbed(deployed: Deployed, outcome: Outcome) -> Iterator[None]:
        from_one = deployed.of(outcome.name).randint(20, 200)
        decide = proxy.from_one_on(from_one, str(status))
        with proxy.before(deployed.bench.plane.kubeconfig, decide) as made:
            yield
        outcome.struck[str(status)] += made.struck[str(status)]

    return disturbed


def _of_each_call(api: str, kind: str) -> Disturb:
    """Each call that an undisturbed `up` or removal makes goes wrong once in each of them."""

    @contextmanager
    def disturbed(deployed: Deployed, outcome: Outcome) -> Iterator[None]:
        for method, path in deployed.calls[api]:
            deployed.tell(api, "POST", "faults", {"kind": kind, "method": method, "path": path})
        yield
        left = len(deployed.tell(api, "GET", "faults"))
        deployed.tell(api, "DELETE", "faults")
        outcome.struck[kind] += len(deployed.calls[api]) - left

    return disturbed


def _half_way(
    kind: str, strike: Callable[[Deployed, psutil.Process], None], after: Callable[[Deployed], None] = lambda _: None
) -> Disturb:
    """Strike once, after one of the writes of the state; `after` the command, undo it."""

    @contextmanager
    def disturbed(deployed: Deployed, outcome: Outcome) -> Iterator[None]:
        at = deployed.half_way(outcome.name)

        def then(write: int, engine: psutil.Process) -> None:
            if write == at:
                strike(deployed, engine)
                outcome.struck[kind] += 1

        with Writes(deployed.bench, then):
            yield
        after(deployed)

    return disturbed


def _cloudflare_token(status: str, permissions: Sequence[str]) -> Callable[..., None]:
    def tell(deployed: Deployed, *_: object) -> None:
        body = {"token": cloudflare.TOKEN, "permissions": permissions, "status": status}
        deployed.tell("cloudflare", "POST", "tokens", body)

    return tell


def _cloudflare_refuses(kind: str, status: str, permissions: Sequence[str]) -> Disturb:
    whole = _cloudflare_token("active", cloudflare.PERMISSIONS)
    return _half_way(kind, _cloudflare_token(status, permissions), whole)


def _immich_key(permissions: Sequence[str]) -> Callable[..., None]:
    def tell(deployed: Deployed, *_: object) -> None:
        body = {"key": immich.API_KEY, "email": "owner@coultonf.com", "permissions": permissions}
        deployed.tell("immich", "POST", "keys", body)

    return tell


def _no_immich_key(deployed: Deployed, *_: object) -> None:
    deployed.tell("immich", "DELETE", f"keys/{immich.API_KEY}")


def _api_server_restarts(deployed: Deployed, _: psutil.Process) -> None:
    (server,) = [one.process for one in processes.find(deployed.bench.home) if one.name == "kube-apiserver"]
    server.kill()
    deployed.bench.plane.start()


def _disk_is_full(_: Deployed, engine: psutil.Process) -> None:
    """A stand-in: from now on the kernel refuses the engine each write to a file (RLIMIT_FSIZE, on Linux alone)."""
    engine.rlimit(psutil.RLIMIT_FSIZE, (0, 0))


@contextmanager
def _state_is_cut(deployed: Deployed, outcome: Outcome) -> Iterator[None]:
    state = deployed.bench.state_file
    content = state.read_bytes()
    state.write_bytes(content[: deployed.of(outcome.name).randrange(len(content))])
    outcome.struck["cut"] += 1
    yield


@contextmanager
def _etcd_is_older(deployed: Deployed, outcome: Outcome) -> Iterator[None]:
    """After the command, the cluster is as it was before it; state, Cloudflare, Immich and disk are not."""
    plane, data = deployed.bench.plane, deployed.bench.home / "control-plane" / "etcd"
    older = data.with_name("etcd.older")
    plane.stop()
    shutil.copytree(data, older)
    plane.start()
    yield
    plane.stop()
    shutil.rmtree(data)
    older.rename(data)
    plane.start()
    outcome.struck["restored"] += 1


def _holder_died(ahead: timedelta) -> Disturb:
    """Both Leases are held by a run that is no more; its clock is `ahead` of this one's."""

    @contextmanager
    def disturbed(deployed: Deployed, outcome: Outcome) -> Iterator[None]:
        cluster = deployed.bench.cluster
        renewed = (datetime.now(UTC) + ahead).isoformat(timespec="microseconds").replace("+00:00", "Z")
        for of in (immich_lease.lease_of(IMMICH.name), tunnel_lease.lease_of(HOMELAB)):
            spec = {"holderIdentity": "other_died", "leaseDurationSeconds": of.duration, "renewTime": renewed}
            lease = {"apiVersion": of.ref.api_version, "kind": of.ref.kind, "spec": spec}
            metadata = {"name": of.name, "namespace": of.namespace}
            cluster.apply({**lease, "metadata": metadata}, "immich-icloud", force=True)
        yield
        outcome.struck["waited for"] += sum(
            (cluster.get(of.ref) or {"spec": {}})["spec"].get("holderIdentity") != "other_died"
            for of in (immich_lease.lease_of(IMMICH.name), tunnel_lease.lease_of(HOMELAB))
        )

    return disturbed


@contextmanager
def _owner_upgrades(deployed: Deployed, outcome: Outcome) -> Iterator[None]:
    """After each write of the state, Immich's owner deploys another version, by turns, as Helm does."""
    apps, ref = client.AppsV1Api(deployed.bench.api), DEPLOYMENT
    (container,) = deployed.bench.pod()["containers"]

    def deploy(image: str) -> None:
        pod = {"containers": [{"name": container["name"], "image": image}]}
        body = {"spec": {"template": {"spec": pod}}}
        apps.patch_namespaced_deployment(ref.name, ref.namespace, body, field_manager="argocd-controller")

    def then(write: int, _: psutil.Process) -> None:
        deploy(container["image"] + (".1" if write % 2 else ""))
        outcome.struck["upgrade"] += 1

    with Writes(deployed.bench, then):
        yield
    deploy(container["image"])


def _twice_at_once(*, one_state: bool) -> Disturb:
    """Another clone runs the same command while this one does: on the same state, or on one of its own."""

    @contextmanager
    def disturbed(deployed: Deployed, outcome: Outcome) -> Iterator[None]:
        bench, others = deployed.bench, list[subprocess.Popen[str]]()
        clone = bench.home / f"clone-{one_state}"
        home = clone / ".lab"
        if not home.exists():
            shutil.copytree(bench.project, clone, ignore=shutil.ignore_patterns(".lab"))
            home.mkdir()
            shutil.copy(bench.plane.kubeconfig, home)
        words = (clone, bench.home if one_state else home, bench.stack, bench.cloudflare, deployed.operation)

        def then(write: int, _: psutil.Process) -> None:
            if write == 1:
                command = [sys.executable, "-m", "tests.soak.apart", *map(str, words)]
                others.append(subprocess.Popen(command, cwd=SOURCE, stdout=subprocess.PIPE, text=True))

        with Writes(bench, then):
            yield
        for other in others:
            said, _ = other.communicate()
            outcome.struck[
                "second succeeded" if other.returncode == 0 else "second refused" if LOCKED in said else "second failed"
            ] += 1
            outcome.problems += [f"the second {deployed.operation}: {said}"] if "Traceback" in said else []

    return disturbed


FAULTS: Final = {
    "API server busy, slow, cut": Fault(_api_server_is_bad(proxy.sometimes)),
    "API server takes 500 ms for each request": Fault(_api_server_is_bad(lambda _: lambda _: "slow")),
    "API server answers 401 from a request on": Fault(_api_server_refuses(401)),
    "API server answers 403 from a request on": Fault(_api_server_refuses(403)),
    "API server killed and started": Fault(_half_way("restart", _api_server_restarts)),
    "etcd restored from before the command": Fault(_etcd_is_older, ("up", "destroy")),
    "Cloudflare answers 503": Fault(_of_each_call("cloudflare", "unavailable")),
    "Cloudflare answers 429": Fault(_of_each_call("cloudflare", "rateLimited")),
    "Cloudflare's answer is lost": Fault(_of_each_call("cloudflare", "timeOut")),
    "Cloudflare's token expires half-way": Fault(_cloudflare_refuses("401", "expired", cloudflare.PERMISSIONS)),
    "Cloudflare's token loses its permissions half-way": Fault(_cloudflare_refuses("403", "active", ())),
    "Immich answers 503": Fault(_of_each_call("immich", "unavailable")),
    "Immich's answer is lost": Fault(_of_each_call("immich", "timeOut")),
    "Immich's key is deleted half-way": Fault(_half_way("401", _no_immich_key, _immich_key(immich.PERMISSIONS))),
    "Immich's key loses its permissions half-way": Fault(
        _half_way("403", _immich_key(()), _immich_key(immich.PERMISSIONS))
    ),
    "holder of the Leases died": Fault(_holder_died(timedelta(minutes=-10))),
    "holder of the Leases died, its clock 10 minutes ahead": Fault(_holder_died(timedelta(minutes=10))),
    "Immich's owner upgrades at each step": Fault(_owner_upgrades),
    "state file cut before the command": Fault(_state_is_cut),
    "disk of the state full half-way": Fault(_half_way("full", _disk_is_full)),
    "two clones at once, one state": Fault(_twice_at_once(one_state=True)),
    "two clones at once, each with a state of its own": Fault(_twice_at_once(one_state=False)),
}
