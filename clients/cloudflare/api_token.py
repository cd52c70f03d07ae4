"""The API token of Cloudflare, and what it has to be allowed."""

import os
import re

from pydantic import SecretStr

from clients.cloudflare.errors import SETTING, TOKEN_VARIABLE, CloudflareError

# What a token needs, as the dashboard's token page names it.
ZONE_READ = "Zone · Zone · Read"
DNS_EDIT = "Zone · DNS · Edit"
CERTIFICATES_READ = "Zone · SSL and Certificates · Read"
TUNNEL_EDIT = "Account · Cloudflare Tunnel · Edit"
ACCESS_EDIT = "Account · Access: Apps and Policies · Edit"
ACCESS_READ = "Account · Access: Apps and Policies · Read"
SERVICE_TOKENS_EDIT = "Account · Access: Service Tokens · Edit"

_TOKEN = re.compile(r"[\w-]+", re.ASCII)


def token(configured: SecretStr | None) -> str:
    """Find the API token: the stack's secret, or else the variable CLOUDFLARE_API_TOKEN.

    Raises:
        CloudflareError: when there is neither, or it can be none.

    """
    found = configured.get_secret_value() if configured else os.environ.get(TOKEN_VARIABLE, "").strip()
    if not found:
        raise CloudflareError(
            f"there is no API token of Cloudflare. Store one as {SETTING}, or set {TOKEN_VARIABLE}. "
            "docs/cloudflare.md lists its permissions",
            secret=SETTING,
        )
    if not _TOKEN.fullmatch(found):
        raise CloudflareError(
            "the Cloudflare API token is malformed: a token has only letters, digits, - and _. Copy it again, without "
            "quotes or spaces",
            secret=SETTING if configured else "",
        )
    return found
