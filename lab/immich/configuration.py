"""The server's configuration: one document, read and written whole."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from lab.immich import cron
from lab.immich.answers import Issue, invalid, refused
from lab.immich.routes import Route
from lab.immich.world import World, configuration
from lab.stand_in.answers import Json, Request
from lab.stand_in.routes import Ids

# What a document may lack (source: Immich's config.dto.ts).
_OPTIONAL = {"progressive"}
# How 2.x and 3.x say what a value has to be.
_WORDS: dict[type, tuple[str, str]] = {
    bool: ("must be a boolean value", "boolean"),
    int: ("must be an integer number", "int"),
    float: ("must be a number conforming to the specified constraints", "number"),
    str: ("must be a string", "string"),
    list: ("must be an array", "array"),
    dict: ("must be an object", "object"),
}


def _read(world: World, _: Request, __: Ids) -> Json:
    return world.configuration


def _write(world: World, request: Request, _: Ids) -> Json:
    """Take a whole document. What it lacks is refused, and what Immich does not know is dropped without a word."""
    form = configuration(world.version)
    if issues := list(_issues(request.body, form, ())):
        raise invalid(world, issues)
    if world.config_file:
        message = "Cannot update configuration while IMMICH_CONFIG_FILE is in use"
        raise refused(world, HTTPStatus.BAD_REQUEST, message)
    world.configuration = _known(request.body, form)
    return world.configuration


def _issues(given: Any, like: Any, path: tuple[str, ...]) -> Iterator[Issue]:
    """What is wrong with a value where the document as found has one `like` it; null is a number that may lack."""
    if (given is ... and path[-1] in _OPTIONAL) or (given is None and like is None):
        return
    like = 0 if like is None else like
    if not _fits(given, like):
        old, new = _WORDS[type(like)]
        told = f"Invalid input: expected {new}, received {'undefined' if given is ... else type(given).__name__}"
        yield Issue(path, f"{'.'.join(path)} {old}", told, "invalid_type")
    elif isinstance(like, dict):
        for key, value in like.items():
            yield from _issues(given.get(key, ...), value, (*path, key))
    elif path[-1] == "cronExpression" and not cron.valid(given):
        yield Issue(path, f"{'.'.join(path[:-1])}.Invalid cron expression", "Invalid cron expression")


def _fits(given: Any, like: Any) -> bool:
    if isinstance(like, bool) or not isinstance(like, int | float):
        return isinstance(given, type(like))
    # JSON has one kind of numbers: 3.0 is an integer.
    number = isinstance(given, int | float) and not isinstance(given, bool)
    return number and (isinstance(like, float) or given == int(given))


def _known(given: Any, like: Any) -> Any:
    if isinstance(like, dict):
        return {key: _known(given[key], value) for key, value in like.items() if key in given}
    return int(given) if isinstance(like, int) and not isinstance(like, bool) else given


def _routes(path: str, group: str, since: tuple[int, int] = (0, 0)) -> tuple[Route, ...]:
    return (
        Route("GET", path, _read, f"{group}.read", admin=True, since=since),
        Route("PUT", path, _write, f"{group}.update", admin=True, since=since),
    )


# The older one is deprecated since 3.2 and still served (source: Immich's system-config.controller.ts).
ROUTES = (*_routes("/system-config", "systemConfig"), *_routes("/admin/config", "adminConfig", since=(3, 2)))
