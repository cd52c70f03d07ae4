"""Every pod of this stack against the Pod Security Standards' `restricted` profile; each exception has its reason."""

import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from clients.kubernetes import Manifest
from components import pod_security
from components import pods as job_pods
from settings import parse
from tests.stack_files import VALID, configuration, secrets
from tests.stated import objects

DOCS = Path(__file__).parents[2] / "docs"

# The controls of https://kubernetes.io/docs/concepts/security/pod-security-standards/, as the profile has them.
RESTRICTED_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"),
}

# What is beyond the profile, and why. One that nothing needs any more fails, too.
_ROOT = "the directory that it works in may be root's, or of any owner, and is not readable by others"
_MAKES = "it makes directories on the disk for the owner that the settings name, in a parent of any owner"
_HOST_PATH = (
    "storage of kind hostPath or local is a directory of the node, and before the claim there is no other way to it"
)
EXCEPTIONS = {
    "container create-directory: runs as root": _ROOT,
    "container look-at-disk: runs as root": _ROOT,
    "container mark-disk: runs as root": _ROOT,
    **{
        f"container {name}: {more}": _MAKES
        for name in ("make-directory", "give-directory")
        for more in ("runs as root", "adds CHOWN", "adds DAC_OVERRIDE", "adds FOWNER")
    },
    "volume photos: hostPath": _HOST_PATH,
    "volume icloud: hostPath": _HOST_PATH,
    "volume icloud-import: hostPath": "the mount in Immich's pod that was made by hand, and is adopted",
    "image icloudpd/icloudpd: no digest": "none could be confirmed by a second source; Renovate pins it",
    "image rclone/rclone: no digest": "none could be confirmed by a second source; Renovate pins it",
}


def deviations(pod: dict[str, Any]) -> Iterator[str]:
    """What a pod's spec has that the profile does not admit, by container or volume."""
    whole = pod.get("securityContext", {})
    for key in ("hostNetwork", "hostPID", "hostIPC", "hostUsers"):
        if pod.get(key):
            yield f"pod: {key}"
    if whole.get("sysctls"):
        yield "pod: sysctls"
    for volume in pod.get("volumes", []):
        for kind in volume.keys() - {"name"} - RESTRICTED_VOLUMES:
            yield f"volume {volume['name']}: {kind}"
    for container in containers(pod):
        for deviation in of_container(container, whole):
            yield f"container {container['name']}: {deviation}"
        if "@sha256:" not in container["image"]:
            yield f"image {container['image'].partition(':')[0]}: no digest"


def of_container(container: dict[str, Any], whole: dict[str, Any]) -> Iterator[str]:
    own = container.get("securityContext", {})
    context = {**whole, **own}
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "runs as root"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may escalate privileges"
    if own.get("privileged"):
        yield "is privileged"
    if context.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "has no seccomp profile"
    capabilities = own.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"]:
        yield "keeps capabilities"
    for added in sorted(set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}):
        yield f"adds {added}"
    if own.get("procMount", "Default") != "Default" or context.get("seLinuxOptions") or context.get("appArmorProfile"):
        yield "has another procMount, SELinux or AppArmor profile"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "has a port of the host"
    # The profile asks for neither.
    if own.get("readOnlyRootFilesystem") is not True:
        yield "may write to its root"


