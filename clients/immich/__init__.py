"""Immich's API, and what is read of it."""

from clients.immich.answers import Document as Document
from clients.immich.answers import Library as Library
from clients.immich.answers import Statistics as Statistics
from clients.immich.answers import User as User
from clients.immich.api import ImmichApi as ImmichApi
from clients.immich.errors import NAMES_PERMISSION as NAMES_PERMISSION
from clients.immich.errors import PERMISSIONS as PERMISSIONS
from clients.immich.errors import PERMISSIONS_SINCE_3_2 as PERMISSIONS_SINCE_3_2
from clients.immich.errors import ImmichError as ImmichError
from clients.immich.errors import ImmichRefusedError as ImmichRefusedError
from clients.immich.errors import UnansweredError as UnansweredError
