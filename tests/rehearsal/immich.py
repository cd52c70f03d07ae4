"""Immich's stand-in as a test sees it: the server, and what was asked of it."""

from typing import Any

import httpx

from lab.immich.world import API_KEY


class Server:
    """The server at one base URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lab = httpx.Client(base_url=url.replace("/api", "/lab/"), trust_env=False)

    def library(self, name: str = "iCloud Photos") -> dict[str, Any]:
        """The one library of a name."""
        (library,) = [one for one in self.libraries() if one["name"] == name]
        return library

    def libraries(self) -> list[dict[str, Any]]:
        return [*self._asked("GET", "libraries").values()]

    def edit_library(self, id_: str, **changed: Any) -> None:
        """Change a library as an administrator would."""
        headers = {"x-api-key": API_KEY}
        httpx.put(f"{self._url}/libraries/{id_}", json=changed, headers=headers).raise_for_status()

    def configuration(self) -> dict[str, Any]:
        """The server-wide configuration."""
        return dict(self._asked("GET", "configuration"))

    def configure(self, config: dict[str, Any]) -> None:
        """Write the configuration as an administrator would."""
        self._asked("PUT", "configuration", {"config": config})

    def assets(self) -> list[dict[str, Any]]:
        return list(self._asked("GET", "assets"))

    def writes(self) -> list[str]:
        """Every request so far that may have changed something, as `METHOD path`."""
        asked = self._asked("GET", "requests")
        return [f"{method} {path}" for method, path in asked if method != "GET" and not path.endswith("/validate")]

    def upgrade(self, version: str) -> None:
        self._asked("PUT", "version", {"version": version})

    def configuration_file(self, *, in_use: bool) -> None:
        self._asked("PUT", "configFile", {"inUse": in_use})

    def give_key(self, key: str, *permissions: str, email: str = "owner@coultonf.com") -> None:
        self._asked("POST", "keys", {"key": key, "email": email, "permissions": list(permissions)})

    def _asked(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._lab.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()["result"]
