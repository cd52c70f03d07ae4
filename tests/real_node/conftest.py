"""What the tests on a real node share: the node."""

import subprocess
from collections.abc import Iterator

import pytest

from lab import processes
from lab.real_node.node import RealNode
from lab.toolchain import Tools
from settings.cluster import Cluster as Address
from tests.real_node.cluster import NODE, Cluster, Rehearsed

KIND = "immich-icloud"  # as in the Makefile


@pytest.fixture(scope="session")
def rehearsed(
    tools: Tools, the_real_node: RealNode | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rehearsed]:
    """The one of this machine."""
    assert the_real_node
    home = tmp_path_factory.mktemp("real")
    try:
        yield Rehearsed(home, tools, the_real_node)
    finally:
        processes.end(home)
        the_real_node.remove(home)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """Any real one: that of this machine, or kind's with the published images."""
    kubeconfig = request.config.getoption("--kind")
    if not kubeconfig:
        found: Cluster = request.getfixturevalue("rehearsed")
        return found
    words = ["docker", "inspect", "--format={{.State.Pid}}", f"{KIND}-control-plane"]
    first = int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    made = Cluster(Address(kubeconfig=kubeconfig, context=f"kind-{KIND}", identifier=KIND), first)
    labels = {"metadata": {"labels": {"kubernetes.io/hostname": NODE}}}
    made.core.patch_node(f"{KIND}-control-plane", labels)
    made.place("/var/mnt").mkdir(exist_ok=True)
    return made
