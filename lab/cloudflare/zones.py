"""Zones and their DNS records."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from lab.cloudflare.answers import Answer, listed, refused, unsupported
from lab.cloudflare.routes import Route
from lab.cloudflare.world import World, new_id, now
from lab.stand_in.answers import Json, Request
from lab.stand_in.routes import Ids
from text.hostname import normal

_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]*[a-z]")
_PROXIABLE = {"A", "AAAA", "CNAME"}
# An unproxied record's on the plans below Enterprise (source: the API's documentation of `ttl`).
_TTL = range(60, 86401)
_ZONE_FILTERS = {"name": "found", "status": "status"}
_FILTERS = {
    "name": "name",
    "name.exact": "name",
    "type": "type",
    "content": "content",
    "content.exact": "content",
    "comment.exact": "comment",
    "proxied": "proxied",
}


def _zones(world: World, request: Request, _: Ids) -> Answer:
    """A zone is found by its name in either spelling, and told in its own."""
    query = {key: normal(value) if key == "name" else value for key, value in request.query.items()}
    told = listed([{**zone, "found": normal(zone["name"])} for zone in world.zones.values()], query, _ZONE_FILTERS)
    for zone in told.result:
        del zone["found"]
    return told


def _certificate_packs(world: World, request: Request, ids: Ids) -> Answer:
    """The one that every zone has, and what it has beside."""
    zone = world.zones[ids["zone_id"]]
    name = normal(zone["name"])
    universal = {"id": zone["id"], "type": "universal", "status": "active", "hosts": [name, f"*.{name}"]}
    return listed([universal, *zone.get("certificates", [])], request.query, {})


def _custom_certificates(_: World, request: Request, __: Ids) -> Answer:
    return listed([], request.query, {})


def _zone(world: World, _: Request, ids: Ids) -> Json:
    return world.zones[ids["zone_id"]]


def _records(world: World, request: Request, ids: Ids) -> Answer:
    return listed(world.records[ids["zone_id"]].values(), request.query, _FILTERS)


def _record(world: World, _: Request, ids: Ids) -> Json:
    try:
        return world.records[ids["zone_id"]][ids["record_id"]]
    except KeyError:
        raise refused(404, 81044, "Record does not exist.") from None


def _create(world: World, request: Request, ids: Ids) -> Json:
    moment = now()
    return _store(world, ids, {"id": new_id(), "created_on": moment, "modified_on": moment}, request.body)


def _replace(world: World, request: Request, ids: Ids) -> Json:
    old = _record(world, request, ids)
    return _store(world, ids, {"id": old["id"], "created_on": old["created_on"], "modified_on": now()}, request.body)


def _edit(world: World, request: Request, ids: Ids) -> Json:
    old = _record(world, request, ids)
    # Settings are a type's own.
    settings = old["settings"] if request.body.get("type", old["type"]) == old["type"] else {}
    return _store(world, ids, {**old, "modified_on": now()}, {**old, "settings": settings, **request.body})


def _delete(world: World, request: Request, ids: Ids) -> Json:
    return {"id": world.records[ids["zone_id"]].pop(_record(world, request, ids)["id"])["id"]}


def _store(world: World, ids: Ids, own: Json, given: Json) -> Json:
    kind, proxied = given.get("type", "A"), given.get("proxied", False)
    settings = {"flatten_cname": False} if kind == "CNAME" else {}
    record = {
        "id": own["id"],
        "name": _full_name(world.zones[ids["zone_id"]]["name"], given.get("name", "")),
        "type": kind,
        "content": _content(kind, given.get("content", "")),
        "proxiable": kind in _PROXIABLE,
        "proxied": proxied,
        "ttl": _ttl(given.get("ttl", 1), proxied=proxied),
        "settings": {**settings, **(given.get("settings") or {})},
        "meta": {},
        "comment": given.get("comment"),
        "tags": given.get("tags") or [],
        "created_on": own["created_on"],
        "modified_on": own["modified_on"],
    }
    if record["comment"]:
        record["comment_modified_on"] = own["modified_on"]
    if proxied and not record["proxiable"]:
        raise refused(400, 9004, "This record type cannot be proxied.")
    records = world.records[ids["zone_id"]]
    _refuse_beyond_plan(world.zones[ids["zone_id"]], record, len(records.keys() | {record["id"]}))
    _refuse_conflicts(record, [other for other in records.values() if other["id"] != record["id"]])
    records[record["id"]] = record
    return record


def _full_name(zone: str, given: str) -> str:
    """Complete a name as the API does: it appends the zone's name to one that does not end in it."""
    name, zone = normal(given), normal(zone)
    full = zone if name in {"@", zone} else name if name.endswith(f".{zone}") else f"{name}.{zone}"
    if not _NAME.fullmatch(full):
        raise refused(400, 9000, "DNS name is invalid.")
    return full


