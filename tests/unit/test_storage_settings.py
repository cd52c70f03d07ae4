"""Where root may make a photo directory: it mounts the parent, so nothing that the node needs may lie there."""

import pytest
from pydantic import ValidationError

from settings.storage import HostPath


def stated(path: str) -> HostPath:
    return HostPath.model_validate({"kind": "hostPath", "node": "n", "path": path})


@pytest.mark.parametrize(
    "path",
    [
        "/var/photos", "/var/lib/photos", "/opt/photos", "/opt/x", "/var/x", "/home/photos", "/var/home/photos",
        "/etc/photos", "/usr/photos", "/run/media/photos", "/nix/photos", "/photos", "/var", "/opt", "/home",
        "/var/lib", "/var/lib/kubelet", "/var/lib/kubelet/photos", "/var/lib/etcd/photos", "/var/lib/rancher/photos",
        "/var/log/photos", "/opt/cni/photos", "/var/run/photos", "/root/photos/icloud",
    ],
)  # fmt: skip
def test_a_place_beside_the_nodes_own_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        stated(path)


@pytest.mark.parametrize(
    "path",
    [
        "/var/mnt/icloud-photos", "/mnt/photos", "/mnt/disk2/photos/icloud", "/srv/photos", "/data/photos",
        "/media/photos", "/home/anna/photos", "/opt/photos/icloud", "/var/photos/icloud", "/var/lib/photos/icloud",
        "/var/lib/kubelet-photos/icloud", "/var/local/photos",
    ],
)  # fmt: skip
def test_a_place_of_its_own_is_allowed(path: str) -> None:
    assert stated(path).path == path
