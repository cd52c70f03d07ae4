"""Apple itself: finds the host and the route of a request, lets happen what should go wrong, and answers."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from lab.apple import world
from lab.apple.answers import WEB, no
from lab.apple.faults import Fault
from lab.apple.world import World
from lab.stand_in import api, routes
from lab.stand_in.answers import Answer, Json, Request
from lab.stand_in.routes import Route

if TYPE_CHECKING:
    from lab.apple.srp import Challenge


class Api(api.Api[World, Fault]):
    """All of Apple's hosts: a request's path begins with its host. Those of mainland China are the same ones.

    Attributes:
        challenges: sign-ins that wait for their proof.
        verified: sessions whose second factor was right.
        hanging: whether a download has stopped half-way and waits for its client to end.

    """

    root: ClassVar = ""
    fault = Fault

    def __init__(self, found: World, hosts: Sequence[Route]) -> None:
        """No sign-in is in progress; `hosts` are the routes of all hosts."""
        super().__init__(found)
        self._hosts = hosts
        self.challenges: dict[str, tuple[str, Challenge]] = {}
        self.verified: set[str] = set()
        self.hanging = False
        self._chances: dict[int, random.Random] = {}
        self._downloads = Counter[int]()

    def carry_out(self, request: Request, fault: Fault | None) -> Answer:
        """Do what is asked, with `fault` where that is not None. Raises RefusedError."""
        if fault:
            fault.strike()
        matched = routes.find(self._hosts, request)
        if matched is None:
            raise no(HTTPStatus.NOT_FOUND)
        route, ids = matched
        answer: Answer = route.handler(self, request, ids)
        return fault.spoil(answer) if fault else answer

    def signing_in(self, request: Request) -> str:
        """Return the account whose sign-in is in progress. Raises RefusedError where there is none."""
        name = self.world.sign_ins.get(request.headers.get("x-apple-id-session-id", ""))
        if name is None:
            raise no(HTTPStatus.UNAUTHORIZED)
        return name

    def web_session(self, request: Request) -> Json | None:
        """Return the session of a request's cookie, if it is a good one."""
        found = re.search(rf'{WEB}="?v=2:t=([^";]+)', request.headers.get("cookie", ""))
        return self.world.web.get(found[1]) if found else None

    def chance(self, seed: int) -> float:
        """Return the next number of a sequence that a test has chosen."""
        return self._chances.setdefault(seed, random.Random(seed)).random()  # noqa: S311 (nothing secret)

    def downloads(self, seed: int) -> int:
        """Count one more download of a sequence that a test has chosen."""
        self._downloads[seed] += 1
        return self._downloads[seed]

    def told(self, method: str, place: Sequence[str], body: Any) -> Any:
        """Do what a test tells the rehearsal beside the API; returns what there is to say.

        Raises:
            KeyError: the rehearsal has no such thing.
        """
        match method, *place:
            case "PUT", "accounts", name:
                # With what it was not told before; what it was, it keeps.
                self.hanging = False
                self.world.accounts[name] = world.account(**{**self.world.accounts.get(name, {}), **body})
                return None
            case "GET", "hanging":
                return self.hanging
            case "DELETE", "sessions", name:
                self.world.sign_out(name)
                return None
            case "DELETE", "web", name:
                self.world.leave_web(name)
                return None
        return super().told(method, place, body)
