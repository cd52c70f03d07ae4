"""What this stack uses of pulumi_cloudflare, without the rest of it.

The package's own `__init__` imports all of Cloudflare's resources, some hundreds: half of the time, and 60 MB. So the
package is made known without running that, and the modules that are needed are imported as they are.
"""

import sys
from importlib.util import find_spec, module_from_spec

_PACKAGE = "pulumi_cloudflare"

if _PACKAGE not in sys.modules and (spec := find_spec(_PACKAGE)):
    sys.modules[_PACKAGE] = module_from_spec(spec)

# ruff: isort: split
from pulumi_cloudflare._inputs import (  # noqa: E402 (see above)
    ZeroTrustTunnelCloudflaredConfigConfigArgs,
    ZeroTrustTunnelCloudflaredConfigConfigIngressArgs,
    ZeroTrustTunnelCloudflaredConfigConfigIngressOriginRequestArgs,
)
from pulumi_cloudflare.dns_record import DnsRecord  # noqa: E402
from pulumi_cloudflare.get_zero_trust_tunnel_cloudflared_token import (  # noqa: E402
    get_zero_trust_tunnel_cloudflared_token_output,
)
from pulumi_cloudflare.provider import Provider  # noqa: E402
from pulumi_cloudflare.zero_trust_access_application import ZeroTrustAccessApplication  # noqa: E402
from pulumi_cloudflare.zero_trust_access_policy import ZeroTrustAccessPolicy  # noqa: E402
from pulumi_cloudflare.zero_trust_access_service_token import ZeroTrustAccessServiceToken  # noqa: E402
from pulumi_cloudflare.zero_trust_tunnel_cloudflared import ZeroTrustTunnelCloudflared  # noqa: E402
from pulumi_cloudflare.zero_trust_tunnel_cloudflared_config import ZeroTrustTunnelCloudflaredConfig  # noqa: E402

__all__ = [
    "DnsRecord",
    "Provider",
    "ZeroTrustAccessApplication",
    "ZeroTrustAccessPolicy",
    "ZeroTrustAccessServiceToken",
    "ZeroTrustTunnelCloudflared",
    "ZeroTrustTunnelCloudflaredConfig",
    "ZeroTrustTunnelCloudflaredConfigConfigArgs",
    "ZeroTrustTunnelCloudflaredConfigConfigIngressArgs",
    "ZeroTrustTunnelCloudflaredConfigConfigIngressOriginRequestArgs",
    "get_zero_trust_tunnel_cloudflared_token_output",
]