def pods(value: Any) -> Iterator[dict[str, Any]]:
    """Every pod's spec in an object, wherever it is."""
    if isinstance(value, dict):
        if isinstance(value.get("containers"), list):
            yield value
        for inner in value.values():
            yield from pods(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from pods(inner)


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Its containers, but for that of Immich, of which this stack states the mount alone."""
    return [*pod.get("initContainers", []), *(one for one in pod["containers"] if "image" in one)]


def made(file: Path) -> list[Manifest]:
    """The objects of a stack and of its commands."""
    return [*objects(parse(configuration(file), secrets(file)))]


@cache
def stated(file: Path) -> list[dict[str, Any]]:
    """The pods in them, and of the entries in Immich's pod."""
    return [*pods(made(file))]


each_stack = pytest.mark.parametrize("stack", VALID, ids=lambda file: file.stem)


@each_stack
def test_each_pod_is_restricted_but_for_the_exceptions(stack: Path) -> None:
    found = {deviation for pod in stated(stack) for deviation in deviations(pod)}
    assert found <= EXCEPTIONS.keys()


@each_stack
def test_the_level_of_its_namespace_is_told_the_same_way(stack: Path) -> None:
    """By `pod_security.needed`, which computes the namespace's labels."""
    for pod in stated(stack):
        beyond = [one for one in deviations(pod) if "digest" not in one]
        level = pod_security.needed({**pod, "initContainers": [], "containers": containers(pod)})
        assert (level == "restricted") is (not beyond)


@each_stack
def test_no_pod_of_its_own_has_a_token_of_the_cluster(stack: Path) -> None:
    own = [pod for pod in stated(stack) if all("image" in container for container in pod["containers"])]
    assert own
    assert all(pod["automountServiceAccountToken"] is False for pod in own)


def test_each_component_that_builds_a_job_is_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    building, build = set[str](), job_pods.job

    def job(*stated: Any, **lasts: Any) -> Any:
        building.add(inspect.stack(context=0)[1].filename)
        return build(*stated, **lasts)

    monkeypatch.setattr(job_pods, "job", job)
    for file in VALID:
        made(file)
    components = Path(job_pods.__file__).parent.rglob("*.py")
    assert building == {str(file) for file in components if "pods.job(" in file.read_text()}


def test_no_exception_is_left_that_nothing_needs() -> None:
    needed = {deviation for file in VALID for pod in stated(file) for deviation in deviations(pod)}
    assert needed == EXCEPTIONS.keys()


def test_the_page_about_security_names_each_image_without_a_digest() -> None:
    page = (DOCS / "security.md").read_text()
    images = [one.split()[1].rstrip(":") for one in EXCEPTIONS if one.startswith("image ")]
    assert images
    assert [image for image in images if f"`{image}`" not in page] == []


CONFINED: dict[str, Any] = {
    "name": "c",
    "image": "busybox@sha256:0",
    "securityContext": {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}


def test_a_restricted_pod_has_no_deviation() -> None:
    assert not list(deviations({"containers": [CONFINED], "volumes": [{"name": "v", "emptyDir": {}}]}))


@pytest.mark.parametrize(
    ("pod", "container", "deviation"),
    [
        ({"hostNetwork": True}, {}, "pod: hostNetwork"),
        ({"hostPID": True}, {}, "pod: hostPID"),
        ({"securityContext": {"sysctls": [{"name": "n", "value": "1"}]}}, {}, "pod: sysctls"),
        ({"volumes": [{"name": "v", "nfs": {}}]}, {}, "volume v: nfs"),
        ({}, {"runAsNonRoot": None}, "container c: runs as root"),
        ({}, {"runAsUser": 0}, "container c: runs as root"),
        ({}, {"allowPrivilegeEscalation": None}, "container c: may escalate privileges"),
        ({}, {"privileged": True}, "container c: is privileged"),
        ({}, {"seccompProfile": {"type": "Unconfined"}}, "container c: has no seccomp profile"),
        ({}, {"capabilities": {}}, "container c: keeps capabilities"),
        ({}, {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, "container c: adds CHOWN"),
        ({}, {"procMount": "Unmasked"}, "container c: has another procMount, SELinux or AppArmor profile"),
        ({}, {"readOnlyRootFilesystem": None}, "container c: may write to its root"),
    ],
    ids=str,
)
def test_each_control_is_looked_at(pod: dict[str, Any], container: dict[str, Any], deviation: str) -> None:
    loose = {**CONFINED, "securityContext": {**CONFINED["securityContext"], **container}}
    assert list(deviations({**pod, "containers": [loose]})) == [deviation]
    assert list(deviations({**pod, "initContainers": [loose], "containers": [CONFINED]})) == [deviation]


def test_ports_of_the_host_and_images_without_digest_are_looked_at() -> None:
    loose = {**CONFINED, "image": "busybox:1.37", "ports": [{"hostPort": 80}]}
    assert list(deviations({"containers": [loose]})) == [
        "container c: has a port of the host",
        "image busybox: no digest",
    ]
