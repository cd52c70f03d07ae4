"""What Immich refuses, or leaves without an answer, as sentences for the user."""

import json
from http import HTTPStatus

from clients import retry
from clients.retry import TransientError
from text.visible import VisibleError

# What the key has to be allowed (source: the API documentation of each route). From 3.2 on the configuration is at
# another route, with permissions of its own.
PERMISSIONS = (
    "library.read", "library.create", "library.update", "library.statistics", "user.read",
    "systemConfig.read", "systemConfig.update",
)  # fmt: skip
# With it the files that Immich lacks can be named; without it they are only counted.
NAMES_PERMISSION = "asset.read"
PERMISSIONS_SINCE_3_2 = ("adminConfig.read", "adminConfig.update")

_API_KEY = "immich-icloud:immichApiKey"


class ImmichError(VisibleError):
    """Immich refused or could not be asked. `str()` is one sentence for the user."""


class UnansweredError(ImmichError, TransientError):
    """Immich gave no answer, or none that tells whether a write was done."""


class ImmichRefusedError(ImmichError):
    """The answer is no.

    Attributes:
        status: the HTTP status code.
        words: Immich's own.

    """

    def __init__(self, message: str, status: int, words: str, secret: str = "") -> None:
        self.status, self.words = status, words
        super().__init__(message, secret=secret)


def refusal(status: int, content: bytes, path: str, retry_after: float) -> ImmichError:
    """Say what an answer refuses."""
    words = _words(content) or f"{status}"
    if retry.is_passing(status):
        return UnansweredError(f"Immich has an error of its own (asked for {path}): {words}", retry_after)
    if status == HTTPStatus.UNAUTHORIZED:
        message = (
            "Immich does not know the API key: it is mistyped or was deleted. Create one in Immich as an administrator "
            f"(Account Settings, API Keys), and store it as {_API_KEY}"
        )
    elif status == HTTPStatus.FORBIDDEN and "permission" in words:
        message = f"the API key of Immich is not enough for {path}: {words}. It needs: {', '.join(PERMISSIONS)}"
        message += f"; from Immich 3.2 on also {', '.join(PERMISSIONS_SINCE_3_2)}"
    elif status == HTTPStatus.FORBIDDEN:
        message = (
            f"the API key of Immich does not belong to an administrator, and only an administrator may use {path}. "
            f"Create one as an administrator, and store it as {_API_KEY}"
        )
    else:
        message = f"Immich refuses {path}: {words}"
    return ImmichRefusedError(message, status, words, _API_KEY if _API_KEY in message else "")


def _words(content: bytes) -> str:
    """Immich's message: one, or a list of them."""
    try:
        message = json.loads(content)["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return "; ".join(map(str, message)) if isinstance(message, list) else str(message)
