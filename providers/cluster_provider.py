"""What the dynamic resources in the cluster share: how they reach it."""

from functools import cached_property

from pulumi import dynamic

from clients.kubernetes import ClusterApi
from settings.cluster import Cluster


class ClusterProvider(dynamic.ResourceProvider):
    """Reaches the cluster.

    Where it is comes from the stack's configuration, never from the state, which may be outdated.
    """

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Keep where the cluster is; it is asked only when there is something to ask."""
        super().configure(req)
        self._cluster = Cluster.model_validate_json(req.config.require("immich-icloud:cluster"))

    def _api(self) -> ClusterApi:
        return self._connected

    @cached_property
    def _connected(self) -> ClusterApi:
        """Of all steps of a run: a kubeconfig takes longer to read than an object, and may name a plugin to be run."""
        return ClusterApi(self._cluster)
