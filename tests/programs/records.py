"""A program with the DNS records that `wanted.json` in the project directory has, by a provider of its own."""

import json
import os
from pathlib import Path

import pulumi

from components import cloudflare_resources as cloudflare

wanted = json.loads(Path("wanted.json").read_text())
provider = cloudflare.Provider("cloudflare", api_token=pulumi.Output.secret(wanted["token"]))
for name, record in wanted["records"].items():
    cloudflare.DnsRecord(
        name, **record, opts=pulumi.ResourceOptions(provider=provider, import_=wanted["imports"].get(name))
    )
pulumi.export("environment", sorted(name for name in os.environ if name.startswith("CLOUDFLARE_")))
if tunnel := wanted.get("tunnel"):
    token = cloudflare.get_zero_trust_tunnel_cloudflared_token_output(
        **tunnel, opts=pulumi.InvokeOutputOptions(provider=provider)
    )
    pulumi.export("token", pulumi.Output.secret(token.token))
