"""The photos' database at CloudKit: zones, albums, how many there are, and pages of records."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from lab.apple import records
from lab.apple.answers import Answer, cloudkit_error, no
from lab.apple.api import Api
from lab.apple.library import PRIMARY, Asset
from lab.apple.setup import PHOTOS
from lab.stand_in.answers import Json, Request
from lab.stand_in.routes import Ids, Route

_ROOT: Final = f"/{PHOTOS}/database/1/com.apple.photos.cloud/production/{{database}}"

# By the name of the list, and by the one of its index: which assets are in it.
_LISTS: Final[Mapping[str, Callable[[Asset], bool]]] = {
    "WithoutHiddenOrDeleted": lambda one: not one.hidden and not one.deleted,
    "Deleted": lambda one: one.deleted,
    "Hidden": lambda one: one.hidden and not one.deleted,
    "FAVORITE": lambda one: one.favourite,
    "VIDEO": lambda one: one.is_movie,
    "LIVE": lambda one: "resOriginalVidCompl" in one.of_master,
}
_BY_LIST: Final = {
    "CPLAssetAndMasterByAssetDateWithoutHiddenOrDeleted": "WithoutHiddenOrDeleted",
    "CPLAssetAndMasterDeletedByExpungedDate": "Deleted",
    "CPLAssetAndMasterHiddenByAssetDate": "Hidden",
}
_BY_INDEX: Final = {
    "CPLAssetByAssetDateWithoutHiddenOrDeleted": "WithoutHiddenOrDeleted",
    "CPLAssetDeletedByExpungedDate": "Deleted",
    "CPLAssetHiddenByAssetDate": "Hidden",
    "CPLAssetInSmartAlbumByAssetDate:Favorite": "FAVORITE",
    "CPLAssetInSmartAlbumByAssetDate:Video": "VIDEO",
    "CPLAssetInSmartAlbumByAssetDate:Live": "LIVE",
}
_OF_ALBUM: Final = "CPLContainerRelationNotDeletedByAssetDate:"


def _zones(apple: Api, request: Request, ids: Ids) -> Answer:
    name = _owner(apple, request)
    own = ids["database"] == "private"
    zones = [zone for zone in apple.world.library(name).zones() if (zone == PRIMARY) == own]
    return Answer(
        {
            "moreComing": False,
            "syncToken": apple.world.state(name),
            "zones": [{"zoneID": records.zone(z)} for z in zones],
        }
    )


def _changes(apple: Api, request: Request, _: Ids) -> Answer:
    """Answer that nothing has changed. Where something has, the token is refused as one that has run out."""
    name = _owner(apple, request)
    state = apple.world.state(name)
    zones = []
    for one in request.body["zones"]:
        zone = _zone(apple, name, one)
        if one.get("syncToken") != state:
            raise cloudkit_error(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", "change token expired")
        zones.append({"zoneID": records.zone(zone), "records": [], "syncToken": state, "moreComing": False})
    return Answer({"zones": zones})


def _count(apple: Api, request: Request, _: Ids) -> Answer:
    name = _owner(apple, request)
    state = apple.world.state(name)
    return Answer(
        {"batch": [{"records": [_counted(apple, name, one)], "syncToken": state} for one in request.body["batch"]]}
    )


def _counted(apple: Api, name: str, body: Json) -> Json:
    (index,) = body["query"]["filterBy"]["fieldValue"]["value"]
    return records.count(index, len(_of_index(apple, name, _zone(apple, name, body), index)))


def _query(apple: Api, request: Request, _: Ids) -> Answer:
    name = _owner(apple, request)
    zone = _zone(apple, name, request.body)
    kind = request.body["query"]["recordType"]
    if kind == "CheckIndexingState":
        found = [records.indexing(finished=not apple.world.accounts[name]["indexing"])]
    elif kind == "CPLAlbumByPositionLive":
        albums = apple.world.library(name).albums() if zone == PRIMARY else []
        found = [records.album(title, place) for place, title in enumerate(albums)]
    elif kind == "HyperionIndexCountLookup":
        found = [_counted(apple, name, request.body)]
    else:
        found = list(_page(apple, name, zone, request.body))
    return Answer({"records": found, "syncToken": apple.world.state(name)})


def _lookup(apple: Api, request: Request, _: Ids) -> Answer:
    name = _owner(apple, request)
    zone = _zone(apple, name, request.body)
    found = []
    for wanted in (one["recordName"] for one in request.body["records"]):
        asset = apple.world.library(name).by_record.get(wanted)
        if asset is None or asset.zone != zone:
            raise cloudkit_error(HTTPStatus.NOT_FOUND, "NOT_FOUND", f"Record '{wanted}' not found")
        found.append(records.master(asset) if wanted == asset.master else records.asset(asset))
    return Answer({"records": found, "syncToken": apple.world.state(name)})


def _page(apple: Api, name: str, zone: str, body: Json) -> Iterator[Json]:
    filters = {one["fieldName"]: one["fieldValue"]["value"] for one in body["query"].get("filterBy", [])}
    rank, limit = filters.get("startRank", 0), max(body.get("resultsLimit", 200) // 2, 1)
    found = _of_list(apple, name, zone, body["query"]["recordType"], filters)
    if filters.get("direction") == "DESCENDING":
        found = found[: rank + 1][::-1]
        rank = 0
    if (end := apple.world.accounts[name]["listingEndsAfter"]) is not None:
        found = found[:end]
    page = found[rank : rank + limit]
    # A master is named once in a page, whatever is made of it.
    for master in {one.master: one for one in page}.values():
        yield records.master(master)
    for one in page:
        yield records.asset(one)


def _of_list(apple: Api, name: str, zone: str, kind: str, filters: Json) -> Sequence[Asset]:
    if album := filters.get("parentId"):
        return _in_album(apple, name, zone, album)
    return _chosen(apple, name, zone, filters.get("smartAlbum") or _BY_LIST.get(kind))


def _of_index(apple: Api, name: str, zone: str, index: str) -> Sequence[Asset]:
    if index.startswith(_OF_ALBUM):
        return _in_album(apple, name, zone, index.removeprefix(_OF_ALBUM))
    return _chosen(apple, name, zone, _BY_INDEX.get(index))


def _in_album(apple: Api, name: str, zone: str, album: str) -> Sequence[Asset]:
    there = _chosen(apple, name, zone, "WithoutHiddenOrDeleted")
    return [one for one in there if album in map(records.album_id, one.albums)]


def _chosen(apple: Api, name: str, zone: str, which: str | None) -> Sequence[Asset]:
    if (fits := _LISTS.get(which or "")) is None:  # a kind of list that this household has nothing in
        return []
    return [one for one in apple.world.library(name).assets if one.zone == zone and fits(one)]


def _owner(apple: Api, request: Request) -> str:
    """Return whose database it is. Raises RefusedError where CloudKit does not open it."""
    session = apple.web_session(request)
    if session is None or not session["trusted"]:
        raise no(HTTPStatus.MISDIRECTED_REQUEST, {"reason": "Missing X-APPLE-WEBAUTH-TOKEN cookie"})
    name: str = session["appleId"]
    account = apple.world.accounts[name]
    if account["busy"]:
        raise no(HTTPStatus.SERVICE_UNAVAILABLE)
    if account["advancedProtection"]:
        raise cloudkit_error(HTTPStatus.FORBIDDEN, "ACCESS_DENIED", "private db access disabled for this account")
    if account["securityKey"]:
        raise cloudkit_error(HTTPStatus.UNAUTHORIZED, "AUTHENTICATION_FAILED", "no auth method found")
    return name


def _zone(apple: Api, name: str, body: Any) -> str:
    zone: str = body["zoneID"]["zoneName"]
    if apple.world.accounts[name]["zoneMissing"] or zone not in apple.world.library(name).zones():
        raise cloudkit_error(HTTPStatus.NOT_FOUND, "ZONE_NOT_FOUND", f"Zone '{zone}' does not exist")
    return zone


ROUTES = (
    Route("POST", f"{_ROOT}/zones/list", _zones),
    Route("POST", f"{_ROOT}/changes/database", _zones),
    Route("POST", f"{_ROOT}/changes/zone", _changes),
    Route("POST", f"{_ROOT}/records/lookup", _lookup),
    Route("POST", f"{_ROOT}/internal/records/query/batch", _count),
    Route("POST", f"{_ROOT}/records/query", _query),
)
