"""The photos' mount as values: merged into a chart's own, they render exactly the entries of this stack.

The rendering below is a stand-in of bjw-s' common library, on which Immich's own chart and app-template stand: only
what it makes of `persistence` and `initContainers`, in both of its ways. Source: bjw-s-labs/helm-charts,
charts/library/common/templates/lib, 4.1.1 (pod/fields/_volumes, container/fields/_volumeMounts, _env, _image).
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import yaml

from clients import managed_fields
from clients.kubernetes import Manifest, Ref
from components import immich_mount
from components.chart_values import together
from components.ownership import Ownership
from ops import chart_values
from ops.command import CommandError, Stack
from settings import Settings
from tests import objects
from tests.fake_cluster import FakeCluster
from tests.objects import STACK, deployment
from tests.unit.configured import ON_HOST, configured

NFS: Manifest = {"kind": "nfs", "server": "nas.lan", "path": "/export/photos"}
PART: Manifest = {"kind": "existing", "claim": {"name": "media", "namespace": "immich", "subPath": "icloud"}}
STORAGES = [ON_HOST, NFS, PART]
COMMON_1 = ["immich-0.9.3", "app-template-1.5.1"]
COMMON = ["immich-0.10.0", "immich-0.12.0", "immich-1.0.0", "", "app-template-2.6.0", "app-template-3.7.3"]
COMMON += ["app-template-4.1.1", "photos-0.1.0"]


def by_chart(chart: str, name: str = "immich-server", controller: str = "main", container: str = "main") -> Manifest:
    """A workload as a chart leaves it: the label of version 3 of the library is not the one of version 4."""
    immich = deployment()
    immich["metadata"]["name"] = name
    immich["metadata"]["labels"] |= {"helm.sh/chart": chart} if chart else {}
    label = "component" if chart.startswith(("app-template-2", "app-template-3")) else "controller"
    selector = {"app.kubernetes.io/name": "server", f"app.kubernetes.io/{label}": controller}
    immich["spec"]["selector"]["matchLabels"] = selector
    immich["spec"]["template"]["metadata"]["labels"] = selector
    immich["spec"]["template"]["spec"]["containers"][0]["name"] = container
    return immich


def printed(settings: Settings, *workloads: Manifest, form: Any = "values") -> list[Any]:
    api = FakeCluster()
    api.objects |= {Ref.of(one): one for one in workloads}
    documents = list(yaml.safe_load_all(chart_values.values(Stack("test", settings, api), form)))
    assert api.writes == []
    return documents


def entries(settings: Settings, live: Manifest) -> Manifest:
    container = live["spec"]["template"]["spec"]["containers"][0]["name"]
    of = objects.server(container, name=live["metadata"]["name"])
    return immich_mount.fragment(settings.immich, settings.storage, of, Ownership(STACK))


# The rendering


def rendered(values: Manifest, controller: str, container: str, *, common_1: bool) -> Manifest:
    """Render a workload of values: its own container, and one volume of its own."""
    own: Manifest = {"library": {"type": "custom", "volumeSpec": {"emptyDir": {}}, "mountPath": "/data"}}
    if not common_1:
        own["library"]["advancedMounts"] = {controller: {container: [{"path": own["library"].pop("mountPath")}]}}
    values = together({"persistence": own}, values)
    volumes = [{"name": name, **deepcopy(one["volumeSpec"])} for name, one in values["persistence"].items()]
    check = values.get("initContainers", {})
    if not common_1:
        check = values.get("controllers", {}).get(controller, {}).get("initContainers", {})
        check = {name: _container(name, one) for name, one in check.items()}
    mounts = {
        name: list(_mounts(values["persistence"], controller, name, is_server=name == container, common_1=common_1))
        for name in (container, *check)
    }
    inits = [
        {"name": name, **one, **({} if common_1 else {"volumeMounts": mounts[name]})} for name, one in check.items()
    ]
    template = {"volumes": volumes, "initContainers": inits}
    template["containers"] = [{"name": container, "image": "immich-server", "volumeMounts": mounts[container]}]
    return {"metadata": {}, "spec": {"template": {"spec": template}}}


def _container(name: str, values: Manifest) -> Manifest:
    image, env = values["image"], values["env"]
    rest = {key: value for key, value in values.items() if key not in {"image", "env"}}
    stated = {"image": f"{image['repository']}:{image['tag']}", "env": [{"name": k, **v} for k, v in env.items()]}
    return {"name": name, **stated, **rest}


def _mounts(
    persistence: Manifest, controller: str, container: str, *, is_server: bool, common_1: bool
) -> Iterator[Manifest]:
    for name, one in persistence.items():
        if common_1:
            places = [{**one, "path": one["mountPath"]}] if is_server else []
        else:
            places = one["advancedMounts"].get(controller, {}).get(container, [])
        for place in places:
            stated = {key: place[key] for key in ("readOnly", "subPath") if key in place}
            yield {"name": name, "mountPath": place["path"], **stated}


def renders(settings: Settings, live: Manifest, values: Manifest, controller: str, *, common_1: bool) -> None:
    """Assert that a chart with these values states our entries, each of them whole, and that nothing is missing."""
    wanted = entries(settings, live)
    container = wanted["spec"]["template"]["spec"]["containers"][0]["name"]
    result = rendered(values, controller, container, common_1=common_1)
    assert managed_fields.whole_entries(result, wanted)["spec"] == wanted["spec"]
    assert list(immich_mount.lacking(wanted, result["spec"]["template"]["spec"])) == []


# What is printed


@pytest.mark.parametrize("storage", STORAGES, ids=lambda storage: storage["kind"])
@pytest.mark.parametrize("chart", [*COMMON_1, *COMMON])
def test_with_the_printed_values_a_chart_states_our_entries(chart: str, storage: Manifest) -> None:
    settings, live = configured(storage), by_chart(chart, controller="main", container="app")
    (found,) = printed(settings, live)
    values = found["server"] if chart.startswith("immich") or not chart else found
    renders(settings, live, values, "main", common_1=chart in COMMON_1)


def test_a_split_server_has_the_mount_in_each_of_its_controllers() -> None:
    settings = configured()
    api = by_chart("app-template-4.1.1", "immich-server", "server", "app")
    worker = by_chart("app-template-4.1.1", "immich-microservices", "microservices", "app")
    (values,) = printed(settings, api, worker)
    for live, controller in ((api, "server"), (worker, "microservices")):
        renders(settings, live, values, controller, common_1=False)


def test_another_release_has_a_document_of_its_own() -> None:
    worker = by_chart("app-template-4.1.1", "immich-worker", "worker", "app")
    worker["metadata"]["labels"]["app.kubernetes.io/instance"] = "immich-worker"
    found = printed(configured(), by_chart("app-template-4.1.1", controller="server"), worker, form="helmrelease")
    assert [one["metadata"]["name"] for one in found] == ["immich", "immich-worker"]
    assert [list(one["spec"]["values"]["controllers"]) for one in found] == [["server"], ["worker"]]


def test_the_values_of_an_unknown_chart_are_not_guessed() -> None:
    live = by_chart("truecharts-immich-20.1.0")
    live["spec"]["selector"]["matchLabels"] = {"app.kubernetes.io/name": "immich"}
    with pytest.raises(CommandError, match=r'chart "truecharts-immich-20.1.0", whose values are not known'):
        printed(configured(), live)


def test_no_value_is_a_template() -> None:
    for chart in [*COMMON_1, *COMMON]:
        assert "{{" not in str(printed(configured(), by_chart(chart)))


def test_settings_of_the_mount_are_those_of_the_values() -> None:
    settings = configured(immich={"mount": {"path": "/mnt/icloud", "volume": "icloud"}})
    (found,) = printed(settings, by_chart("immich-0.12.0"))
    mounts = found["server"]["persistence"]["icloud"]["advancedMounts"]["main"]
    assert mounts["main"] == [{"path": "/mnt/icloud", "readOnly": True}]


def test_without_immich_there_is_nothing_to_say() -> None:
    with pytest.raises(CommandError, match="of namespace immich runs the image immich-server"):
        printed(configured())


# Its forms

MARKS: list[tuple[str, Manifest, Manifest, tuple[str, str]]] = [
    ("helmrelease", {"helm.toolkit.fluxcd.io/name": "photos", "helm.toolkit.fluxcd.io/namespace": "media"}, {},
     ("media", "photos")),
    ("helmrelease", {}, {"meta.helm.sh/release-name": "pics", "meta.helm.sh/release-namespace": "home"},
     ("home", "pics")),
    ("helmrelease", {}, {}, ("immich", "immich")),
    ("application", {}, {"argocd.argoproj.io/tracking-id": "photos:apps/Deployment:immich/immich-server"},
     ("argocd", "photos")),
    ("application", {}, {"argocd.argoproj.io/tracking-id": "media_photos:apps/Deployment:immich/immich-server"},
     ("media", "photos")),
    ("application", {"argocd.argoproj.io/instance": "photos"}, {}, ("argocd", "photos")),
    ("application", {}, {}, ("argocd", "immich")),
]  # fmt: skip


@pytest.mark.parametrize(("form", "labels", "annotations", "place"), MARKS)
def test_a_form_has_the_name_that_the_workload_is_deployed_by(
    form: str, labels: Manifest, annotations: Manifest, place: tuple[str, str]
) -> None:
    live = by_chart("app-template-4.1.1", controller="server", container="app")
    live["metadata"]["labels"] |= labels
    live["metadata"]["annotations"] = annotations
    (found,) = printed(configured(), live, form=form)
    assert (found["metadata"]["namespace"], found["metadata"]["name"]) == place
    spec = found["spec"]
    if form == "helmrelease":
        values, server_side = spec["values"], spec["upgrade"] == {"serverSideApply": "enabled"}
    else:
        values = spec["source"]["helm"]["valuesObject"]
        server_side = spec["syncPolicy"]["syncOptions"] == ["ServerSideApply=true"]
    assert server_side, "else the cluster does not know that the chart states the mount, too"
    renders(configured(), live, values, "server", common_1=False)
