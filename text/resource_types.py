"""Types of resources, as states name them."""

from typing import Final

JOB: Final = "kubernetes:batch/v1:Job"
VOLUME: Final = "kubernetes:core/v1:PersistentVolume"
CLAIM: Final = "kubernetes:core/v1:PersistentVolumeClaim"
RECORD: Final = "cloudflare:index/dnsRecord:DnsRecord"
ADOPTED_RECORD: Final = "pulumi-python:dynamic/cloudflare:AdoptedRecord"
TUNNEL: Final = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared"
APPLICATION: Final = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"
POLICY: Final = "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy"
SERVICE_TOKEN: Final = "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken"  # noqa: S105 (a type)
LIBRARY: Final = "pulumi-python:dynamic/immich:Library"
TUNNEL_RULES: Final = "pulumi-python:dynamic/cloudflare:TunnelRules"
TUNNEL_FILE_RULE: Final = "pulumi-python:dynamic/cloudflare:TunnelFileRule"

WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet")
"""Kinds that may run Immich's server."""
