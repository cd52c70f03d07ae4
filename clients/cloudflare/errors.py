"""What Cloudflare refuses, or leaves without an answer, as sentences for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

from cloudflare import APIConnectionError, APIStatusError
from pydantic import BaseModel, ValidationError

from clients import retry
from clients.deadline import within
from clients.retry import TransientError
from text.visible import VisibleError

TOKEN_VARIABLE = "CLOUDFLARE_API_TOKEN"  # noqa: S105 (a variable's name)

_PATIENCE = 15.0  # seconds, of a whole answer; a tunnel's lease has to outlast a read and a write
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 400, 401, 403, 404
# Of an Authorization header that can't be one (6003, 6111), and of a token that is none (1000).
_NO_TOKEN = {1000, 6003, 6111}
# With the code and the status of a permission that is missing: an older part of the API, which serves the zones.
_NO_TOKEN_WORDS = "Invalid access token"  # noqa: S105 (words)

SETTING = "immich-icloud:cloudflareToken"
NEW_TOKEN = f"Create one at dash.cloudflare.com/profile/api-tokens, and store it as {SETTING}, or set {TOKEN_VARIABLE}"


class CloudflareError(VisibleError):
    """Cloudflare refused or could not be asked. `str()` is one sentence for the user."""


class CloudflareRefusedError(CloudflareError):
    """The answer is no; nothing was changed."""


class MissingError(CloudflareRefusedError):
    """There is no such thing."""


class UnansweredError(CloudflareError, TransientError):
    """No answer, or none that tells whether a write was done: a time-out, a server error, too many requests."""


class _Error(BaseModel):
    code: int | None = None
    message: str | None = None


class _Refusal(BaseModel):
    errors: list[_Error] | None = None


@contextmanager
def asked(permission: str, what: str) -> Iterator[None]:
    """Turn the SDK's errors, and answers that can't be read or take too long, into sentences."""
    try:
        with within(_PATIENCE):
            yield
    except APIStatusError as error:
        raise _refusal(error, permission, what) from None
    except APIConnectionError as error:
        raise UnansweredError(f"Cloudflare does not answer (asked for {what}): {error.message}") from None
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
        raise UnansweredError(
            f"what answers in Cloudflare's place can't be read (asked for {what}): {place or 'it is not JSON'}. "
            "Is there a proxy or a sign-in page in between?"
        ) from None


def _refusal(error: APIStatusError, permission: str, what: str) -> CloudflareError:
    try:
        details = _Refusal.model_validate_json(error.response.content).errors
    except ValidationError:
        details = None
    codes = {detail.code for detail in details or []}
    words = [f"{(detail.message or '').strip()} ({detail.code})" for detail in details or []]
    said = "; ".join(words) or f"{error.status_code}"
    if retry.is_passing(error.status_code):
        after = retry.retry_after(error.response.headers)
        return UnansweredError(f"Cloudflare is busy (asked for {what}): {said}", after)
    if error.status_code < _BAD_REQUEST:
        return UnansweredError(
            f"what answers in Cloudflare's place redirects (asked for {what}): {said}. Is there a proxy or a sign-in "
            "page in between?"
        )
    if error.status_code == _UNAUTHORIZED or codes & _NO_TOKEN or _NO_TOKEN_WORDS in said:
        return CloudflareRefusedError(
            f"Cloudflare does not know the API token: it is mistyped, expired or revoked. {NEW_TOKEN}. Cloudflare "
            f"answers: {said}",
            secret=SETTING,
        )
    if error.status_code == _FORBIDDEN:
        return CloudflareRefusedError(
            f"the Cloudflare API token is not enough for {what}: it needs the permission {permission}, for this "
            f"account and zone. Cloudflare answers: {said}",
        )
    if error.status_code == _NOT_FOUND and details is None:
        return UnansweredError(f"what answers in Cloudflare's place knows nothing of {what}: it answers 404")
    refused = MissingError if error.status_code == _NOT_FOUND else CloudflareRefusedError
    return refused(f"Cloudflare refuses {what}: {said}")
