"""What `make status` reports of a state and of a cluster."""

from typing import Any

import pytest

from ops.checks import wording
from ops.checks.check import NotChecked, Passed, Result
from ops.status import report
from text.pulumi_secret import SECRET, SIGNATURE

OUTPUTS = {
    "immich_url": "https://immich.example.com",
    "accounts": [{"name": "anna", "folder": "/external/icloud/icloud-import"}],
    "access_client_secret": {SIGNATURE: SECRET, "ciphertext": "v1:abc"},
    "next_steps": ["Sign anna in: `make icloud-login STACK=home`"],
}
DEPLOYED: dict[str, Any] = {
    "manifest": {"time": "2026-11-27T10:15:33.123456789Z"},
    "resources": [
        {"type": "pulumi:pulumi:Stack", "urn": "a", "outputs": OUTPUTS},
        {"type": "pulumi:providers:kubernetes", "urn": "b"},
        {"type": "kubernetes:core/v1:Namespace", "urn": "c"},
    ],
}
FINE = Passed("9 objects are as stated")
DRIFTED = wording.DRIFT.found(evidence="Ingress immich/immich does not exist", stack="home")


def lines(deployment: dict[str, Any], drift: Result = FINE) -> list[str]:
    return list(report("home", deployment, drift, FINE))


def test_a_deployed_stack() -> None:
    assert lines(DEPLOYED) == [
        "Stack: immich-icloud/home",
        "State: 1 resources, last written 2026-11-27 10:15 UTC",
        "Drift: none seen: 9 objects are as stated",
        "Other managers: none seen: 9 objects are as stated",
        "  immich_url: https://immich.example.com",
        "  accounts:",
        "  - name: anna",
        "    folder: /external/icloud/icloud-import",
        "  access_client_secret: '[secret]'",
        "Steps after that deployment (make verify STACK=home checks which are done):",
        "  1. Sign anna in: `make icloud-login STACK=home`",
    ]


@pytest.mark.parametrize(
    ("drift", "line"),
    [
        (DRIFTED, "Drift: suspected: Ingress immich/immich does not exist. Next: make up STACK=home"),
        (NotChecked("no API server answers"), "Drift: unknown: no API server answers"),
    ],
)
def test_drift_is_suspected_or_unknown(drift: Result, line: str) -> None:
    assert line in lines(DEPLOYED, drift)


@pytest.mark.parametrize("deployment", [{}, {"resources": None}, {"resources": DEPLOYED["resources"][:2]}])
def test_nothing_is_deployed(deployment: dict[str, Any]) -> None:
    assert lines(deployment)[1:] == ["State: nothing is deployed. Next: make up STACK=home"]


def test_an_interrupted_run() -> None:
    (there,) = DEPLOYED["resources"][1:2]
    pending = [{"type": "creating", "resource": one} for one in (there, {**there, "urn": "urn:not-there"})]
    interrupted = {**DEPLOYED, "pending_operations": pending, "manifest": {}}
    assert lines(interrupted)[1:4] == [
        "State: 1 resources, last written at an unknown time",
        "Interrupted: 1 operations have not ended. Next: make up STACK=home",
        "If it stays after that: pulumi refresh --clear-pending-creates --stack home",
    ]
    updating = {**interrupted, "pending_operations": [{"type": "updating", "resource": there}]}
    assert not any("clear-pending-creates" in line for line in lines(updating))
