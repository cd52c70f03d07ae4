"""What the dynamic resources at Cloudflare share: how they reach it."""

from pulumi import dynamic
from pydantic import SecretStr

from clients import cloudflare as cloudflare_api
from clients.cloudflare import CloudflareApi
from settings.load import TOKEN


class CloudflareProvider(dynamic.ResourceProvider):
    """Reaches Cloudflare.

    The API token comes from the stack's configuration, never from the state, which may be outdated.
    """

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Keep the token; nothing is asked yet."""
        super().configure(req)
        configured = req.config.get(TOKEN)
        self._token = SecretStr(configured) if configured else None

    def _cloudflare(self) -> CloudflareApi:
        return CloudflareApi(cloudflare_api.token(self._token))