def _content(kind: str, content: str) -> str:
    try:
        match kind:
            case "A":
                return str(IPv4Address(content))
            case "AAAA":
                return str(IPv6Address(content))
    except AddressValueError:
        code, version = (9005, 4) if kind == "A" else (9006, 6)
        raise refused(400, code, f"Content for {kind} record must be a valid IPv{version} address.") from None
    if kind == "TXT":
        return content
    if kind not in {"CNAME", "NS"}:
        raise unsupported(f"records of type {kind}")
    if not _NAME.fullmatch(normal(content)):
        raise refused(400, 9007, f"Content for {kind} record is invalid.")
    return normal(content)


def _ttl(given: Any, *, proxied: bool) -> Any:
    """1, "automatic", whatever was asked for, when proxied (as reported: terraform-provider-cloudflare #126)."""
    if proxied or given == 1:
        return 1
    if given not in _TTL:
        raise refused(400, 9021, f"TTL must be between {_TTL[0]} and {_TTL[-1]} seconds, or 1 for Automatic.")
    return int(given)


def _refuse_beyond_plan(zone: Json, record: Json, count: int) -> None:
    """Refuse what the plan has no room for.

    Source: Cloudflare's documentation of record attributes and of its limits for zones made before September 2024; as
    reported, cloudflare-tunnel-ingress-controller #168 (9313) and external-dns #3706 (1004 with 9300).
    """
    free = zone["plan"]["legacy_id"] == "free"
    longest, tags, most = (100, 0, 1000) if free else (500, 20, 3500)
    if len(record["comment"] or "") > longest:
        raise refused(400, 9313, f"DNS record comment exceeds the maximum length of {longest} characters.")
    if len(record["tags"]) > tags:
        said = f"DNS record has {len(record['tags'])} tags, exceeding the quota of {tags}."
        raise refused(400, 1004, "DNS Validation Error", chain=[{"code": 9300, "message": said}])
    if count > most:
        raise refused(400, 81045, "Record quota exceeded.")


def _refuse_conflicts(record: Json, others: list[Json]) -> None:
    """A host has one CNAME, or any number of addresses, each once, or NS records (as reported: 81053 to 81058)."""
    here = [other for other in others if other["name"] == record["name"]]
    if record["type"] in _PROXIABLE and any(other["type"] == "NS" for other in here):
        raise refused(400, 81056, "NS records with that host already exist.")
    if record["type"] == "NS" and any(other["type"] in _PROXIABLE for other in here):
        raise refused(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
    if record["type"] == "CNAME" and any(other["type"] in _PROXIABLE for other in here):
        raise refused(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
    if any(other["type"] == "CNAME" for other in here):
        raise refused(400, 81054, "A CNAME record with that host already exists.")
    if any((other["type"], other["content"]) == (record["type"], record["content"]) for other in here):
        raise refused(400, 81058, "An identical record already exists.")


ROUTES = (
    Route("GET", "/zones", _zones, of=("Zone",), older=True),
    # Reading one zone comes with many permissions on it (source: "Accepted Permissions" in its documentation).
    Route("GET", "/zones/{zone_id}", _zone, of=("Zone", "DNS"), older=True),
    Route("GET", "/zones/{zone_id}/ssl/certificate_packs", _certificate_packs, of=("SSL and Certificates",)),
    Route("GET", "/zones/{zone_id}/custom_certificates", _custom_certificates, of=("SSL and Certificates",)),
    Route("GET", "/zones/{zone_id}/dns_records", _records, of=("DNS",)),
    Route("POST", "/zones/{zone_id}/dns_records", _create, of=("DNS",)),
    Route("GET", "/zones/{zone_id}/dns_records/{record_id}", _record, of=("DNS",)),
    Route("PUT", "/zones/{zone_id}/dns_records/{record_id}", _replace, of=("DNS",)),
    Route("PATCH", "/zones/{zone_id}/dns_records/{record_id}", _edit, of=("DNS",)),
    Route("DELETE", "/zones/{zone_id}/dns_records/{record_id}", _delete, of=("DNS",)),
)
