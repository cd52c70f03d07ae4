"""The API itself: finds the route of a request, checks its key, lets happen what should go wrong, and answers."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from lab.immich import assets, configuration, libraries, scan, server_info, users
from lab.immich.answers import Issue, invalid, refused
from lab.immich.faults import Fault
from lab.immich.routes import ANY, Route
from lab.immich.world import World, add_user, give_key, upgrade
from lab.stand_in import api, routes
from lab.stand_in.answers import Answer, JsonAnswer, Request

_ROUTES = (*server_info.ROUTES, *users.ROUTES, *libraries.ROUTES, *assets.ROUTES, *configuration.ROUTES)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


class Api(api.Api[World, Fault]):
    """One server's API."""

    root: ClassVar = "/api"
    fault = Fault

    def handle(self, request: Request) -> Answer:
        """Carry out a request and answer it; what was queued before it is done when it is answered.

        Raises:
            LostAnswerError: it was carried out, and a fault loses the answer.
        """
        queued = len(self.world.queue)
        try:
            return super().handle(request)
        finally:
            scan.work_off(self.world, queued)

    def carry_out(self, request: Request, fault: Fault | None) -> Answer:
        """Do what is asked, with `fault` where that is not None. Raises RefusedError."""
        if fault:
            fault.strike()
        served = [route for route in _ROUTES if self.world.since(*route.since)]
        found = routes.find(served, request)
        if found is None:
            raise refused(self.world, HTTPStatus.NOT_FOUND, f"Cannot {request.method} {self.root}{request.path}")
        route, ids = found
        self._authenticate(route, request)
        if "id" in ids and not _UUID.fullmatch(ids["id"]):
            raise invalid(self.world, [Issue(("id",), "id must be a UUID", "Invalid UUID", "invalid_format")])
        if fault and fault.kind == "otherWriter":
            self.world.configuration = fault.edit(self.world.configuration)
        result = route.handler(self.world, request, ids)
        return result if isinstance(result, JsonAnswer) else JsonAnswer(result)

    def work(self) -> None:
        """Work off the queue."""
        scan.work_off(self.world, len(self.world.queue))

    def told(self, method: str, place: Sequence[str], body: Any) -> Any:
        """Change and see what the API does not allow, or not with this project's key."""
        told: Any = None
        match method, *place:
            case "PUT", "version":
                upgrade(self.world, **body)
            case "PUT", "configFile":
                self.world.config_file = body["inUse"]
            case "POST", "users":
                told = add_user(self.world, **body)
            case "POST", "keys":
                give_key(self.world, **body)
            case "DELETE", "keys", key:
                del self.world.keys[key]
            case "GET", "assets":
                told = list(self.world.assets.values())
            case "GET", ("configuration" | "libraries") as part:
                told = getattr(self.world, part)
            case "PUT", "configuration":
                self.world.configuration = body["config"]
            case "POST", "unlinked":
                told = scan.unlinked(self.world, **body)
            case _:
                told = super().told(method, place, body)
        return told

    def _authenticate(self, route: Route, request: Request) -> None:
        """Check in Immich's order: the key, the administrator, the permission (source: its auth.service.ts)."""
        if route.permission is None:
            return
        if not (given := request.headers.get("x-api-key")):
            raise refused(self.world, HTTPStatus.UNAUTHORIZED, "Authentication required")
        if (key := self.world.keys.get(given)) is None:
            raise refused(self.world, HTTPStatus.UNAUTHORIZED, "Invalid API key")
        if route.admin and not self.world.users[key["userId"]]["isAdmin"]:
            raise refused(self.world, HTTPStatus.FORBIDDEN, "Forbidden")
        if route.permission != ANY and not {route.permission, "all"} & set(key["permissions"]):
            raise refused(self.world, HTTPStatus.FORBIDDEN, f"Missing required permission: {route.permission}")
