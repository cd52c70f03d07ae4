"""The real rclone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from lab import toolchain
from lab.apple.world import account, found
from lab.recipes import RCLONE
from tests.icloudpd.client import APPLE_ID, Client
from tests.rclone.house import RcloneHouse


@pytest.fixture(scope="module")
def apple(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An Apple. The first time, rclone is built."""
    toolchain.find([RCLONE], Console(stderr=True))
    made = Client.of(tmp_path_factory.mktemp("apple"))
    yield made
    made.end()


@pytest.fixture
def house(apple: Client, tmp_path: Path) -> RcloneHouse:
    """An account that is signed in and has fetched nothing, at an Apple where all is well."""
    apple.account(**account(**found().accounts[APPLE_ID]))
    return RcloneHouse.of(apple, tmp_path)
