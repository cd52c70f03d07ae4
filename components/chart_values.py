"""The photos' mount as values of the Helm chart that deploys Immich: for who has the chart state it.

Immich's own chart and bjw-s' app-template stand on the same library, whose versions write a mount in two ways. In
version 1 (chart 0.9, app-template 1) a volume has one mount, in the container of Immich, and an init container is
written as Kubernetes has it. Later versions list mounts by controller and container. `custom` is the one type of both
that can state a claim as read-only. Measured with Helm 3.16: chart 0.9.3 renders exactly our entries; 0.12.0 mounts
Immich's own data into the startup check, too. Source: immich-app/immich-charts, charts/immich, 0.9.3 (common 1.4.0) and
0.12.0 (common 5.0.1); bjw-s-labs/helm-charts, charts/library/common, 2.6.0, 3.7.3 and 4.1.1.
"""

import re
from dataclasses import dataclass

from clients.kubernetes import Manifest

CHART_LABEL = "helm.sh/chart"
_IMMICHS = re.compile(r"immich-\d")
_APP_TEMPLATE = re.compile(r"app-template-\d")
_COMMON_1 = re.compile(r"immich-0\.[0-9]\.|app-template-[01]\.")
# Since version 4 of the library, and before.
_CONTROLLER_LABELS = ("app.kubernetes.io/controller", "app.kubernetes.io/component")
_MAIN = "main"


class UnknownChartError(Exception):
    """The chart is neither Immich's nor on that library. `str()` is one line for the user."""


@dataclass(frozen=True)
class _Chart:
    """How a workload's chart takes values.

    Attributes:
        common_1: whether it stands on version 1 of the library.
        section: the key that all values are under; "" where they are at the top.
        controller: what the values call the workload.

    """

    common_1: bool
    section: str
    controller: str


def values(fragment: Manifest, live: Manifest) -> Manifest:
    """Say with the chart's values what a fragment says with entries.

    Args:
        fragment: our entries of a workload of Immich's.
        live: that workload, whose label says the chart; one without the label counts as Immich's newest.

    Raises:
        UnknownChartError: when it is a chart whose values are not known.

    """
    chart = _chart_of(live)
    stated = _of_common_1(fragment) if chart.common_1 else _of_common(fragment, chart.controller)
    return {chart.section: stated} if chart.section else stated


def together(one: Manifest, other: Manifest) -> Manifest:
    """Merge the values of two workloads of one release, as Helm merges two files of values."""
    merged = {**one, **other}
    for key in one.keys() & other.keys():
        if isinstance(one[key], dict) and isinstance(other[key], dict):
            merged[key] = together(one[key], other[key])
    return merged


def _chart_of(live: Manifest) -> _Chart:
    name = live["metadata"].get("labels", {}).get(CHART_LABEL, "")
    selected: Manifest = live["spec"].get("selector", {}).get("matchLabels", {})
    old = bool(_COMMON_1.match(name))
    if not name or _IMMICHS.match(name):
        return _Chart(old, "server", _MAIN)
    if _APP_TEMPLATE.match(name) or _CONTROLLER_LABELS[0] in selected:
        controller = next((selected[label] for label in _CONTROLLER_LABELS if label in selected), _MAIN)
        return _Chart(old, "", controller)
    raise UnknownChartError(
        f'{live["kind"]} {live["metadata"]["name"]} is of the chart "{name}", whose values are not known: neither '
        "Immich's nor app-template. Leave immich-icloud:immich.mount at entries, or write the mount into the chart's "
        "values yourself; `make verify` then says what is missing"
    )


def _of_common_1(fragment: Manifest) -> Manifest:
    volume, check, _, mount = _parts(fragment)
    persistence = {**_source(volume), "mountPath": mount["mountPath"], "readOnly": True, **_part(mount)}
    return {"persistence": {volume["name"]: persistence}, "initContainers": {check["name"]: _without(check, "name")}}


def _of_common(fragment: Manifest, controller: str) -> Manifest:
    volume, check, containers, mount = _parts(fragment)
    (looks,) = check["volumeMounts"]
    part = _part(mount)
    mounts = {
        **{one: [{"path": mount["mountPath"], "readOnly": True, **part}] for one in containers},
        check["name"]: [{"path": looks["mountPath"], "readOnly": True, **part}],
    }
    repository, _, tag = check["image"].partition(":")
    stated = {
        "image": {"repository": repository, "tag": tag},
        # As a map, as the library's other containers state theirs.
        "env": {one["name"]: _without(one, "name") for one in check["env"]},
        **_without(check, "name", "image", "env", "volumeMounts"),
    }
    return {
        "persistence": {volume["name"]: {**_source(volume), "advancedMounts": {controller: mounts}}},
        "controllers": {controller: {"initContainers": {check["name"]: stated}}},
    }


def _parts(fragment: Manifest) -> tuple[Manifest, Manifest, list[str], Manifest]:
    """Take a fragment apart: the volume, the startup check, the containers' names, and the mount that each has."""
    pod = fragment["spec"]["template"]["spec"]
    ((volume,), (check,), containers) = pod["volumes"], pod["initContainers"], pod["containers"]
    (mount,) = containers[0]["volumeMounts"]
    return volume, check, [one["name"] for one in containers], mount


def _source(volume: Manifest) -> Manifest:
    return {"enabled": True, "type": "custom", "volumeSpec": _without(volume, "name")}


def _part(mount: Manifest) -> Manifest:
    return {"subPath": mount["subPath"]} if "subPath" in mount else {}


def _without(thing: Manifest, *keys: str) -> Manifest:
    return {key: value for key, value in thing.items() if key not in keys}
