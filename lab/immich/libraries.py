"""External libraries."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from lab.immich import scan
from lab.immich.answers import Issue, invalid, refused
from lab.immich.routes import Route
from lab.immich.world import World, new_id, now
from lab.stand_in.answers import Json, JsonAnswer, Request
from lab.stand_in.routes import Ids

_MOST = 128
_NAME = "New External Library"
_EXCLUDED = ["**/@eaDir/**", "**/._*", "**/#recycle/**", "**/#snapshot/**", "**/.stversions/**", "**/.stfolder/**"]


def _list(world: World, _: Request, __: Ids) -> list[Json]:
    return [_shown(library) for library in sorted(world.libraries.values(), key=lambda one: one["createdAt"])]


def _one(world: World, _: Request, ids: Ids) -> Json:
    return _shown(_existing(world, ids))


def _create(world: World, request: Request, _: Ids) -> JsonAnswer:
    """Make one whose paths are not validated: only an update does."""
    given = request.body or {}
    _refuse_bad(world, given, owner=True)
    if given["ownerId"] not in world.users:
        # The database's word, which Immich does not translate.
        raise refused(world, HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error")
    library = {
        "id": new_id(),
        "ownerId": given["ownerId"],
        "name": given.get("name", _NAME),
        "importPaths": given.get("importPaths", []),
        "exclusionPatterns": given.get("exclusionPatterns", _EXCLUDED),
        "createdAt": now(),
        "updatedAt": now(),
        "refreshedAt": None,
    }
    world.libraries[library["id"]] = library
    return JsonAnswer(_shown(library), HTTPStatus.CREATED)


def _update(world: World, request: Request, ids: Ids) -> Json:
    given = request.body or {}
    _refuse_bad(world, given, owner=False)
    library = _existing(world, ids)
    for path in given.get("importPaths", []):
        if problem := scan.problem(world, path):
            raise refused(world, HTTPStatus.BAD_REQUEST, f"Invalid import path: {problem}")
    known = {key: given[key] for key in ("name", "importPaths", "exclusionPatterns") if key in given}
    library |= {**known, "updatedAt": now()}
    return _shown(library)


def _validate(world: World, request: Request, _: Ids) -> Json:
    """Look at import paths, whether or not the library has them, or is there (source: library.service.ts)."""
    given = request.body or {}
    _refuse_bad(world, given, owner=False)
    return {"importPaths": [_looked_at(world, path) for path in given.get("importPaths", [])]}


def _looked_at(world: World, path: str) -> Json:
    problem = scan.problem(world, path)
    return {"importPath": path, "isValid": not problem, **({"message": problem} if problem else {})}


def _delete(world: World, _: Request, ids: Ids) -> JsonAnswer:
    """Delete one, with all that people did to its assets; no file."""
    gone = _existing(world, ids)["id"]
    del world.libraries[gone]
    world.assets = {key: asset for key, asset in world.assets.items() if asset["libraryId"] != gone}
    return JsonAnswer(None, HTTPStatus.NO_CONTENT)


def _scan(world: World, _: Request, ids: Ids) -> JsonAnswer:
    world.queue.append(_existing(world, ids)["id"])
    return JsonAnswer(None, HTTPStatus.NO_CONTENT)


def _statistics(world: World, _: Request, ids: Ids) -> Json:
    """Count; until 3.0 what is in the trash as well (source: immich #28462), and never the videos of live photos."""
    if ids["id"] not in world.libraries:
        raise refused(world, HTTPStatus.BAD_REQUEST, f"Library {ids['id']} not found")
    every = [asset for asset in world.assets.values() if asset["libraryId"] == ids["id"]]
    counted = [asset for asset in every if not (world.since(3) and asset["isTrashed"])]
    usage = sum(asset["fileSizeInByte"] for asset in counted)
    kinds = [asset["type"] for asset in counted if asset.get("visibility") != "hidden"]
    return {"photos": kinds.count("IMAGE"), "videos": kinds.count("VIDEO"), "total": len(kinds), "usage": usage}


def _existing(world: World, ids: Ids) -> Json:
    if ids["id"] not in world.libraries:
        raise refused(world, HTTPStatus.BAD_REQUEST, "Library not found")
    return world.libraries[ids["id"]]


def _shown(library: Json) -> Json:
    """With a count that is no longer maintained (source: mapLibrary in Immich's library.dto.ts)."""
    return {**library, "assetCount": 0}


def _refuse_bad(world: World, given: Json, *, owner: bool) -> None:
    issues = [
        issue for key in ("importPaths", "exclusionPatterns") if key in given for issue in _list_issues(key, given)
    ]
    if given.get("name") == "":
        told = "Too small: expected string to have >=1 characters"
        issues.append(Issue(("name",), "name should not be empty", told, "too_small"))
    if owner and not isinstance(given.get("ownerId"), str):
        told = "Invalid input: expected string, received undefined"
        issues.append(Issue(("ownerId",), "ownerId must be a UUID", told, "invalid_type"))
    if issues:
        raise invalid(world, issues)


def _list_issues(key: str, given: Json) -> Iterator[Issue]:
    values: list[Any] = given[key]
    if len(set(values)) != len(values):
        yield Issue((key,), f"All {key}'s elements must be unique", "Array must have unique items")
    if "" in values:
        yield Issue((key,), f"each value in {key} should not be empty", "Array items must not be empty")
    if len(values) > _MOST:
        old = f"{key} must contain no more than {_MOST} elements"
        yield Issue((key,), old, f"Too big: expected array to have <={_MOST} items", "too_big")


def _route(method: str, path: str, handler: Any, permission: str) -> Route:
    return Route(method, f"/libraries{path}", handler, f"library.{permission}", admin=True)


ROUTES = (
    _route("GET", "", _list, "read"),
    _route("POST", "", _create, "create"),
    _route("GET", "/{id}", _one, "read"),
    _route("PUT", "/{id}", _update, "update"),
    _route("DELETE", "/{id}", _delete, "delete"),
    _route("POST", "/{id}/scan", _scan, "update"),
    # No single permission is for it.
    Route("POST", "/libraries/{id}/validate", _validate, "all", admin=True),
    _route("GET", "/{id}/statistics", _statistics, "statistics"),
)
