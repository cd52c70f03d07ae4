"""How Immich's API says no."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from lab.immich.world import World
from lab.stand_in.answers import Json, JsonAnswer, RefusedError


@dataclass(frozen=True)
class Issue:
    """What is wrong with one field of a request, as 2.x (class-validator) and 3.x (zod) report it."""

    path: tuple[str, ...]
    old: str
    new: str
    code: str = "custom"

    def shown(self) -> Json:
        """As 3.x lists it."""
        return {"code": self.code, "path": list(self.path), "message": self.new}


def refused(world: World, status: HTTPStatus, message: str) -> RefusedError:
    """Say no, with one sentence."""
    return _refused(world, status, message)


def invalid(world: World, issues: Iterable[Issue]) -> RefusedError:
    """Say that a request is not of the form of its DTO."""
    every = list(issues)
    if world.since(3):
        return _refused(world, HTTPStatus.BAD_REQUEST, "Validation failed", errors=[issue.shown() for issue in every])
    return _refused(world, HTTPStatus.BAD_REQUEST, [issue.old for issue in every])


def _refused(world: World, status: HTTPStatus, message: str | list[str], **more: Any) -> RefusedError:
    """Since 3.x the body leaves out what the response line says (source: Immich's global exception filter)."""
    correlation = secrets.token_hex(4)
    body = {"message": message, **more}
    if not world.since(3):
        body |= {"error": status.phrase, "statusCode": status, "correlationId": correlation}
    return RefusedError(f"{status}: {message}", JsonAnswer(body, status, {"x-immich-cid": correlation}))
