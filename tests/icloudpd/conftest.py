"""The real icloudpd."""

from pathlib import Path

import pytest

from lab.node import icloudpd


@pytest.fixture(scope="session")
def icloudpd_python() -> Path:
    """The interpreter that can import icloudpd. The first time it takes half a minute and the Python package index."""
    return icloudpd.interpreter()
