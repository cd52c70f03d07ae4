"""Values that admission puts in the place of this stack's are stated as they are; drift is not."""

from typing import Any

import pytest

from components.mutated import as_admitted

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
