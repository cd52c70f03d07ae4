"""What the tests that need a control plane share."""

import pytest
from rich.console import Console

from lab import toolchain
from lab.toolchain import Tools


@pytest.fixture(scope="session")
def tools() -> Tools:
    """The rehearsal's programs: minutes where they have to be built."""
    return toolchain.ensure(Console(stderr=True))
