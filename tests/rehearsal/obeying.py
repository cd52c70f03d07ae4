"""A person who types the command that `make verify` prints, on a bench."""

import json
import shlex
from functools import cache
from queue import SimpleQueue

from clients.kubernetes import ClusterApi, Ref
from lab.apple.world import CODE
from ops.command import Stack
from ops.icloud_login import icloud_login
from ops.mark_disk import mark_disk
from ops.sync_now import sync_now
from settings import parse
from tests.rehearsal.conftest import Bench, until

PATH = "/var/mnt/icloud-photos"
_KINDS = {
    "service": ("v1", "Service"),
    "pv": ("v1", "PersistentVolume"),
    "cronjob": ("batch/v1", "CronJob"),
    "deployment": ("apps/v1", "Deployment"),
}


@cache
def stack(bench: Bench) -> Stack:
    """The stack as its commands see it."""
    read = json.loads(bench.pulumi("config", "--json", "--show-secrets", "--stack", bench.stack))
    configuration = {key: entry.get("value", "") for key, entry in read.items()}
    settings = parse(configuration, {key for key, entry in read.items() if entry["secret"]})
    return Stack(bench.stack, settings, ClusterApi(settings.cluster))


def obey(bench: Bench, command: str) -> None:
    """Do what a command says."""
    for one in command.split(" && "):
        _obey(bench, one)


def _obey(bench: Bench, command: str) -> None:
    match shlex.split(command):
        case ["make", "up", "STACK=lab"]:
            bench.up()
        case ["make", "mark-disk", "STACK=lab"]:
            mark_disk(stack(bench), ask=lambda _: PATH, say=_quiet)
        case ["make", "icloud-login", "STACK=lab", "ACCOUNT=coulton"]:
            sign_in(bench)
        case ["make", "sync-now", "STACK=lab", *_]:
            sync_now(stack(bench), None, say=_quiet)
        case ["kubectl", "patch", kind, *place, how, "-p", content]:
            _patch(bench, _ref(kind, place), how.removeprefix("--type="), json.loads(content))
        case ["kubectl", "scale", kind, *place, replicas]:
            spec = {"spec": {"replicas": int(replicas.removeprefix("--replicas="))}}
            _patch(bench, _ref(kind, place), "merge", spec)
        case _:
            raise AssertionError(f"nobody here can do this: {command}")


def sign_in(bench: Bench) -> None:
    """Sign the account in, with the code that the stand-in for Apple takes."""
    typed: SimpleQueue[str] = SimpleQueue()
    typed.put(f"{CODE}\n")
    icloud_login(stack(bench), None, typed=typed, show=_quiet, say=_quiet)


def _ref(kind: str, place: list[str]) -> Ref:
    match place:
        case ["-n", namespace, name]:
            return Ref(*_KINDS[kind], name, namespace)
        case [name]:
            return Ref(*_KINDS[kind], name)
    raise AssertionError(f"kubectl takes no such place: {place}")


def patch(bench: Bench, ref: Ref, *operations: dict[str, object]) -> None:
    """Change an object as someone would with `kubectl patch --type=json`."""
    _patch(bench, ref, "json", list(operations))


def _patch(bench: Bench, ref: Ref, how: str, content: object) -> None:
    types = {"json": "application/json-patch+json", "merge": "application/merge-patch+json"}
    bench.api.call_api(
        ref.path,
        "PATCH",
        query_params=[("fieldManager", "kubectl-patch")],
        header_params={"Content-Type": types[how], "Accept": "application/json"},
        body=content,
        auth_settings=["BearerToken"],
        response_types_map={},
    )
    if ref.kind == "Deployment":
        until(lambda: _rolled_out(bench, ref), f"{ref} is rolled out")


def _rolled_out(bench: Bench, ref: Ref) -> bool:
    live = bench.get(ref)
    status, wanted = live["status"], live["spec"]["replicas"]
    counts = {status.get(count, 0) for count in ("replicas", "updatedReplicas", "availableReplicas")}
    return bool(status.get("observedGeneration") == live["metadata"]["generation"] and counts == {wanted})


def _quiet(_: str) -> None:
    pass
