"""Immich's API, and what is read of it."""

from clients.immich.answers import Document, Library, Statistics, User
from clients.immich.api import ImmichApi
from clients.immich.errors import (
    NAMES_PERMISSION,
    PERMISSIONS,
    PERMISSIONS_SINCE_3_2,
    ImmichError,
    ImmichRefusedError,
    UnansweredError,
)

__all__ = [
    "NAMES_PERMISSION",
    "PERMISSIONS",
    "PERMISSIONS_SINCE_3_2",
    "Document",
    "ImmichApi",
    "ImmichError",
    "ImmichRefusedError",
    "Library",
    "Statistics",
    "UnansweredError",
    "User",
]
