"""What a stand-in is asked, and how it answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A request; `path` is below the API's root, the names of `headers` are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


class Answer(Protocol):
    """What goes back; JSON unless `headers` say otherwise."""

    @property
    def status(self) -> int: ...  # noqa: D102 - said by its name
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102
    def content(self) -> bytes:
        """The body, as sent."""


@dataclass(frozen=True)
class JsonAnswer:
    """A value as it is, with nothing around it; None is no body where the status says that there is none."""

    value: Any
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """The body, as sent."""
        return b"" if self.status == HTTPStatus.NO_CONTENT else json.dumps(self.value).encode()


class RefusedError(Exception):
    """The API says no, with `answer`."""

    def __init__(self, why: str, answer: Answer) -> None:
        super().__init__(why)
        self.answer = answer


class LostAnswerError(Exception):
    """The request was carried out, and its answer is lost."""
