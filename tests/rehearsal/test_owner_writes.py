"""What Immich's owner does between two `up`s: each write is accepted, and no pod starts without the photos.

One world for all: the mount is written by its provider and guarded by its policy, on the real API server.
"""

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict
from typing import NamedTuple

import pytest

from clients import lent_mounts, managed_fields
from clients.claim import without
from clients.kubernetes import ClusterRefusedError, Manifest, Ref
from components import immich_mount, mount_admission, mount_policy
from components.immich_server import Server, runs_server, servers
from components.ownership import Ownership
from lab import world
from observe.cluster import workloads
from providers.fragment import FragmentProvider
from providers.mount_at_admission import AdmittedMount, MountAtAdmissionProvider
from settings.immich import Immich, Mount
from settings.storage import HostPath
from tests.rehearsal.conftest import DEPLOYMENT, Bench, MakeBench, stated, until


class Chart(NamedTuple):
    """What a version of Immich's chart makes of the server's Deployment, as far as it differs."""

    immich: str
    container: str
    volume: str
    mounted: str
    selector: dict[str, str]


# Version 1 of bjw-s' common library names a container as its Deployment; 4 and 5 after its key, and select by the
# controller, too, so that its owner has to make the Deployment again (source: immich-app/immich-charts, charts/immich,
# templates/server.yaml at each tag; bjw-s-labs/helm-charts, charts/library/common).
_COMMON_1 = ("immich-server", "library", "/usr/src/app/upload", dict[str, str]())
_COMMON_4 = ("main", "data", "/data", {"app.kubernetes.io/controller": "main"})
CHARTS = {
    "0.7.2": Chart("v1.106.1", *_COMMON_1),
    "0.9.3": Chart("v1.119.0", *_COMMON_1),
    "0.10.3": Chart("v2.0.0", *_COMMON_4),
    "0.12.0": Chart("v2.6.3", *_COMMON_4),
}
IMMICH, ADMITTED = Immich(), Immich(mount=Mount(kind="admission"))
STORAGE = HostPath(kind="hostPath", node="talos-1ca-62z", path="/var/mnt/icloud-photos")
OWNER = Ownership("immich-icloud/test")
ARGOCD = "argocd-controller"
REFUSED = "ValidatingAdmissionPolicy"


