"""Assets as a search finds them: those of who asks, a page at a time (source: Immich's search.service.ts)."""

import base64
import hashlib
import posixpath
from typing import Any, Final

from lab.immich.routes import Route
from lab.immich.users import asking
from lab.immich.world import World
from lab.stand_in.answers import Json, Request
from lab.stand_in.routes import Ids

_SIZE: Final = 250
_TAKEN: Final = "2026-01-01T12:00:00.000Z"


def _search(world: World, request: Request, _: Ids) -> Json:
    """Find by library only. Nothing is left out but the trash, unless it is asked for, too."""
    wanted = request.body or {}
    page, size = wanted.get("page", 1), wanted.get("size", _SIZE)
    me = asking(world, request)["id"]
    every = [asset for asset in world.assets.values() if asset["ownerId"] == me]
    chosen = [asset for asset in every if wanted.get("libraryId") in {None, asset["libraryId"]}]
    kept = [asset for asset in chosen if wanted.get("withDeleted") or not asset["isTrashed"]]
    found = kept[(page - 1) * size : page * size]
    more = str(page + 1) if len(kept) > page * size else None
    counted = {"total": len(found), "count": len(found), "facets": []}
    since_3_2 = {"nextCursor": None} if world.since(3, 2) else {}
    items = [_shown(world, asset) for asset in found]
    none = {"total": 0, "count": 0, "facets": [], "items": []}
    return {"albums": none, "assets": {**counted, "items": items, "nextPage": more, **since_3_2}}


def _shown(world: World, asset: Json) -> Json:
    times = dict.fromkeys(("createdAt", "updatedAt", "fileCreatedAt", "fileModifiedAt", "localDateTime"), _TAKEN)
    checksum = base64.b64encode(hashlib.sha1(asset["originalPath"].encode(), usedforsecurity=False).digest()).decode()
    name = posixpath.basename(asset["originalPath"])
    by_version: Json = (
        {"duration": None, "height": None, "width": None, "isEdited": False}
        if world.since(3)
        else {"duration": "0:00:00.00000", "deviceAssetId": name, "deviceId": "Library Import"}
    )
    shown: dict[str, Any] = {key: value for key, value in asset.items() if key != "fileSizeInByte"}
    flags = {"isArchived": False, "isFavorite": False, "hasMetadata": True, "thumbhash": None, "visibility": "timeline"}
    return {**times, "checksum": checksum, "originalFileName": name, **flags, **by_version, **shown}


ROUTES = (Route("POST", "/search/metadata", _search, "asset.read"),)
