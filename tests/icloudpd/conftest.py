"""The real icloudpd."""

from pathlib import Path

import pytest

from tests.environments import interpreter

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@pytest.fixture(scope="session")
def icloudpd_python() -> Path:
    """The interpreter that can import icloudpd. The first time it takes half a minute and the Python package index."""
    return interpreter("icloudpd", REQUIREMENTS)
