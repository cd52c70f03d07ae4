"""What an API server refuses, or leaves without an answer, as sentences for the user."""

from collections.abc import Callable
from http import HTTPStatus
from http.client import responses
from typing import Literal, TypeVar

from kubernetes import client
from pydantic import BaseModel, ValidationError

from clients import retry
from clients.retry import TransientError
from text.visible import VisibleError

T = TypeVar("T")

# What an API server answers, in plain text, where it serves no such kind.
_NO_SUCH_PATH = "404 page not found"


class ClusterError(VisibleError):
    """The API server refused or could not be asked. `str()` is one sentence for the user."""


class UnreachableError(ClusterError, TransientError):
    """No API server gave an answer: there is none, it is busy or failing, or what answers can't be read."""


class ClusterRefusedError(ClusterError):
    """The API server answered, and said no: the same request will be refused again.

    Attributes:
        status: the HTTP status code.
        conflicts: the field managers that hold what was to be applied; empty unless `status` is 409.

    """

    def __init__(self, status: int, message: str, conflicts: tuple[str, ...] = ()) -> None:
        self.status = status
        self.conflicts = conflicts
        super().__init__(message)


def permitted(read: Callable[[], T]) -> T | None:
    """Read what may be read; None where that is forbidden."""
    try:
        return read()
    except ClusterRefusedError as refused:
        if refused.status != HTTPStatus.FORBIDDEN:
            raise
        return None


class ContendedError(ClusterRefusedError, TransientError):
    """Other clients write the object all the time, so that the API server could not apply to what it had read."""


class _Cause(BaseModel):
    reason: str | None = None
    message: str = ""


class _Details(BaseModel):
    causes: list[_Cause] | None = None


class _Status(BaseModel):
    kind: Literal["Status"]
    message: str | None = None
    details: _Details | None = None


def refusal(refused: client.ApiException, where: str, path: str) -> ClusterError:
    """Say what an answer refuses."""
    status = _said(refused.body)
    message = (status and status.message) or f"the API server answered {refused.status} {refused.reason}"
    if not refused.status or retry.is_passing(refused.status):
        after = retry.retry_after(refused.headers or {})
        return UnreachableError(f"the Kubernetes API server at {where} is busy or failing: {message}", after)
    if refused.status < HTTPStatus.BAD_REQUEST:
        return UnreachableError(
            f"what answers at {where} is not a Kubernetes API server: it redirects {path} ({refused.status}). Is there "
            "a proxy or a sign-in page in between?"
        )
    if refused.status == HTTPStatus.NOT_FOUND and status is None and _NO_SUCH_PATH not in (refused.body or ""):
        return UnreachableError(
            f"what answers at {where} is not a Kubernetes API server: it answers {path} with a page of its own (404)"
        )
    if refused.status == HTTPStatus.UNAUTHORIZED:  # all that it says of them
        message = f"the Kubernetes API server at {where} does not accept its credentials. Renew them"
    causes = status.details.causes if status and status.details and status.details.causes else []
    # `conflict with "kubectl-patch" using apps/v1`
    held = [cause.message.split('"') for cause in causes if cause.reason == "FieldManagerConflict"]
    return ClusterRefusedError(refused.status, message, tuple(words[1] for words in held if len(words) > 1))


def refusal_of_stream(status: int, body: bytes | None, otherwise: str) -> ClusterError:
    """Say why a stream is not opened; `otherwise` says what is not possible then."""
    said = _said(body)
    message = f"{otherwise}: {(said and said.message) or _named(status)}"
    unread = status < HTTPStatus.BAD_REQUEST or retry.is_passing(status)
    return UnreachableError(message) if unread else ClusterRefusedError(status, message)


def _named(status: int) -> str:
    return " ".join(filter(None, (str(status), responses.get(status))))


def _said(body: str | bytes | None) -> _Status | None:
    """What the API server says of a refusal; None where that is not its own word."""
    try:
        return _Status.model_validate_json(body or "")
    except ValidationError:
        return None
