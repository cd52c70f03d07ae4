"""What Apple knows: accounts with their photos, and who is signed in."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from lab.apple.library import Library
from lab.stand_in.answers import Json

CODE: Final = "123456"

_FILES = Path(__file__).parent
# What can be wrong with an account for as long as it is reported, each with the value that says that nothing is.
_CONDITIONS: Final[Json] = {
    "photos": [],  # as in world.yaml
    "more": 0,  # so many photos besides, made by number
    "locked": False,
    "securityKey": False,
    "advancedProtection": False,
    "busy": False,  # CloudKit answers 503
    "indexing": False,
    "zoneMissing": False,
    "listingEndsAfter": None,  # photos
    "unsteady": None,  # seed and shares: how many downloads are cut, and dropped; and the number of the one that hangs
}


@dataclass
class World:
    """Plain JSON. `accounts` are under their Apple ID; what a client holds is under itself, with the Apple ID.

    `sign_ins` are session tokens of idmsa.apple.com, `trusted` browsers' tokens, `web` cookies of icloud.com.
    """

    accounts: dict[str, Json]
    sign_ins: dict[str, str]
    trusted: dict[str, str]
    web: dict[str, Json]

    def library(self, apple_id: str) -> Library:
        """Return an account's photos."""
        account = self.accounts[apple_id]
        return _library(json.dumps(account["photos"]), account["more"], apple_id)

    def state(self, apple_id: str) -> str:
        """Return CloudKit's token for the photos as they are now."""
        account = self.accounts[apple_id]
        return hashlib.sha256(json.dumps([account["photos"], account["more"]]).encode()).hexdigest()[:16]

    def sign_out(self, apple_id: str) -> None:
        """End all sessions of an account, as Apple does after a month or two, or when its password is changed."""
        self.sign_ins = {token: owner for token, owner in self.sign_ins.items() if owner != apple_id}
        self.trusted = {token: owner for token, owner in self.trusted.items() if owner != apple_id}
        self.leave_web(apple_id)

    def leave_web(self, apple_id: str) -> None:
        """End the sessions of the web only: who is trusted signs in again without a code."""
        self.web = {token: session for token, session in self.web.items() if session["appleId"] != apple_id}


def account(password: str, **conditions: Any) -> Json:
    """Build an account. Raises KeyError for what the stand-in can't make wrong."""
    if unknown := conditions.keys() - _CONDITIONS.keys():
        raise KeyError(", ".join(unknown))
    return {"password": password, **_CONDITIONS, **conditions}


def found() -> World:
    """The world as found."""
    stated = _read("world.yaml")["accounts"]
    return World({name: account(**one) for name, one in stated.items()}, {}, {}, {})


def household() -> list[Json]:
    """The photos of a household that has one of everything."""
    photos: list[Json] = _read("household.yaml")
    return photos


def token(kind: str) -> str:
    """Make a token that tells what it is."""
    return f"{kind}-of-the-rehearsal-{secrets.token_hex(8)}"


@cache
def _library(photos: str, more: int, apple_id: str) -> Library:
    return Library.of(apple_id, json.loads(photos), more)


def _read(name: str) -> Any:
    return yaml.load((_FILES / name).read_text(), yaml.CSafeLoader)
