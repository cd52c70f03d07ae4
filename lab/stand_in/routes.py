"""Routes: which requests are for whom."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from lab.stand_in.answers import Request

Ids = Mapping[str, str]


@dataclass(frozen=True)
class Route:
    """`path` is as documented, its ids in braces; `handler` takes the world, the request and those ids."""

    method: str
    path: str
    handler: Callable[[Any, Request, Ids], Any]

    def ids(self, request: Request) -> Ids | None:
        """The ids in the request's path; None when it is for another route."""
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.path)
        matched = re.fullmatch(pattern, request.path) if request.method == self.method else None
        return matched.groupdict() if matched else None


R = TypeVar("R", bound=Route)


def find(routes: Iterable[R], request: Request) -> tuple[R, Ids] | None:
    """Find the first route that the request is for, and the ids in its path."""
    return next(((route, ids) for route in routes if (ids := route.ids(request)) is not None), None)
