"""What containerd, CNI and kubelet are told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab.real_node.machine import Machine

# In the block for documentation: no interface leads anywhere.
ADDRESS: Final = "192.0.2.10"
GATEWAY: Final = "192.0.2.1"
# The image of what holds a pod's namespaces open.
PAUSE: Final = "rehearsal.local/pause:1"
_PODS: Final = "10.244.0.0/24"  # the first node's part of Talos' default


@dataclass(frozen=True)
class Paths:
    """Where the node's files lie; those of `/run` and `/var` are its own."""

    home: Path
    programs: Path

    @property
    def containerd(self) -> Path:
        """The configuration of containerd."""
        return self.home / "containerd.toml"

    @property
    def kubelet(self) -> Path:
        """The configuration of the kubelet."""
        return self.home / "kubelet.yaml"

    @property
    def network(self) -> Path:
        """The folder with CNI's configuration."""
        return self.home / "cni"


def write(paths: Paths, machine: Machine, kubelet: Mapping[str, Any]) -> None:
    """Write all of it."""
    paths.network.mkdir(parents=True, exist_ok=True)
    (paths.network / "pods.conflist").write_text(json.dumps(_network()))
    paths.containerd.write_text(_containerd(paths, machine))
    paths.kubelet.write_text(yaml.safe_dump(dict(kubelet)))


def _network() -> dict[str, Any]:
    pods = {
        "type": "ptp",
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": _PODS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni",
        },
    }
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [pods]}


def _containerd(paths: Paths, machine: Machine) -> str:
    return f"""\
version = 2
root = "{paths.home / "containerd"}"
state = "/run/containerd"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = {str(not machine.may_lower_oom_score).lower()}
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{paths.programs / "usr/lib/cni"}"
  conf_dir = "{paths.network}"
[plugins."io.containerd.grpc.v1.cri".containerd]
  # Whole copies: overlayfs does not stack on itself, which is what a machine in a container has.
  snapshotter = "native"
  default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  BinaryName = "{paths.programs / "usr/sbin/runc"}"
"""


def kubelet(cgroup: str, credentials: Path, port: int) -> dict[str, Any]:
    """Build the kubelet's configuration."""
    certificate = str(credentials / "server.pem")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(credentials / "ca.pem")},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "tlsCertFile": certificate,
        "tlsPrivateKeyFile": certificate,
        "port": port,
        "healthzPort": 0,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "resolvConf": "",
        # This machine's disk is not the node's.
        "evictionHard": {"memory.available": "10Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "2s",
        "volumePluginDir": "/var/lib/kubelet/plugins",
    }
