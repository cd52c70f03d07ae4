"""What containers ask for and may use: the defaults, and what the settings say over them."""

from collections.abc import Iterator
from typing import Any

import pytest

from clients.kubernetes import Manifest
from components.pods import sized
from settings import Settings, parse
from settings.resources import Resources
from tests.stack_files import VALID, configuration, secrets
from tests.stated import objects

STATED: Manifest = {
    "requests": {"cpu": "7m", "memory": "300Mi", "ephemeral-storage": "64Mi"},
    "limits": {"cpu": "2000m", "memory": "3072Mi", "ephemeral-storage": "1024Mi"},
}
WRITTEN: Manifest = {
    "requests": {"cpu": "7m", "memory": "300Mi", "ephemeral-storage": "64Mi"},
    "limits": {"cpu": "2", "memory": "3Gi", "ephemeral-storage": "1Gi"},
}


def of(**stated: Any) -> Manifest:
    return sized(Resources.model_validate(stated), cpu="50m", memory="256Mi", most="1Gi")


@pytest.mark.parametrize(
    ("stated", "requests", "limits"),
    [
        ({}, {"cpu": "50m", "memory": "256Mi"}, {"memory": "1Gi"}),
        ({"limits": {"cpu": "1"}}, {"cpu": "50m", "memory": "256Mi"}, {"cpu": "1", "memory": "1Gi"}),
        ({"limits": {"ephemeral-storage": "1Gi"}}, {"cpu": "50m", "memory": "256Mi"},
         {"memory": "1Gi", "ephemeral-storage": "1Gi"}),
        # A default never stands in the way of what is stated.
        ({"limits": {"cpu": "20m", "memory": "128Mi"}}, {"cpu": "20m", "memory": "128Mi"},
         {"cpu": "20m", "memory": "128Mi"}),
        ({"requests": {"memory": "2Gi"}}, {"cpu": "50m", "memory": "2Gi"}, {"memory": "2Gi"}),
    ],
)  # fmt: skip
def test_what_is_stated_is_over_the_defaults(stated: Manifest, requests: Manifest, limits: Manifest) -> None:
    assert of(**stated) == {"requests": requests, "limits": limits}


@pytest.mark.parametrize(
    ("stated", "written"),
    [
        ({"cpu": 1}, {"cpu": "1"}), ({"cpu": 0.25}, {"cpu": "250m"}), ({"cpu": "1.5"}, {"cpu": "1500m"}),
        ({"cpu": "3000m"}, {"cpu": "3"}), ({"memory": "2048Mi"}, {"memory": "2Gi"}),
        ({"memory": "1536Mi"}, {"memory": "1536Mi"}), ({"memory": "2000M"}, {"memory": "2G"}),
    ],
)  # fmt: skip
def test_an_amount_is_written_as_the_api_server_writes_it(stated: Manifest, written: Manifest) -> None:
    assert Resources.model_validate({"limits": stated}).limits.stated() == written


def containers(node: Any) -> Iterator[Manifest]:
    if isinstance(node, dict):
        for key in ("initContainers", "containers"):
            yield from (one for one in node.get(key, []) if "image" in one)
        node = list(node.values())
    for inner in node if isinstance(node, list) else []:
        yield from containers(inner)


def everywhere(settings: Settings) -> Settings:
    """The same settings with resources wherever there may be some."""
    resources = {"resources": Resources.model_validate(STATED)}
    changed: dict[str, Any] = {
        name: getattr(settings, name).model_copy(update=resources)
        for name in ("storage", "photo_sync", "notifications")
        if getattr(settings, name)
    }
    if cloudflared := getattr(settings.cloudflare, "cloudflared", None):
        connected = {"cloudflared": cloudflared.model_copy(update=resources)}
        changed["cloudflare"] = settings.cloudflare.model_copy(update=connected)
    return settings.model_copy(update=changed)


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_each_container_of_this_stack_has_those_of_the_settings(file: Any) -> None:
    made = list(containers(list(objects(everywhere(parse(configuration(file), secrets(file)))))))
    assert made
    assert [one["name"] for one in made if one["resources"] != WRITTEN] == []
