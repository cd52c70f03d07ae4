"""Values that admission puts in the place of this stack's are stated as they are; drift is not."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from clients.kubernetes import Answer, ClusterRefusedError, Manifest, Ref
from components.mutated import as_admitted
from preflight.dry_runs import left
from tests.fake_cluster import FakeCluster
from tests.unit.well import of_cluster, well

OURS = {"containers": [{"name": "a", "image": "b:1", "args": ["x"]}]}


def pod(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"containers": list(containers)}


MIRRORED = {"name": "a", "image": "mirror/b:1", "args": ["x"], "resources": {}}
PROXY = {"name": "proxy", "image": "p"}


@pytest.mark.parametrize(
    ("stated", "admitted", "live", "expected"),
    [
        (OURS, pod(MIRRORED), pod(MIRRORED), pod({"name": "a", "image": "mirror/b:1", "args": ["x"]})),
        (OURS, pod(MIRRORED, PROXY), pod(MIRRORED, PROXY), pod({"name": "a", "image": "mirror/b:1", "args": ["x"]})),
        (OURS, pod(PROXY, MIRRORED), pod(PROXY, MIRRORED), pod(PROXY, MIRRORED)),
        (OURS, OURS, pod(MIRRORED), OURS),
        (OURS, pod(MIRRORED), OURS, OURS),
        (OURS, pod(MIRRORED | {"args": ["y"]}), pod(MIRRORED | {"args": ["x", "z"]}),
         pod({"name": "a", "image": "mirror/b:1", "args": ["x"]})),
        ({"a": {"team": "home"}}, {"a": {}}, {"a": {}}, {"a": {}}),
        ({"a": {"b": []}}, {"a": {}}, {"a": {}}, {"a": {"b": []}}),
        ({"storage": "1024Gi"}, {"storage": "1Ti"}, {"storage": "1Ti"}, {"storage": "1024Gi"}),
        ({"new": 1}, {"new": 1}, {}, {"new": 1}),
    ],
    ids=["a mirrored image", "a sidecar behind", "a sidecar before", "a value set by hand", "a webhook that is new",
         "a value of each", "a label that is taken out", "an empty list", "another spelling", "a new setting"],
)  # fmt: skip
def test_whose_value_it_is(stated: Any, admitted: Any, live: Any, expected: Any) -> None:
    assert as_admitted(stated, admitted, live) == expected


# what an `up` would leave, and so no drift

CRON_JOB = Ref("batch/v1", "CronJob", "icloud-sync-anna", "photo-sync")


def mirrored(thing: Manifest) -> Manifest:
    """What a webhook makes of a CronJob: images of a mirror, and a sidecar."""
    made = deepcopy(thing)
    if made["kind"] == "CronJob":
        containers = made["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        containers[:] = [one | {"image": f"mirror/{one['image']}"} for one in containers] + [PROXY]
    return made


class Mirrored(FakeCluster):
    """An API server with that webhook."""

    def apply(self, manifest: Manifest, manager: str, *, dry_run: bool = False, force: bool = False) -> Answer:
        assert (manager, dry_run, force) == ("immich-icloud", True, True)
        return Answer(mirrored(manifest), ())


class Forbidding(FakeCluster):
    """One that forbids dry runs."""

    def apply(self, *_: object, **__: object) -> Answer:
        raise ClusterRefusedError(403, "cannot patch resource")


@pytest.mark.parametrize(
    ("api", "changed", "expected"),
    [(Mirrored(), {}, {CRON_JOB}), (Mirrored(), {"schedule": "0 3 1 * *"}, set()), (Forbidding(), {}, set())],
    ids=["a webhook's", "another's, too", "not allowed to ask"],
)
def test_what_only_admission_changed_is_left(api: FakeCluster, changed: Manifest, expected: set[Ref]) -> None:
    facts = of_cluster(well())
    live = {ref: mirrored(one) for ref, one in facts.seen.live.items()}
    live[CRON_JOB]["spec"] |= changed
    assert left(api, facts.plan, replace(facts.seen, live=live)) == expected
