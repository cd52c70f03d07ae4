"""cvws.icloud-content.com: the files themselves, from any byte on. Their addresses are enough: no cookie is asked."""

import re
from http import HTTPStatus

from lab.apple.answers import File, no
from lab.apple.api import Api
from lab.apple.faults import hanging, stopped
from lab.stand_in.answers import Request
from lab.stand_in.routes import Ids, Route


def _file(apple: Api, request: Request, ids: Ids) -> File:
    libraries = ((apple.world.library(name).files, account) for name, account in apple.world.accounts.items())
    version, account = next(((files[ids["key"]], one) for files, one in libraries if ids["key"] in files), (None, None))
    if version is None or account is None:
        raise no(HTTPStatus.NOT_FOUND)
    found = _from(version.content, request.headers.get("range", ""))
    if not (unsteady := account["unsteady"]):
        return found
    if apple.downloads(unsteady["seed"]) == unsteady.get("hangs"):
        apple.hanging = True
        return hanging(found)
    chance = apple.chance(unsteady["seed"])
    if chance < unsteady.get("cut", 0):
        return stopped(found, rudely=False)
    return stopped(found, rudely=True) if chance > 1 - unsteady.get("dropped", 0) else found


def _from(content: bytes, wanted: str) -> File:
    """Answer a range that goes to the end, as clients ask for to go on where they were: some say where that is."""
    start = int(found[1]) if (found := re.fullmatch(rf"bytes=(\d+)-({len(content) - 1})?", wanted)) else 0
    if start == 0:
        return File(content)
    if start >= len(content):
        raise no(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}",
    }
    return File(content[start:], HTTPStatus.PARTIAL_CONTENT, headers)


ROUTES = (Route("GET", "/cvws.icloud-content.com/B/{key}/{name}", _file),)
