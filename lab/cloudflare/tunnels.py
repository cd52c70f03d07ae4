"""Tunnels run by cloudflared: themselves, their connectors, their tokens, and what they are configured to do."""

import base64
import json
import re
import secrets
from typing import Any
from urllib.parse import urlsplit

from lab.cloudflare.answers import Answer, listed, refused
from lab.cloudflare.routes import Route
from lab.cloudflare.world import World, new_uuid, now
from lab.stand_in.answers import Json, RefusedError, Request
from lab.stand_in.routes import Ids

_FILTERS = {"name": "name", "uuid": "id", "status": "status", "is_deleted": "is_deleted"}


def connect(world: World, tunnel_id: str, connectors: list[Json]) -> list[Json]:
    """Make these the connectors that run the tunnel, as they themselves would by connecting and leaving."""
    tunnel, was = world.tunnels[tunnel_id], bool(world.connectors.get(tunnel_id))
    if was != bool(connectors):
        active = now() if connectors else None
        tunnel.update(conns_active_at=active, conns_inactive_at=None if active else now())
    world.connectors[tunnel_id] = connectors
    return connectors


def configure(world: World, tunnel_id: str, config: Any) -> Json:
    """Write a tunnel's whole configuration, whoever it is that writes.

    Raises:
        RefusedError: no such tunnel, or a document that cloudflared would not take.
    """
    tunnel = _alive(world, tunnel_id)
    _refuse_bad(config)
    # From now on Cloudflare's rules are in force, and the file's are not (source: cloudflared's orchestration).
    tunnel["config_src"] = "cloudflare"
    version = configuration(world, tunnel_id)["version"] + 1
    world.configurations[tunnel_id] = {"config": config, "version": version, "created_at": now()}
    return configuration(world, tunnel_id)


def send(world: World, tunnel_id: str, config: Any) -> Json:
    """Keep the rules of its file that the cloudflared of a local tunnel sends when it connects."""
    world.configurations[tunnel_id] = {**configuration(world, tunnel_id), "config": config}
    return configuration(world, tunnel_id)


def configuration(world: World, tunnel_id: str) -> Json:
    """What a tunnel is configured to do; version 0 and null where nothing was ever written.

    Of a local one it is what its cloudflared sent when it connected, which no write counts.
    """
    tunnel = _existing(world, tunnel_id)
    nothing = {"config": None, "version": 0, "created_at": tunnel["created_at"]}
    told = {
        "tunnel_id": tunnel_id,
        "account_id": world.account["id"],
        "source": tunnel["config_src"],
        **world.configurations.get(tunnel_id, nothing),
    }
    return _without_omitted(tunnel, told)


def _refuse_bad(config: Any) -> None:
    """Hold a document against cloudflared's own rules of ingress (source: validateIngress in its ingress package)."""
    ingress = (config or {}).get("ingress")
    if ingress is None:
        return
    last = len(ingress) - 1
    for number, rule in enumerate(ingress):
        hostname, path = rule.get("hostname") or "", rule.get("path") or ""
        catch_all = hostname in {"", "*"} and not path
        _refuse_bad_service(rule.get("service") or "")
        try:
            re.compile(path)  # Go's own expressions differ in what few use
        except re.error:
            raise _bad(f"Rule #{number + 1} has an invalid regex: {path}") from None
        if ":" in hostname:
            raise _bad("Hostname cannot contain a port")
        if "*" in hostname[1:]:
            raise _bad(
                'Hostname patterns can have at most one wildcard character ("*") and it can only be used for '
                'subdomains, e.g. "*.example.com"'
            )
        if number == last and not catch_all:
            break
        if number != last and catch_all:
            raise _bad(
                f"Rule #{number + 1} is matching the hostname '{hostname}', but this will match every hostname, "
                "meaning the rules which follow it will never be triggered."
            )
    else:
        if ingress:
            return
    raise _bad("The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)")


def _refuse_bad_service(service: str) -> None:
    kind, _, status = service.partition(":")
    if kind in {"unix", "unix+tls"} or service in {"hello_world", "hello-world", "bastion", "socks-proxy"}:
        return
    if kind == "http_status":
        if not status.isdecimal() or not 100 <= int(status) <= 999:  # noqa: PLR2004 (cloudflared's own bounds)
            raise _bad(f"invalid HTTP status code: {status}")
        return
    url = urlsplit(service)
    if not url.scheme or not url.hostname:
        raise _bad(f"{service} is an invalid address, please make sure it has a scheme and a hostname")
    if url.path:
        raise _bad(
            f"{service} is an invalid address, ingress rules don't support proxying to a different path on the origin "
            "service. The path will be the same as the eyeball request's path"
        )


def _bad(message: str) -> RefusedError:
    return refused(400, 1056, f"Bad Configuration: Validation failed: {message}\n")


def _existing(world: World, tunnel_id: str) -> Json:
    # A deleted one still is, with its end. The status is as cloudflared expects it; the code is documented nowhere.
    if tunnel_id not in world.tunnels:
        raise refused(404, 1003, "Tunnel not found")
    return world.tunnels[tunnel_id]


def _alive(world: World, tunnel_id: str) -> Json:
    tunnel = _existing(world, tunnel_id)
    if tunnel["deleted_at"]:
        raise refused(404, 1003, "Tunnel not found")
    return tunnel


