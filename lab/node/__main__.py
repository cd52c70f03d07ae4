"""`python -m lab.node NAME HOME PORT KUBECONFIG CERTIFICATE AUTHORITY`: be that node's kubelet for pods of Jobs."""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Final

from lab.cluster import connect
from lab.node import programs
from lab.node.kubelet import Kubelet
from lab.node.pod import Node
from lab.node.provisioner import Provisioner
from lab.node.server import Server
from lab.node.streams import Forward
from lab.node.volumes import Disk
from lab.plugins.cluster import Cluster

# What a node has before anything is put on it (source: Talos mounts user volumes below /var/mnt).
_FOLDERS: Final = ("/var/mnt", "/var/log/pods")


async def _main(name: str, home: Path, port: int, *files: Path) -> None:
    kubeconfig, certificate, authority = files
    disk = Disk(home / "disk")
    for folder in _FOLDERS:
        disk.path(folder).mkdir(parents=True, exist_ok=True)
    api = connect(kubeconfig)
    cluster = Cluster(api)
    kubelet = Kubelet(Node(name, cluster, disk, programs.put(home)), api)
    immich = Forward("immich", "immich-server-", 2283, home / "immich" / "url")
    await Server(kubelet, disk.root, (immich,)).listen(port, certificate, authority)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    threading.Thread(target=kubelet.watch, daemon=True).start()
    Provisioner(cluster, api, disk).watch()
    _register(cluster, name, port)
    await ended.wait()
    kubelet.kill()
    # At once: the next one reports what ran, as after a kubelet's restart, and what waits goes on waiting.
    os._exit(0)


def _register(cluster: Cluster, name: str, port: int) -> None:
    """Say in the node's status how the API server reaches this kubelet, and that it takes WebSockets."""
    status = {
        "addresses": [{"type": "InternalDNS", "address": "localhost"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "declaredFeatures": ["ExtendWebSocketsToKubelet"],
    }
    cluster.request(
        "PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, content="application/strategic-merge-patch+json"
    )


if __name__ == "__main__":
    _name, _home, _port, *_files = sys.argv[1:]
    asyncio.run(_main(_name, Path(_home), int(_port), *map(Path, _files)))
