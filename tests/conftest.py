"""What the tests that need a control plane share."""

import gc
import os
from pathlib import Path

import hypothesis
import pytest
from rich.console import Console

from components import images
from lab import toolchain
from lab.real_node import parts
from lab.real_node.contents import Published
from lab.real_node.node import RealNode
from lab.toolchain import Tools

# Of Go's programs: a sixth of an API server's start is collecting garbage, and the memory is there.
os.environ.setdefault("GOGC", "400")

# A gate says the same of the same code, and a busy machine is slow: neither is a fault of it.
hypothesis.settings.register_profile(
    "gate", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], derandomize=True
)
hypothesis.settings.load_profile("gate")
hypothesis.settings.register_profile("soak", hypothesis.settings(), max_examples=10_000, derandomize=False)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--real-node", action="store_true", help="Run the node's own tests on a real kubelet.")
    parser.addoption("--promtool", action="store_true", help="Evaluate the alerts with the real promtool.")
    parser.addoption("--traefik", action="store_true", help="Send requests through a real Traefik.")
    parser.addoption("--kind", help="Run those of them that can on a cluster of kind, by its kubeconfig.")


@pytest.fixture(scope="session")
def the_real_node(request: pytest.FixtureRequest) -> RealNode | None:
    """What runs the pods; None is the simulated node."""
    if not request.config.getoption("--real-node"):
        return None
    published = Published(images.BUSYBOX, images.ICLOUDPD, images.CLOUDFLARED)
    return RealNode(parts.find(Console(stderr=True)), published)


_ASKED_FOR = {"real_node": ("--real-node", "--kind"), "promtool": ("--promtool",), "traefik": ("--traefik",)}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what has a target of its own: `make test-node`, `make test-alerts` and `make test-routes`."""
    options = _ASKED_FOR.get(collection_path.name)
    return True if options and not any(map(config.getoption, options)) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the stand-in node alone, where the real one is tested.

    The rehearsal comes first: what takes minutes begins before what takes seconds.
    """
    items.sort(key=lambda item: "rehearsal" not in item.path.parts)
    if config.getoption("--real-node"):
        items[:] = [item for item in items if item.get_closest_marker("stand_in") is None]


def pytest_configure() -> None:
    """Have the garbage collector wait until all is imported, which stays."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Have the garbage collector look no more at what is imported: a tenth of the processor time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    gc.enable()


@pytest.fixture(scope="session")
def tools() -> Tools:
    """The rehearsal's programs: minutes where they have to be built."""
    return toolchain.ensure(Console(stderr=True))