def _shown(world: World, tunnel: Json) -> Json:
    connected = bool(world.connectors.get(tunnel["id"]))
    status = "healthy" if connected else "down" if tunnel["conns_inactive_at"] else "inactive"
    told = {
        **tunnel,
        "account_tag": world.account["id"],
        # Since its deprecation empty whoever is connected: the list of their own has them (source: its documentation).
        "connections": [],
        "metadata": {},
        "remote_config": tunnel.get("remote_config", tunnel["config_src"] == "cloudflare"),
        "status": status,
        "tun_type": "cfd_tunnel",
    }
    return _without_omitted(tunnel, told)


def _without_omitted(tunnel: Json, told: Json) -> Json:
    """Leave out the fields that the tunnel `omits`, as for some accounts (terraform-provider-cloudflare #5488)."""
    return {key: value for key, value in told.items() if key not in {"omits", *tunnel.get("omits", ())}}


def _tunnels(world: World, request: Request, _: Ids) -> Answer:
    every = [{**_shown(world, tunnel), "is_deleted": bool(tunnel["deleted_at"])} for tunnel in world.tunnels.values()]
    told = listed(every, request.query, _FILTERS)
    for tunnel in told.result:
        del tunnel["is_deleted"]
    return told


def _tunnel(world: World, _: Request, ids: Ids) -> Json:
    return _shown(world, _existing(world, ids["tunnel_id"]))


def _create(world: World, request: Request, _: Ids) -> Json:
    _refuse_taken(world, request.body["name"])
    tunnel = {
        "id": new_uuid(),
        "name": request.body["name"],
        "config_src": request.body.get("config_src", "local"),
        "created_at": now(),
        "deleted_at": None,
        "conns_active_at": None,
        "conns_inactive_at": None,
    }
    world.tunnels[tunnel["id"]] = tunnel
    made = base64.b64encode(secrets.token_bytes(32)).decode()
    world.secrets[tunnel["id"]] = request.body.get("tunnel_secret") or made
    return _shown(world, tunnel)


def _edit(world: World, request: Request, ids: Ids) -> Json:
    tunnel = _alive(world, ids["tunnel_id"])
    if (name := request.body.get("name", tunnel["name"])) != tunnel["name"]:
        _refuse_taken(world, name)
        tunnel["name"] = name
    if secret := request.body.get("tunnel_secret"):
        world.secrets[tunnel["id"]] = secret
    return _shown(world, tunnel)


def _refuse_taken(world: World, name: str) -> None:
    """Names are unique among the tunnels that are not deleted (as reported: 409, 1013)."""
    if any(tunnel["name"] == name and not tunnel["deleted_at"] for tunnel in world.tunnels.values()):
        raise refused(
            409,
            1013,
            "You already have a tunnel with this name. Delete the existing tunnel, or choose a different name for your "
            "new tunnel",
        )


def _delete(world: World, _: Request, ids: Ids) -> Json:
    tunnel = _existing(world, ids["tunnel_id"])
    if world.connectors.get(tunnel["id"]):
        raise refused(400, 1022, "This tunnel has active connections.")
    tunnel["deleted_at"] = tunnel["deleted_at"] or now()
    return _shown(world, tunnel)


def _token(world: World, _: Request, ids: Ids) -> str:
    tunnel = _alive(world, ids["tunnel_id"])
    parts = {"a": world.account["id"], "t": tunnel["id"], "s": world.secrets[tunnel["id"]]}
    return base64.b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode()


def _connectors(world: World, _: Request, ids: Ids) -> list[Json]:
    return world.connectors.get(_existing(world, ids["tunnel_id"])["id"], [])


def _disconnect(world: World, request: Request, ids: Ids) -> Json:
    leaving = request.query.get("client_id")
    staying = [one for one in _connectors(world, request, ids) if leaving and one["id"] != leaving]
    connect(world, ids["tunnel_id"], staying)
    return {}


def _configuration(world: World, _: Request, ids: Ids) -> Json:
    return configuration(world, ids["tunnel_id"])


def _configure(world: World, request: Request, ids: Ids) -> Json:
    told = configure(world, ids["tunnel_id"], request.body.get("config"))
    # The answer to a write states what was left out.
    return {**told, "config": {"warp-routing": {"enabled": False}, **(told["config"] or {})}}


_ALL = "/accounts/{account_id}/cfd_tunnel"
_ONE = f"{_ALL}/{{tunnel_id}}"
_OF = ("Cloudflare Tunnel",)

ROUTES = (
    Route("GET", _ALL, _tunnels, _OF),
    Route("POST", _ALL, _create, _OF),
    Route("GET", _ONE, _tunnel, _OF),
    Route("PATCH", _ONE, _edit, _OF),
    Route("DELETE", _ONE, _delete, _OF),
    Route("GET", f"{_ONE}/token", _token, _OF, secret=True),
    Route("GET", f"{_ONE}/connections", _connectors, _OF),
    Route("DELETE", f"{_ONE}/connections", _disconnect, _OF),
    Route("GET", f"{_ONE}/configurations", _configuration, _OF),
    Route("PUT", f"{_ONE}/configurations", _configure, _OF),
)
