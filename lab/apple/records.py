"""Assets as CloudKit's records, of the shape that clients parse (source: recorded answers in icloudpd's own tests)."""

import base64
from typing import Any

from lab.apple.library import Asset, Version
from lab.stand_in.answers import Json


def master(asset: Asset) -> Json:
    """Build the record of what was taken."""
    fields: Json = {
        "filenameEnc": _field(_encoded(asset.name), "ENCRYPTED_BYTES"),
        "itemType": _field(asset.of_master["resOriginal"].type),
        "originalOrientation": _field(1, "INT64"),
    }
    for prefix, version in asset.of_master.items():
        fields |= _resource(prefix, version)
    return _record("CPLMaster", asset.master, asset, fields)


def asset(one: Asset) -> Json:
    """Build the record of its place in the library, with what was made of it there."""
    taken = int(one.taken.timestamp() * 1000)
    fields: Json = {
        "masterRef": _field({"recordName": one.master, "action": "DELETE_SELF", "zoneID": zone(one.zone)}, "REFERENCE"),
        "assetDate": _field(taken, "TIMESTAMP"),
        "addedDate": _field(taken, "TIMESTAMP"),
        "isHidden": _field(int(one.hidden), "INT64"),
        "isDeleted": _field(int(one.deleted), "INT64"),
        "isFavorite": _field(int(one.favourite), "INT64"),
        "orientation": _field(1, "INT64"),
    }
    if one.of_asset:
        fields["adjustmentType"] = _field("com.apple.photo")
    for prefix, version in one.of_asset.items():
        fields |= _resource(prefix, version)
    return _record("CPLAsset", one.id, one, fields)


def album(title: str, position: int) -> Json:
    """Build the record of an album."""
    fields = {
        "albumNameEnc": _field(_encoded(title), "ENCRYPTED_BYTES"),
        "albumType": _field(0, "INT64"),
        "position": _field(position, "INT64"),
    }
    return {"recordName": album_id(title), "recordType": "CPLAlbum", "fields": fields, "recordChangeTag": "1"}


def album_id(title: str) -> str:
    """Name an album's record."""
    return f"album-{_encoded(title)}"


def indexing(*, finished: bool) -> Json:
    """Build what `CheckIndexingState` finds."""
    state, progress = ("FINISHED", 100) if finished else ("RUNNING", 12)
    fields = {"progress": _field(progress, "INT64"), "state": _field(state)}
    return {"recordName": "_indexing", "recordType": "CheckIndexingState", "fields": fields}


def count(index: str, number: int) -> Json:
    """Build what `HyperionIndexCountLookup` finds of an index."""
    return {"recordName": index, "recordType": "IndexCountResult", "fields": {"itemCount": _field(number, "INT64")}}


def zone(name: str) -> Json:
    """Build a zone's id."""
    return {"zoneName": name, "ownerRecordName": "_household", "zoneType": "REGULAR_CUSTOM_ZONE"}


def _resource(prefix: str, version: Version) -> Json:
    checksum = base64.b64encode(version.checksum).decode()
    value = {
        "fileChecksum": checksum,
        "referenceChecksum": checksum,
        "size": len(version.content) if version.announced is None else version.announced,
        "wrappingKey": "AAAAAAAAAAAAAAAAAAAAAA==",
        "downloadURL": f"https://cvws.icloud-content.com/B/{version.key}/${{f}}?o=A&v=1&x=3&a=B",
    }
    return {
        f"{prefix}Res": _field(value, "ASSETID"),
        f"{prefix}FileType": _field(version.type),
        f"{prefix}Fingerprint": _field(checksum),
        f"{prefix}Width": _field(1, "INT64"),
        f"{prefix}Height": _field(1, "INT64"),
    }


def _record(kind: str, name: str, one: Asset, fields: Json) -> Json:
    return {
        "recordName": name,
        "recordType": kind,
        "fields": fields,
        "recordChangeTag": "1",
        "deleted": False,
        "zoneID": zone(one.zone),
    }


def _field(value: Any, kind: str = "STRING") -> Json:
    return {"value": value, "type": kind}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
