"""What goes wrong on purpose: each fault is for the next request that it fits, and used once."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from lab.stand_in.answers import Request


@dataclass(frozen=True)
class Fault:
    """Kinds are each API's own; of `timeOut`, which they share, the answer is lost after the request was carried out.

    `path` is a pattern as in a shell, below the API's root. `edit` is what another writer makes of a document just
    before ours is written.
    """

    kind: str
    method: str = "*"
    path: str = "*"
    edit: Callable[[Any], Any] = lambda document: document

    def fits(self, request: Request) -> bool:
        """Whether it is for this request."""
        return fnmatchcase(request.method, self.method) and fnmatchcase(request.path, self.path)
