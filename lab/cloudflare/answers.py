"""How Cloudflare's API answers: the envelope, refusals, pages."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from lab.stand_in.answers import Json, RefusedError

# Order is not kept: who asks for more than one thing counts them. One filter matches the same by any and by all.
_PAGING = {"page", "per_page", "order", "direction", "match", "tag_match"}


@dataclass(frozen=True)
class Answer:
    """An answer: the envelope is the same for all that the API says."""

    result: Any
    status: int = HTTPStatus.OK
    result_info: Json | None = None
    errors: tuple[Json, ...] = ()
    messages: tuple[Json, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """The envelope, as sent."""
        envelope = {
            "success": not self.errors,
            "errors": self.errors,
            "messages": self.messages,
            "result": self.result,
            **({"result_info": self.result_info} if self.result_info else {}),
        }
        return json.dumps(envelope).encode()


def refused(
    status: int,
    code: int,
    message: str,
    *,
    chain: Iterable[Json] = (),
    headers: Mapping[str, str] | None = None,
) -> RefusedError:
    """Refuse with a status, a code of Cloudflare's and its message; `chain` is its `error_chain`."""
    error = {"code": code, "message": message, **({"error_chain": list(chain)} if chain else {})}
    return RefusedError(f"{code}: {message}", Answer(None, status, errors=(error,), headers=headers or {}))


def listed(things: Iterable[Json], query: Mapping[str, str], filters: Mapping[str, str]) -> Answer:
    """Answer with a page of those that match the query; `filters` says which field each of its parameters speaks of.

    Raises:
        RefusedError: a parameter that the stand-in does not know; ignored, it would answer with too much.
    """
    asked = {key: value for key, value in query.items() if key not in _PAGING}
    if unknown := asked.keys() - filters.keys():
        raise unsupported(f"the query parameter {min(unknown)!r}")
    found = [one for one in things if all(_text(one[filters[key]]) == value for key, value in asked.items())]
    number, size = (int(float(query.get(key, default))) for key, default in (("page", 1), ("per_page", 20)))
    part = found[(number - 1) * size : number * size]
    pages = -(-len(found) // size)
    info = {"page": number, "per_page": size, "count": len(part), "total_count": len(found), "total_pages": pages}
    return Answer(part, result_info=info)


def unsupported(what: str) -> RefusedError:
    """Say that the stand-in lacks something that the real API has."""
    return refused(HTTPStatus.NOT_IMPLEMENTED, 0, f"the rehearsal's stand-in of Cloudflare does not know {what}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
