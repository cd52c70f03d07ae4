"""What the dynamic resources in Immich share: how they reach it."""

from collections.abc import Collection

from pulumi import dynamic
from pydantic import SecretStr, TypeAdapter, ValidationError

from clients.immich import ImmichApi, ImmichError
from clients.immich_lease import immich_lease
from clients.lease import Lease
from providers.cluster_provider import ClusterProvider
from settings.external_library import ApiKey
from settings.load import API_KEY
from settings.model import Backend

_API_KEY: TypeAdapter[SecretStr] = TypeAdapter(ApiKey)


class ImmichProvider(ClusterProvider):
    """Reaches Immich.

    The API key, too, comes from the stack's configuration.
    """

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Keep where the cluster is, and the API key; nothing is asked yet."""
        super().configure(req)
        self._key: SecretStr | None
        try:
            self._key = _API_KEY.validate_python(req.config.get(API_KEY))
        except ValidationError:  # missing or malformed: on removal nothing has validated it before
            self._key = None

    def _lease(self, server: Backend, stack: str, former: Collection[str]) -> Lease:
        return immich_lease(self._api(), server.namespace, stack, former)

    def _immich(self, server: Backend) -> ImmichApi:
        if self._key is None:
            raise ImmichError(f"the API key of Immich is missing or malformed. Store one as {API_KEY}", secret=API_KEY)
        return ImmichApi.behind(self._api(), server, self._key)
