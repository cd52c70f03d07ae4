"""A stack's settings outside a program, as the CLI tells them; its form is as measured with 3.258.0."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.checks.check import Passed
from ops.stack import StackError, deployment_of, settings_of, state_of
from ops.status import report
from settings import SettingsError
from tests.mutations import mutated

PASSWORD = "correct horse"  # noqa: S105 (invented)
PLAIN: dict[str, Any] = {
    "pulumi:disable-default-providers": ["kubernetes", "cloudflare"],
    "immich-icloud:host": "immich.example.com",
    "immich-icloud:adoptExisting": "true",
    "immich-icloud:cluster": {"kubeconfig": "~/.kube/config", "context": "c", "identifier": "i"},
    "immich-icloud:storage": {
        "kind": "hostPath",
        "node": "n",
        "path": "/var/mnt/photos",
        "owner": {"uid": 1, "gid": 1},
    },
    "immich-icloud:route": {"kind": "ingress"},
    "immich-icloud:photoSync": {"accounts": [{"name": "anna"}]},
}
SECRET = {"immich-icloud:icloudCredentials": {"anna": {"appleId": "anna@example.com", "password": PASSWORD}}}


def told(values: dict[str, Any], *, secret: bool) -> dict[str, Any]:
    """As `pulumi config --json --show-secrets` prints it."""
    return {
        key: {"value": value, "secret": secret}
        if isinstance(value, str)
        else {"value": json.dumps(value, separators=(",", ":")), "objectValue": value, "secret": secret}
        for key, value in values.items()
    }


class Cli:
    """A stand-in for the CLI; what it was called with lies beside it."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def prints(self, entries: dict[str, Any]) -> None:
        self.place.with_name("out").write_text(json.dumps(entries))
        self._behave('cat "$here/out"')

    def fails(self, words: str) -> None:
        self._behave(f"echo '{words}' >&2; exit 255")

    def _behave(self, commands: str) -> None:
        self.place.write_text(f'#!/bin/sh\nhere=${{0%/*}}\nprintf "%s\\n" "$@" >"$here/arguments"\n{commands}\n')
        self.place.chmod(0o755)

    @property
    def arguments(self) -> list[str]:
        return self.place.with_name("arguments").read_text().splitlines()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    (tmp_path / "bin").mkdir()
    (tmp_path / "Pulumi.homelab.yaml").write_text("config: {}\nencryptionsalt: v1:abc\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "secret")
    made = Cli(tmp_path / "bin" / "pulumi")
    made.prints(told(PLAIN, secret=False) | told(SECRET, secret=True))
    return made


def test_settings_are_read_with_their_secrets(cli: Cli) -> None:
    settings = settings_of("homelab")
    assert settings.host == "immich.example.com"
    assert settings.adopt_existing is True
    assert settings.icloud_credentials
    assert settings.icloud_credentials["anna"].password.get_secret_value() == PASSWORD
    assert cli.arguments == ["config", "--json", "--show-secrets", "--non-interactive", "--stack", "homelab"]


def test_what_the_file_says_wrong_is_reported_without_secrets(cli: Cli) -> None:
    cli.prints(told(PLAIN, secret=False) | told(SECRET, secret=False))
    with pytest.raises(SettingsError, match="icloudCredentials: is in plain text") as error:
        settings_of("homelab")
    assert PASSWORD not in str(error.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            'error: no stack named "homelab" found',
            "STACK=homelab: Pulumi's state has no such stack. If it is elsewhere, `pulumi login` to it "
            "(docs/state.md). Otherwise `pulumi stack init homelab`, then `make up STACK=homelab`",
        ),
        (
            "error: incorrect passphrase",
            "STACK=homelab: incorrect passphrase. If the right one is lost: docs/backup.md#without-the-passphrase",
        ),
    ],
)
def test_what_the_cli_can_not_read(cli: Cli, words: str, said: str) -> None:
    cli.fails(words)
    with pytest.raises(StackError) as error:
        settings_of("homelab")
    assert str(error.value) == said


def test_the_language_plugin_is_not_needed_and_the_cli_is(cli: Cli) -> None:
    settings_of("homelab")
    cli.place.unlink()
    with pytest.raises(StackError, match=r"STACK=homelab needs the released Pulumi CLI \(pulumi on PATH\)"):
        settings_of("homelab")


def test_a_stack_without_file(cli: Cli) -> None:
    del cli
    with pytest.raises(StackError, match=r"there is no Pulumi\.nowhere\.yaml\. .* Stacks of this project: homelab"):
        settings_of("nowhere")


STACK: dict[str, Any] = {"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:homelab::x::pulumi:pulumi:Stack::x"}


def test_a_states_resources_are_read_with_their_secrets_encrypted(cli: Cli) -> None:
    resources = [STACK | {"outputs": {"immich_url": "https://immich.example.com"}}]
    cli.prints({"version": 3, "deployment": {"resources": resources}})
    assert state_of("homelab") == resources
    assert cli.arguments == ["stack", "export", "--non-interactive", "--stack", "homelab"]


@pytest.mark.parametrize(
    "deployment", [{}, {"resources": []}, {"resources": [STACK]}], ids=["new", "removed", "killed"]
)
def test_a_stack_that_is_not_deployed(cli: Cli, deployment: dict[str, Any]) -> None:
    cli.prints({"version": 3, "deployment": deployment})
    with pytest.raises(StackError, match="STACK=homelab is not deployed yet: `make up STACK=homelab`"):
        state_of("homelab")


DEPLOYED: dict[str, Any] = {
    "version": 3,
    "deployment": {
        "manifest": {"time": "2026-11-27T10:15:00Z"},
        "resources": [
            STACK | {"outputs": {"immich_url": "https://immich.example.com", "next_steps": ["Sign in"]}},
            {"type": "kubernetes:core/v1:Namespace", "urn": "urn:pulumi:homelab::x::kubernetes:core/v1:Namespace::y"},
        ],
        "pending_operations": [{"type": "creating", "resource": STACK}],
    },
}


def test_a_damaged_state_is_one_error(cli: Cli) -> None:
    """Each field null, missing or of another type: a deployment as the callers read it, or what to do."""
    for _, damaged in mutated(DEPLOYED):
        cli.prints(damaged)
        try:
            deployment = deployment_of("homelab")
        except StackError as error:
            assert "docs/backup.md" in str(error)  # noqa: PT017 (some are right all the same)
        else:
            assert list(report("homelab", deployment, Passed(""), Passed("")))


def test_what_is_no_json_is_one_error(cli: Cli) -> None:
    cli.prints({})
    cli.place.with_name("out").write_text("warning: no JSON")
    with pytest.raises(StackError, match="printed no JSON"):
        deployment_of("homelab")
