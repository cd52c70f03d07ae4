"""Cloudflare's stand-in as a test sees it: the account, and what was asked of it."""

from typing import Any

import httpx
from cloudflare import Cloudflare

from lab.cloudflare.world import TOKEN, found

WORLD = found()
ACCOUNT = str(WORLD.account["id"])
ZONE = next(iter(WORLD.zones))
TUNNELS = {str(tunnel["name"]): id_ for id_, tunnel in WORLD.tunnels.items()}
HOMELAB = TUNNELS["homelab"]


class Account:
    """The account at one base URL."""

    def __init__(self, url: str) -> None:
        self.sdk = Cloudflare(api_token=TOKEN, base_url=url, max_retries=0, http_client=httpx.Client(trust_env=False))
        self._lab = httpx.Client(base_url=url.replace("/client/v4", "/lab/"), trust_env=False)

    def configuration(self) -> dict[str, Any]:
        """The document of the tunnel that is shared."""
        return dict(self._asked("GET", f"tunnels/{HOMELAB}/configurations")["config"])

    def version(self) -> int:
        """Its version."""
        return int(self._asked("GET", f"tunnels/{HOMELAB}/configurations")["version"])

    def somebody_writes(self, config: dict[str, Any]) -> None:
        """Write the document as another client would."""
        self._asked("PUT", f"tunnels/{HOMELAB}/configurations", {"config": config})

    def services(self) -> dict[str, str]:
        """Where the shared tunnel leads, by host, in its order."""
        return {rule.get("hostname", ""): rule["service"] for rule in self.configuration()["ingress"]}

    def records(self) -> list[dict[str, Any]]:
        """All DNS records, without what every write changes."""
        return [
            {key: getattr(record, key) for key in ("type", "name", "content", "proxied", "ttl", "comment")}
            for record in self.sdk.dns.records.list(zone_id=ZONE)
        ]

    def record(self, host: str) -> dict[str, Any]:
        """The one record of a host."""
        (record,) = [record for record in self.records() if record["name"] == host]
        return record

    def record_id(self, host: str) -> str:
        """Its id."""
        (record,) = self.sdk.dns.records.list(zone_id=ZONE, name={"exact": host})
        return record.id

    def writes(self) -> list[str]:
        """Every request so far that was not a GET, as `METHOD path`."""
        return [f"{method} {path}" for method, path in self._asked("GET", "requests") if method != "GET"]

    def fault(self, kind: str, method: str, path: str, **more: Any) -> None:
        """Have the next request that fits go wrong."""
        self._asked("POST", "faults", {"kind": kind, "method": method, "path": path, **more})

    def give_token(self, token: str, status: str = "active") -> None:
        """Make the account know an API token that may do what the rehearsal's may."""
        permissions = list(WORLD.tokens[TOKEN]["permissions"])
        self._asked("POST", "tokens", {"token": token, "permissions": permissions, "status": status})

    def connectors(self, tunnel_id: str, connectors: list[dict[str, Any]]) -> None:
        """Connect them to a tunnel, and no others."""
        self._asked("PUT", f"tunnels/{tunnel_id}/connections", connectors)

    def _asked(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._lab.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()["result"]
