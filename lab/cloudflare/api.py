"""The API itself: finds the route of a request, checks its token, lets happen what should go wrong, and answers."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from lab.cloudflare import access, tunnels, zones
from lab.cloudflare.answers import Answer, refused
from lab.cloudflare.faults import Fault
from lab.cloudflare.routes import Route
from lab.cloudflare.world import World, give_token
from lab.stand_in import api, routes
from lab.stand_in.answers import Json, RefusedError, Request
from lab.stand_in.routes import Ids

_ROUTES = (*zones.ROUTES, *tunnels.ROUTES, *access.ROUTES)
# Cloudflare's tokens have at least 40 of these characters.
_BEARER = re.compile(r"Bearer ([\w-]{40,})", re.ASCII)


class Api(api.Api[World, Fault]):
    """One account's API."""

    root: ClassVar = "/client/v4"
    fault = Fault

    def carry_out(self, request: Request, fault: Fault | None) -> Answer:
        """Do what is asked, with `fault` where that is not None. Raises RefusedError."""
        if fault:
            fault.strike()
        token = self._token(request)
        expired = bool(fault and fault.kind == "expiredToken")
        if (request.method, request.path) == ("GET", "/user/tokens/verify"):
            return _verified({**token, "status": "expired"} if token and expired else token)
        route, ids = _found(request)
        if not token or token["status"] != "active" or expired:
            raise route.unknown_token()
        if not route.allows(token["permissions"]):
            raise _no_list(token) if route.path == "/zones" else route.forbidden()
        if ids.get("account_id", self.world.account["id"]) != self.world.account["id"]:
            raise route.forbidden()
        if "zone_id" in ids and ids["zone_id"] not in self.world.zones:
            raise route.forbidden()
        if fault and fault.kind == "otherWriter":
            before = tunnels.configuration(self.world, ids["tunnel_id"])
            tunnels.configure(self.world, ids["tunnel_id"], fault.edit(before["config"]))
        result = route.handler(self.world, request, ids)
        return result if isinstance(result, Answer) else Answer(result)

    def told(self, method: str, place: Sequence[str], body: Any) -> Any:
        """Set tokens, connectors and configurations, which the API itself does not allow."""
        match method, *place:
            case "POST", "tokens":
                return give_token(self.world, **body)
            case "GET", "tunnels", tunnel_id, "connections":
                return self.world.connectors.get(tunnel_id, [])
            case "PUT", "tunnels", tunnel_id, "connections" | "sent" as what:
                does = tunnels.connect if what == "connections" else tunnels.send
                return does(self.world, tunnel_id, body)
            case "GET", "tunnels", tunnel_id, "configurations":
                return tunnels.configuration(self.world, tunnel_id)
            case "PUT", "tunnels", tunnel_id, "configurations":
                return tunnels.configure(self.world, tunnel_id, body["config"])
        return super().told(method, place, body)

    def _token(self, request: Request) -> Json | None:
        """The token that the request carries, if the account knows it (as reported: 9106, 6003 with 6111)."""
        if "authorization" not in request.headers:
            raise refused(HTTPStatus.BAD_REQUEST, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
        matched = _BEARER.fullmatch(request.headers["authorization"])
        if not matched:
            chain = [{"code": 6111, "message": "Invalid format for Authorization header"}]
            raise refused(HTTPStatus.BAD_REQUEST, 6003, "Invalid request headers", chain=chain)
        return self.world.tokens.get(matched[1])


def _found(request: Request) -> tuple[Route, Ids]:
    if found := routes.find(_ROUTES, request):
        return found
    message = f"Could not route to {request.path}, perhaps your object identifier is invalid?"
    raise refused(HTTPStatus.NOT_FOUND, 7003, message)


def _verified(token: Json | None) -> Answer:
    if not token:
        raise refused(HTTPStatus.UNAUTHORIZED, 1000, "Invalid API Token")
    told = {"code": 10000, "message": "This API Token is valid and active", "type": None}
    messages = (told,) if token["status"] == "active" else ()
    return Answer({"id": token["id"], "status": token["status"]}, messages=messages)


def _no_list(token: Json) -> RefusedError:
    actor, needed = f"com.cloudflare.api.token.{token['id']}", "com.cloudflare.api.account.zone.list"
    return refused(HTTPStatus.FORBIDDEN, 0, f"Actor '{actor}' requires permission '{needed}' to list zones")