class Home:
    """Immich's owner, and this stack's `up` as far as it is about the mount."""

    def __init__(self, bench: Bench, provider: FragmentProvider) -> None:
        self.bench, self.provider = bench, provider
        found = (thing for step in world.steps("found") for thing in step.objects)
        self.wanted = next(thing for thing in found if thing["metadata"]["name"] == DEPLOYMENT.name
                           and thing["kind"] == "Deployment")  # fmt: skip
        self.stated: Manifest | None = None
        labels = {f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "warn", "audit")}
        bench.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "immich", "labels": labels}}, "test"
        )
        mirror = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"id": "1"}}
        bench.cluster.apply({**mirror, "metadata": {"name": "icloud-directory", "namespace": "immich"}}, "test")

    @property
    def containers(self) -> list[Manifest]:
        """The owner's containers, to be edited."""
        containers: list[Manifest] = self._pod["containers"]
        return containers

    @property
    def _pod(self) -> Manifest:
        pod: Manifest = self.wanted["spec"]["template"]["spec"]
        return pod

    def up(self) -> None:
        """Mount the photos where Immich's server runs now, and put the policy into force."""
        found = servers(IMMICH, workloads(self.bench.cluster, "immich"))
        fragment = immich_mount.fragment(IMMICH, STORAGE, found[0], OWNER)
        policy, binding = mount_policy.manifests(IMMICH, found, fragment, OWNER)
        inputs = self._inputs(fragment)
        if self.stated is None:
            self.provider.create(inputs)
        elif self.provider.diff("", self._inputs(self.stated), inputs).changes:
            self.provider.update("", self._inputs(self.stated), inputs)
        self.stated = fragment
        self.bench.cluster.apply(policy, "immich-icloud", force=True)
        self.bench.cluster.apply(binding, "immich-icloud", force=True)
        until(lambda: REFUSED in self.refusal({"name": "server", "image": "immich-server"}), "the policy is in force")
        assert not self.provider.diff("", inputs, inputs).changes

    def admit(self) -> Manifest:
        """Have the API server mount the photos instead, and put the policy into force; returns what was asked for."""
        found = servers(ADMITTED, workloads(self.bench.cluster, "immich"))
        fragments = [immich_mount.fragment(ADMITTED, STORAGE, one, OWNER) for one in found]
        policy, binding = mount_policy.manifests(ADMITTED, found, fragments[0], OWNER)
        objects = list(mount_admission.manifests(ADMITTED, found, fragments[0], OWNER))
        inputs = asdict(AdmittedMount(objects, mount_admission.stamp(fragments[0]), fragments, policy))
        provider = MountAtAdmissionProvider()
        if provider.diff("", inputs, inputs).changes:
            provider.create(inputs)
        for one in (policy, binding):
            self.bench.cluster.apply(one, "immich-icloud", force=True)
        assert not provider.diff("", inputs, inputs).changes
        return inputs

    def down(self) -> None:
        """Remove the policy, and then the mount."""
        policy, binding = mount_policy.manifests(IMMICH, self._servers(), self.fragment(), OWNER)
        self.bench.delete(Ref.of(binding))
        self.provider.delete("", self._inputs(self.fragment()))
        self.bench.delete(Ref.of(policy))
        self.stated = None

    def refusal(self, container: Manifest) -> str:
        """What the API server says to a pod with this container alone."""
        return self.refusal_of({"containers": [container]})

    def refusal_of(self, spec: Manifest) -> str:
        """What the API server says to a pod."""
        metadata = {"name": "tried", "namespace": "immich"}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        try:
            self.bench.cluster.apply(pod, "test", dry_run=True)
        except ClusterRefusedError as refused:
            return str(refused)
        return ""

    def starts_without_photos(self) -> list[str]:
        """Name the pods of Immich's server that do not have the mount."""
        until(self._observed, "the controller has seen the write")
        pods = self.bench.cluster.list(Ref("v1", "Pod", "", "immich"))
        return [pod["metadata"]["name"] for pod in pods if runs_server(pod["spec"]["containers"][0]) and _bare(pod)]

    def has_come_up(self) -> bool:
        """Whether the pods are those of the last write, and ready."""
        live = self.bench.get(DEPLOYMENT)
        counts = [live["status"].get(f"{word}Replicas", 0) for word in ("ready", "updated")]
        return self._observed() and counts == [1, 1] and live["status"]["replicas"] == 1

    def is_as_the_owner_wrote_it(self) -> bool:
        """Whether the Deployment, without what this stack wrote, has all that its owner wrote and nothing besides."""
        left = without(self.bench.cluster, OWNER.claim(self.fragment())) if self.stated else None
        live = left.live if left else self.bench.get(DEPLOYMENT)
        spec = live["spec"]["template"]["spec"]
        names = [one["name"] for one in self.containers]
        mounts = [[each["mountPath"] for each in one["volumeMounts"]] for one in self.containers]
        return (
            [one["name"] for one in spec["containers"]] == names
            and [one["image"] for one in spec["containers"]] == [one["image"] for one in self.containers]
            and [[each["mountPath"] for each in one.get("volumeMounts", [])] for one in spec["containers"]] == mounts
            and [one["name"] for one in spec["volumes"]] == [one["name"] for one in self._pod["volumes"]]
            and live["metadata"]["labels"] == self.wanted["metadata"]["labels"]
            and not spec.get("initContainers")
        )

    def _observed(self) -> bool:
        live = self.bench.cluster.get(DEPLOYMENT)
        return bool(live and live.get("status", {}).get("observedGeneration", 0) >= live["metadata"]["generation"])

    def _servers(self) -> tuple[Server, ...]:
        return servers(IMMICH, workloads(self.bench.cluster, "immich"))

    def fragment(self) -> Manifest:
        assert self.stated
        return self.stated

    @staticmethod
    def _inputs(fragment: Manifest) -> Manifest:
        return {"fragment": fragment, "manager": OWNER.manager, "adopt": False}

    # What its owner does.

    def upgrade(self) -> None:
        """Take another image, in the values."""
        number = int(self.containers[0]["image"].rpartition(".")[2]) + 1
        self.containers[0]["image"] = f"ghcr.io/immich-app/immich-server:v2.4.{number}"

    def rename(self) -> None:
        """Name the container otherwise, as version 0.10 of the chart did."""
        self.containers[0]["name"] = "main" if self.containers[0]["name"] == "immich-server" else "immich-server"

    def render(self, version: str) -> None:
        """Take another version of the chart."""
        chart = CHARTS[version]
        (container,), (volume,) = self.containers, self._pod["volumes"]
        container.update(name=chart.container, image=f"ghcr.io/immich-app/immich-server:{chart.immich}")
        container["volumeMounts"] = [{"name": chart.volume, "mountPath": chart.mounted}]
        volume["name"] = chart.volume
        labels = {"helm.sh/chart": f"immich-{version}", "app.kubernetes.io/version": chart.immich}
        self.wanted["metadata"]["labels"].update(labels | chart.selector)
        for selected in (self.wanted["spec"]["selector"]["matchLabels"], self.wanted["spec"]["template"]["metadata"]):
            selected.get("labels", selected).update(chart.selector)

    def apply_by_the_server(self) -> None:
        """As ArgoCD does it with ServerSideApply=true, and Flux always."""
        self.bench.cluster.apply(self.wanted, ARGOCD, force=True)

    def apply_without_force(self) -> None:
        """As `kubectl apply --server-side --field-manager` does it."""
        self.bench.cluster.apply(self.wanted, ARGOCD)

    def apply_by_the_client(self) -> None:
        """As `kubectl apply`, Helm and ArgoCD do it by default: what was applied before and is no longer, goes."""
        was = self.bench.get(DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
        gone = [{"name": one["name"], "$patch": "delete"} for one in was if one["name"] != self.containers[0]["name"]]
        pod = {"containers": [*self.containers, *gone], "volumes": self._pod["volumes"]}
        labels = {"labels": self.wanted["metadata"]["labels"]}
        patch = {"metadata": labels, "spec": {"template": {"spec": pod}}}
        _send(self.bench, "PATCH", patch, "application/strategic-merge-patch+json")

    def put(self) -> None:
        """Write the whole object, as `kubectl replace` and Terraform do it."""
        live = self.bench.get(DEPLOYMENT)
        metadata = {k: v for k, v in live["metadata"].items() if k not in {"managedFields", "resourceVersion"}}
        metadata |= {"labels": self.wanted["metadata"]["labels"]}
        _send(self.bench, "PUT", {**live, "metadata": metadata, "spec": deepcopy(self.wanted["spec"])})

    def make_again(self) -> None:
        """Delete it and make it again, as ArgoCD does it with Replace=true,Force=true."""
        self.bench.delete(DEPLOYMENT)
        self.apply_by_the_server()

    def scale(self) -> None:
        """Let none run, and then one."""
        for replicas in (0, 1):
            self.bench.cluster.patch(DEPLOYMENT, {"spec": {"replicas": replicas}}, "kubectl-scale")


# Without force it would conflict with whoever wrote before in another way.
IN_PLACE = (Home.apply_by_the_server, Home.apply_by_the_client, Home.put)
EDITS: tuple[Callable[[Home], None], ...] = (Home.upgrade, Home.rename)
WRITES: tuple[Callable[[Home], None], ...] = (
    Home.apply_by_the_server,
    Home.apply_without_force,
    Home.apply_by_the_client,
    Home.put,
    Home.make_again,
)


def _bare(pod: Manifest) -> bool:
    mounts = [one for container in pod["spec"]["containers"] for one in container.get("volumeMounts", [])]
    return not any(one["mountPath"] == IMMICH.mount.path and one.get("readOnly") for one in mounts)


def _send(bench: Bench, method: str, body: Manifest, content_type: str = "application/json") -> None:
    bench.api.call_api(
        DEPLOYMENT.path,
        method,
        query_params=[("fieldManager", "helm")],
        header_params={"Content-Type": content_type, "Accept": "application/json"},
        body=body,
        auth_settings=["BearerToken"],
        response_types_map={},
    )


@pytest.fixture(scope="module")
def home(make_bench: MakeBench) -> Iterator[Home]:
    bench, provider = make_bench("found"), FragmentProvider()
    with pytest.MonkeyPatch.context() as patch:
        for one in (FragmentProvider, MountAtAdmissionProvider):
            patch.setattr(one, "_api", lambda _: bench.cluster)
        yield Home(bench, provider)


def refused(home: Home) -> bool:
    """Whether the Deployment tells its owner why there is no new pod."""
    conditions = home.bench.get(DEPLOYMENT)["status"].get("conditions", [])
    return any("make up STACK=test" in one.get("message", "") for one in conditions)


def test_the_mount_is_written_and_has_no_field_manager(home: Home) -> None:
    found = stated(home.bench.get(DEPLOYMENT))
    home.up()
    live = home.bench.get(DEPLOYMENT)
    held = managed_fields.holders(live["metadata"]["managedFields"], managed_fields.entries(home.fragment()))
    assert {path[3] for path in held[OWNER.manager]} == {"f:volumes", "f:initContainers"}
    assert len(lent_mounts.found(live, home.fragment(), OWNER.manager)) == 1
    home.down()
    assert stated(home.bench.get(DEPLOYMENT)) == found
    home.up()


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_an_upgrade_that_renames_the_container_starts_nothing_without_photos(
    home: Home, write: Callable[[Home], None]
) -> None:
    home.upgrade()
    home.rename()
    write(home)
    assert home.starts_without_photos() == []
    until(lambda: refused(home), "the Deployment carries the policy's sentence")
    home.up()
    assert home.starts_without_photos() == []
    assert home.is_as_the_owner_wrote_it()


def upgraded(home: Home, write: Callable[[Home], None]) -> Iterator[bool]:
    """Go from version to version of the chart; yields whether the container has another name."""
    names = [chart.container for chart in CHARTS.values()]
    for version, before, name in zip(CHARTS, [names[0], *names], names, strict=False):
        home.render(version)
        write(home) if before == name and version != next(iter(CHARTS)) else home.make_again()
        yield before != name


@pytest.mark.parametrize("write", IN_PLACE, ids=lambda write: write.__name__)
def test_each_upgrade_of_the_chart_is_accepted_and_starts_nothing_without_photos(
    home: Home, write: Callable[[Home], None]
) -> None:
    for renamed in upgraded(home, write):
        assert home.starts_without_photos() == []
        if renamed:
            until(lambda: refused(home), "the Deployment carries the policy's sentence")
        home.up()
        until(home.has_come_up, "the new pod runs")
        assert home.starts_without_photos() == []
        assert home.is_as_the_owner_wrote_it()


@pytest.mark.parametrize("seed", range(16))
def test_any_sequence_of_writes_is_accepted_and_undone(home: Home, seed: int) -> None:
    """An owner writes in one way, but for scaling and making it again: several ways refuse each other by themselves."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    write = chance.choice(WRITES)
    home.make_again()
    home.up()
    for _ in range(3):
        for edit in EDITS:
            if chance.random() < 0.5:
                edit(home)
        chance.choice((write, write, Home.scale))(home)
        assert home.starts_without_photos() == []
    write(home)
    home.up()
    assert home.starts_without_photos() == []
    assert home.is_as_the_owner_wrote_it()
    if seed % 4 == 0:
        home.down()
        assert home.is_as_the_owner_wrote_it()
        home.up()


@pytest.mark.parametrize(
    ("image", "passes"),
    [
        ("nas.lan:5000/immich-server:v2@sha256:0a1b", False),
        ("ghcr.io/immich-app/immich-machine-learning:v2.4.1", True),
        ("ghcr.io/immich-app/immich-server-proxy:1", True),
    ],
)
def test_only_pods_of_the_image_are_denied(home: Home, image: str, passes: bool) -> None:  # noqa: FBT001
    assert (home.refusal({"name": "any", "image": image}) == "") is passes


@pytest.mark.parametrize(
    ("at", "passes"),
    [
        ("/external/other", True),
        ("/external/icloud-2", True),
        ("/external", True),
        (f"{IMMICH.mount.path}/icloud-import", False),
        (f"{IMMICH.mount.path}/", False),
        ("//external/./icloud/x", False),
    ],
)
def test_a_pod_in_which_another_mount_hides_photos_is_denied(home: Home, at: str, passes: bool) -> None:  # noqa: FBT001
    home.up()
    spec = deepcopy(home.bench.get(DEPLOYMENT)["spec"]["template"]["spec"])
    spec["volumes"].append({"name": "own", "emptyDir": {}})
    spec["containers"][0]["volumeMounts"].append({"name": "own", "mountPath": at})
    assert (home.refusal_of(spec) == "") is passes


@pytest.fixture(scope="module")
def admitting(home: Home) -> Iterator[Home]:
    """The same home, whose mount is added at admission."""
    home.down()
    home.make_again()
    inputs = home.admit()
    yield home
    MountAtAdmissionProvider().delete("", inputs)


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_at_admission_any_write_starts_a_pod_with_photos(admitting: Home, write: Callable[[Home], None]) -> None:
    admitting.upgrade()
    admitting.rename()
    write(admitting)
    until(admitting.has_come_up, "the new pod runs")
    assert admitting.starts_without_photos() == []
    assert admitting.is_as_the_owner_wrote_it()
    revision = admitting.bench.get(DEPLOYMENT)["metadata"]["generation"]
    admitting.admit()
    assert admitting.bench.get(DEPLOYMENT)["metadata"]["generation"] == revision


@pytest.mark.parametrize("write", IN_PLACE, ids=lambda write: write.__name__)
def test_at_admission_each_upgrade_of_the_chart_has_the_photos(admitting: Home, write: Callable[[Home], None]) -> None:
    for _ in upgraded(admitting, write):
        until(admitting.has_come_up, "the new pod runs")
        assert admitting.starts_without_photos() == []
        assert admitting.is_as_the_owner_wrote_it()
