"""The mount as values of Immich's Helm chart: for who has the chart state it instead of this stack."""

import re

from clients.kubernetes import Manifest

_CHART = "helm.sh/chart"
_COMMON_1 = re.compile(r"immich-0\.[0-9]\.")
_CONTROLLER = "main"


def values(fragment: Manifest, live: Manifest) -> Manifest:
    """Say with the chart's values what a fragment says with entries.

    Up to 0.9 the chart stands on version 1 of bjw-s' common library, where a volume is mounted into the container of
    Immich alone and an init container is written as Kubernetes has it; from 0.10 on it stands on 4 and 5, where mounts
    are listed by controller and container. `custom` is the one type of both that can state a claim as read-only.
    Measured with Helm 3.16: 0.9.3 renders exactly our entries; 0.12.0 mounts Immich's own data into the guard, too.
    Source: immich-app/immich-charts, charts/immich, 0.9.3 (common 1.4.0) and 0.12.0 (common 5.0.1); bjw-s-labs/
    helm-charts, charts/library/common.

    Args:
        fragment: our entries of Immich's Deployment.
        live: that Deployment, whose label says the chart's version; one without the label counts as the newest.

    """
    pod = fragment["spec"]["template"]["spec"]
    ((volume,), (guard,), containers) = pod["volumes"], pod["initContainers"], pod["containers"]
    (mount,) = containers[0]["volumeMounts"]
    part = {"subPath": mount["subPath"]} if "subPath" in mount else {}
    persistence = {"enabled": True, "type": "custom", "volumeSpec": _without(volume, "name")}
    if _COMMON_1.match(live["metadata"].get("labels", {}).get(_CHART, "")):
        persistence |= {"mountPath": mount["mountPath"], "readOnly": True, **part}
        return _server(volume, persistence, {"initContainers": {guard["name"]: _without(guard, "name")}})
    (looks,) = guard["volumeMounts"]
    persistence["advancedMounts"] = {
        _CONTROLLER: {
            **{one["name"]: [{"path": mount["mountPath"], "readOnly": True, **part}] for one in containers},
            guard["name"]: [{"path": looks["mountPath"], "readOnly": True, **part}],
        }
    }
    repository, _, tag = guard["image"].partition(":")
    stated = {
        "image": {"repository": repository, "tag": tag},
        # As a map, as the library's other containers state theirs.
        "env": {one["name"]: _without(one, "name") for one in guard["env"]},
        **_without(guard, "name", "image", "env", "volumeMounts"),
    }
    return _server(volume, persistence, {"controllers": {_CONTROLLER: {"initContainers": {guard["name"]: stated}}}})


def _server(volume: Manifest, persistence: Manifest, guard: Manifest) -> Manifest:
    return {"server": {"persistence": {volume["name"]: persistence}, **guard}}


def _without(thing: Manifest, *keys: str) -> Manifest:
    return {key: value for key, value in thing.items() if key not in keys}
