"""The reason of a failed sync, as a real runtime hands it on: every time, not four times in five."""

import pytest

from clients.jobs import JobError
from lab.apple.world import CODE
from tests.real_node.cluster import Rehearsed
from tests.real_node.stack import OnNode

RUNS = 25
pytestmark = pytest.mark.long


def test_it_is_reported_each_time(rehearsed: Rehearsed) -> None:
    house = OnNode.deployed(rehearsed, "reasons")
    house.sign_in(CODE)
    reasons = []
    with rehearsed.cut_off():
        for _ in range(RUNS):
            with pytest.raises(JobError) as failure:
                house.sync()
            reasons.append(str(failure.value))
    assert (
        reasons
        == ["Apple cannot be reached. Check the cluster's internet access. Retried at the next scheduled run"] * RUNS
    )
