"""The connector of a tunnel of our own; a stand-in of cloudflared says that it is connected."""

import pytest

from clients.kubernetes import OBJECT_MANAGER
from components import connector
from components.connector import Origin
from components.ownership import Ownership
from settings.cloudflare import OwnTunnel
from tests.lab.conftest import until
from tests.objects import STACK
from tests.real_node.cluster import Cluster

pytestmark = pytest.mark.long


def test_both_replicas_become_ready(cluster: Cluster) -> None:
    made = connector.connector(OwnTunnel(kind="ownTunnel"), Origin("immich", {"app": "immich"}, 2283), Ownership(STACK))
    made.secret["stringData"] = {"token": "of-nobody"}
    for manifest in vars(made).values():
        cluster.api.apply(manifest, OBJECT_MANAGER)
    deployments = cluster.apps

    def ready() -> bool:
        return bool(deployments.read_namespaced_deployment("cloudflared", "cloudflared").status.ready_replicas == 2)

    until(ready, 90)
    for pod in cluster.core.list_namespaced_pod("cloudflared").items:
        (status,) = pod.status.container_statuses
        assert status.restart_count == 0
    cluster.core.delete_namespace("cloudflared")
