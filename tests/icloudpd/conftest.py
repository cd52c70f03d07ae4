"""The real icloudpd."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.apple.world import account, found
from lab.node import icloudpd
from tests.icloudpd.client import APPLE_ID, Client
from tests.icloudpd.house import House


@pytest.fixture(scope="session")
def icloudpd_python() -> Path:
    """The interpreter that can import icloudpd. The first time it takes half a minute and the Python package index."""
    return icloudpd.interpreter()


@pytest.fixture(scope="module")
def apple(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An Apple, and a person who is signed in there."""
    made = Client.of(tmp_path_factory.mktemp("apple"))
    made.sign_in()
    with made.warm():
        yield made
    made.end()


@pytest.fixture
def house(apple: Client, tmp_path: Path) -> House:
    """An account that is signed in and has fetched nothing, at an Apple where all is well."""
    apple.account(**account(**found().accounts[APPLE_ID]))
    return House.of(apple, tmp_path)
