"""The rehearsal's stack file differs from the real one in cluster and secrets, and in nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from review.stack_file import StackFileError, rehearsed
from settings import SettingsError, parse
from settings.stack_file import plain_leaves
from tests.stack_files import OWN, VALID, configuration, secrets, whole

LAB = OWN[0].parent / "Pulumi.lab.yaml"
ANOTHERS = {
    f"immich-icloud:{key}"
    for key in ("cluster", "cloudflareToken", "immichApiKey", "icloudCredentials", "notifications", "monitoring")
}


def ciphers(node: Any) -> set[str]:
    if isinstance(node, dict):
        return {str(node["secure"])} if set(node) == {"secure"} else set().union(*map(ciphers, node.values()))
    return set().union(*map(ciphers, node)) if isinstance(node, list) else set()


def without_pages(photo_sync: str) -> Any:
    """Pages to sign in are not rehearsed, as their links would reach no one."""
    found = json.loads(photo_sync)
    found["accounts"] = [{k: v for k, v in one.items() if k != "signIn"} for one in found.get("accounts", [])]
    return {key: value for key, value in found.items() if key != "signIn"}


@pytest.mark.parametrize("file", [*VALID, *OWN], ids=lambda file: file.stem)
def test_every_valid_file_gets_the_labs_secrets_and_cluster_and_nothing_else_differs(
    file: Path, tmp_path: Path
) -> None:
    written = tmp_path / file.name
    written.write_text(rehearsed(whole(file)))
    settings = parse(configuration(written), secrets(written))
    assert (settings.cluster.kubeconfig, settings.cluster.context) == (".lab/kubeconfig", "lab")
    before, after = yaml.safe_load(whole(file)), yaml.safe_load(written.read_text())
    lab = yaml.safe_load(LAB.read_text())
    assert ciphers(after) <= ciphers(lab)
    assert set(after) - {"config", "encryptionsalt"} == set(before) - {
        "config", "encryptionsalt", "secretsprovider", "encryptedkey",
    }  # fmt: skip
    assert after["encryptionsalt"] == lab["encryptionsalt"]
    found, made = (
        {**one, "immich-icloud:photoSync": without_pages(one.get("immich-icloud:photoSync", "{}"))}
        for one in (configuration(file), configuration(written))
    )
    assert {k: v for k, v in made.items() if k not in ANOTHERS} == {k: v for k, v in found.items() if k not in ANOTHERS}


@pytest.mark.parametrize(
    "text",
    [
        "config: &a {x: *a}\n",
        "config: &a [*a]\n",
        "a: &a [b, {c: *a}]\nconfig: {}\n",
        "&a ? *a\n: x\n",
        "config: " + "[\n " * 10_000,
        "config: [",
        "\x00",
        "",
    ],
)
def test_a_file_that_is_no_stacks_is_reported(text: str) -> None:
    with pytest.raises(StackFileError):
        rehearsed(text)


@pytest.mark.parametrize(
    "text",
    [
        "config: {secure: x}\n",
        "? [complex]\n: x\nconfig: {? {a: b} : {secure: x}}\n",
        "config: {'immich-icloud:cluster': {? [a] : b}}\n",
        "a: &a {x: y}\nconfig: {b: *a, c: *a}\n",
    ],
)
def test_a_file_of_an_odd_shape_is_left_to_the_settings(text: str) -> None:
    assert rehearsed(text)


def test_the_clusters_identifier_stays() -> None:
    text = "config:\n  immich-icloud:cluster: {kubeconfig: a, context: b, identifier: c}\n"
    cluster = yaml.safe_load(rehearsed(text))["config"]["immich-icloud:cluster"]
    assert cluster == {"kubeconfig": ".lab/kubeconfig", "context": "lab", "identifier": "c"}


@pytest.mark.parametrize(("kind", "has_token"), [("none", False), ("sharedTunnel", True)])
def test_a_token_is_added_where_there_is_cloudflare(kind: str, *, has_token: bool) -> None:
    config = yaml.safe_load(rehearsed(f"config:\n  immich-icloud:cloudflare:\n    kind: {kind}\n"))["config"]
    assert ("immich-icloud:cloudflareToken" in config) == has_token


@pytest.mark.parametrize(
    "value", ["yes", "1:30", "0x1F", '"0"', "0", "'true'", "~", "1e3", "2026-01-01", "[a, {b: 1}]"]
)
def test_a_value_stays_as_it_is_written(value: str) -> None:
    assert f"  immich-icloud:host: {value}\n" in rehearsed(f"config:\n  immich-icloud:host: {value}\n")


def test_a_file_without_config_is_left_to_the_engine() -> None:
    assert rehearsed("config:\n") == "config:\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [("config: [\n", "is not YAML: .*line 2"), ("", "is no mapping"), ("- a\n", "is no mapping"), ("a: b: c", "YAML")],
)
def test_what_is_no_stack_file(text: str, said: str) -> None:
    with pytest.raises(StackFileError, match=said):
        rehearsed(text)


@pytest.mark.parametrize(
    ("notifications", "reported"),
    [
        ("{urls: [ntfy://hush.example.com/x]}", True),
        ("{urls: [{secure: v1:a}], heartbeat: https://hush.example.com}", True),
        ("{urls: [{secure: v1:a}, ntfy://hush.example.com/x]}", True),
        ('\'{"urls": ["ntfy://hush.example.com/x"]}\'', True),
        ("ntfy://hush.example.com/x", True),
        ("{secure: v1:a}", False),
        ("{urls: [{secure: v1:a}], on: [failure], resources: {limits: {memory: 1Gi}}}", False),
    ],
)
def test_a_notification_url_in_plain_text_is_left_for_the_settings_to_report(
    notifications: str, *, reported: bool, tmp_path: Path
) -> None:
    file = tmp_path / "Pulumi.homelab.yaml"
    file.write_text(rehearsed(f"config:\n  immich-icloud:notifications: {notifications}\n"))
    with pytest.raises(SettingsError) as refused:
        parse(configuration(file), secrets(file), plain_leaves(file), stack="homelab")
    exposed = [one for one in refused.value.problems if "immich-icloud:notifications" in one]
    assert bool(exposed) == reported
    assert all("is in plain text" in one and "hush" not in one for one in exposed)
