"""What the dynamic resources in Immich share: how they reach it."""

from pulumi import dynamic
from pydantic import SecretStr

from providers.cluster_api import ClusterApi
from providers.immich_api import ImmichApi, ImmichError
from settings.cluster import Cluster
from settings.model import Backend

API_KEY = "immich-icloud:immichApiKey"


class ImmichProvider(dynamic.ResourceProvider):
    """Reaches Immich.

    Cluster and API key come from the stack's configuration, never from the state: those may be of yesterday.
    """

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Keep where the cluster is, and the API key; nothing is asked yet."""
        self._cluster = Cluster.model_validate_json(req.config.require("immich-icloud:cluster"))
        configured = req.config.get(API_KEY)
        self._key = SecretStr(configured) if configured else None

    def _api(self) -> ClusterApi:
        return ClusterApi(self._cluster)

    def _immich(self, server: Backend) -> ImmichApi:
        if self._key is None:
            raise ImmichError(f"there is no API key of Immich: pulumi config set --secret {API_KEY}")
        return ImmichApi.behind(self._api(), server, self._key)
