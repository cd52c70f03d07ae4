"""The photos' mount as values of Immich's chart, in both forms that its versions have."""

from typing import Any

import pytest
import yaml

from clients.kubernetes import Manifest, Ref
from components import immich_mount
from components.chart_values import values
from components.ownership import Ownership
from ops import chart_values
from ops.command import CommandError, Stack
from settings import Settings
from tests import objects
from tests.fake_cluster import FakeCluster
from tests.objects import SERVERS, STACK, deployment
from tests.unit.configured import ON_HOST, configured

NFS: Manifest = {"kind": "nfs", "server": "nas.lan", "path": "/export/photos"}
ON_A_NODE: Manifest = {"hostPath": {"path": "/var/mnt/photos", "type": "Directory"}}
CLAIMED: Manifest = {"persistentVolumeClaim": {"claimName": "icloud-photos-immich", "readOnly": True}}


def by_chart(version: str, container: str) -> Manifest:
    immich = deployment()
    immich["metadata"]["labels"]["helm.sh/chart"] = version
    immich["spec"]["template"]["spec"]["containers"][0]["name"] = container
    return immich


def server(settings: Settings, live: Manifest) -> Any:
    container = live["spec"]["template"]["spec"]["containers"][0]["name"]
    entries = immich_mount.fragment(settings.immich, settings.storage, objects.server(container), Ownership(STACK))
    return values(entries, live)["server"]


@pytest.mark.parametrize(("storage", "source"), [(ON_HOST, ON_A_NODE), (NFS, CLAIMED)], ids=["hostPath", "nfs"])
@pytest.mark.parametrize("version", ["immich-0.12.0", "immich-0.10.0", "immich-1.0.0", ""])
def test_from_0_10_on_mounts_are_listed_by_container(storage: Manifest, source: Manifest, version: str) -> None:
    found = server(configured(storage), by_chart(version, "main"))
    assert found["persistence"] == {
        "icloud-import": {
            "enabled": True,
            "type": "custom",
            "volumeSpec": source,
            "advancedMounts": {
                "main": {
                    "main": [{"path": "/external/icloud", "readOnly": True}],
                    "require-photo-disk": [{"path": "/photos", "readOnly": True}],
                }
            },
        }
    }
    guard = found["controllers"]["main"]["initContainers"]["require-photo-disk"]
    assert guard["image"]["repository"] == "busybox"
    assert guard["image"]["tag"].startswith("1.37.0@sha256:")
    reference = {"configMapKeyRef": {"name": "icloud-directory", "key": "id"}}
    assert guard["env"] == {"DISK_ID": {"valueFrom": reference}}, "not the id itself"
    assert guard["securityContext"]["runAsNonRoot"] is True
    assert not {"name", "volumeMounts"} & guard.keys()


@pytest.mark.parametrize(("storage", "source"), [(ON_HOST, ON_A_NODE), (NFS, CLAIMED)], ids=["hostPath", "nfs"])
def test_up_to_0_9_a_volume_has_one_mount(storage: Manifest, source: Manifest) -> None:
    settings = configured(storage)
    found = server(settings, by_chart("immich-0.9.3", "immich-server"))
    assert found["persistence"] == {
        "icloud-import": {
            "enabled": True,
            "type": "custom",
            "volumeSpec": source,
            "mountPath": "/external/icloud",
            "readOnly": True,
        }
    }
    entries = immich_mount.fragment(settings.immich, settings.storage, SERVERS[0], Ownership(STACK))
    (guard,) = entries["spec"]["template"]["spec"]["initContainers"]
    assert found["initContainers"] == {"require-photo-disk": {k: v for k, v in guard.items() if k != "name"}}


def test_no_value_is_a_template() -> None:
    for version in ("immich-0.9.3", "immich-0.12.0"):
        assert "{{" not in str(server(configured(), by_chart(version, "main")))


def test_the_command_prints_nothing_but_yaml() -> None:
    api = FakeCluster()
    live = by_chart("immich-0.12.0", "main")
    api.objects[Ref.of(live)] = live
    settings = configured(immich={"mount": {"path": "/mnt/icloud", "volume": "icloud"}})
    found = yaml.safe_load(chart_values.values(Stack("test", settings, api)))
    mounts = found["server"]["persistence"]["icloud"]["advancedMounts"]["main"]
    assert mounts["main"] == [{"path": "/mnt/icloud", "readOnly": True}]
    assert api.writes == []


def test_without_immich_there_is_nothing_to_say() -> None:
    with pytest.raises(CommandError, match="of namespace immich runs the image immich-server"):
        chart_values.values(Stack("test", configured(), FakeCluster()))
