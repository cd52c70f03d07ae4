"""The API itself: finds the route of a request, checks its token, lets happen what should go wrong, and answers."""

import re
from http import HTTPStatus
from typing import Final

from lab.cloudflare import access, tunnels, zones
from lab.cloudflare.answers import Answer, Json, RefusedError, Request, TimedOutError
from lab.cloudflare.faults import Fault
from lab.cloudflare.routes import Ids, Route
from lab.cloudflare.world import World

ROOT: Final = "/client/v4"

_ROUTES = (*zones.ROUTES, *tunnels.ROUTES, *access.ROUTES)
# Cloudflare's tokens have at least 40 of these characters.
_BEARER = re.compile(r"Bearer ([\w-]{40,})", re.ASCII)


class Api:
    """One account's API on a world that it changes; `faults` wait for their request, `log` is all that was asked."""

    def __init__(self, world: World) -> None:
        """Nothing is wrong yet, and nothing was asked."""
        self.world = world
        self.faults: list[Fault] = []
        self.log: list[tuple[str, str]] = []

    def handle(self, request: Request) -> Answer:
        """Carry out a request and answer it.

        Raises:
            TimedOutError: it was carried out, and a fault loses the answer.
        """
        self.log.append((request.method, request.path))
        fault = next((fault for fault in self.faults if fault.fits(request)), None)
        if fault:
            self.faults.remove(fault)
        try:
            given = self._carry_out(request, fault)
        except RefusedError as refused:
            given = refused.answer
        if fault and fault.kind == "timeOut":
            raise TimedOutError
        return given

    def _carry_out(self, request: Request, fault: Fault | None) -> Answer:
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

    def _token(self, request: Request) -> Json | None:
        """The token that the request carries, if the account knows it (as reported: 9106, 6003 with 6111)."""
        if "authorization" not in request.headers:
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers"
            )
        matched = _BEARER.fullmatch(request.headers["authorization"])
        if not matched:
            chain = [{"code": 6111, "message": "Invalid format for Authorization header"}]
            raise RefusedError(HTTPStatus.BAD_REQUEST, 6003, "Invalid request headers", chain=chain)
        return self.world.tokens.get(matched[1])


def _found(request: Request) -> tuple[Route, Ids]:
    for route in _ROUTES:
        if (ids := route.ids(request)) is not None:
            return route, ids
    message = f"Could not route to {request.path}, perhaps your object identifier is invalid?"
    raise RefusedError(HTTPStatus.NOT_FOUND, 7003, message)


def _verified(token: Json | None) -> Answer:
    if not token:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, 1000, "Invalid API Token")
    told = {"code": 10000, "message": "This API Token is valid and active", "type": None}
    messages = (told,) if token["status"] == "active" else ()
    return Answer({"id": token["id"], "status": token["status"]}, messages=messages)


def _no_list(token: Json) -> RefusedError:
    actor, needed = f"com.cloudflare.api.token.{token['id']}", "com.cloudflare.api.account.zone.list"
    return RefusedError(HTTPStatus.FORBIDDEN, 0, f"Actor '{actor}' requires permission '{needed}' to list zones")
