"""The command line for a real stack, and what is said where something is missing for it."""

from pathlib import Path

import pytest

from ops import deploy
from ops.deploy import command
from ops.stack import StackError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two stacks, on a machine with the CLI."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("pulumi", "pulumi-language-python"):
        (programs / name).touch(mode=0o755)
    for stack in ("homelab", "lab"):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text("config: {}\nencryptionsalt: v1:abc\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "secret")
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("verb", "words", "removing"),
    [
        ("up", ["up"], ""),
        ("preview", ["preview", "--diff"], ""),
        ("down", ["destroy"], "homelab"),
        ("status", ["stack"], ""),
    ],
)
@pytest.mark.usefixtures("project")
def test_command(verb: str, words: list[str], removing: str) -> None:
    arguments, environment = command(verb, "homelab")
    assert arguments == ["pulumi", *words, "--stack", "homelab"]
    assert environment == {"PULUMI_RUN_PROGRAM": "true", "IMMICH_ICLOUD_REMOVING": removing}


def test_the_rehearsals_own_stack_file_is_not_deployed(project: Path) -> None:
    (project / "Pulumi.adoption.yaml").write_text("config: {}")
    with pytest.raises(StackError, match="belongs to the rehearsal: `make up WORLD=iteration6`"):
        command("up", "adoption")


@pytest.mark.usefixtures("project")
def test_unknown_stack() -> None:
    with pytest.raises(StackError) as error:
        command("up", "homelabb")
    assert str(error.value) == (
        "STACK=homelabb: there is no Pulumi.homelabb.yaml. Stacks of this project: homelab, lab"
    )


@pytest.mark.parametrize("missing", ["pulumi", "pulumi-language-python"])
def test_missing_cli(project: Path, missing: str) -> None:
    (project / "bin" / missing).unlink()
    with pytest.raises(StackError, match=r"STACK=homelab needs the released Pulumi CLI .*pulumi\.com/docs/install"):
        command("up", "homelab")


def test_missing_passphrase(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    with pytest.raises(StackError) as error:
        command("up", "homelab")
    assert str(error.value) == (
        "STACK=homelab: its secrets have a passphrase, and PULUMI_CONFIG_PASSPHRASE is not set. "
        "Set it, or PULUMI_CONFIG_PASSPHRASE_FILE to a file that holds it"
    )
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(project / "passphrase"))
    command("up", "homelab")


@pytest.mark.parametrize("text", ["config: {}\n", "", "secretsprovider: awskms://alias/a\n"])
def test_a_stack_without_salt_needs_no_passphrase(project: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    (project / "Pulumi.homelab.yaml").write_text(text)
    command("up", "homelab")


def test_a_stack_file_that_is_not_yaml(project: Path) -> None:
    (project / "Pulumi.homelab.yaml").write_text("config:\n  a: [1\n")
    with pytest.raises(StackError, match=r"^STACK=homelab: Pulumi\.homelab\.yaml is not YAML: .* line 3, column 1"):
        command("up", "homelab")


def test_an_expected_fault_is_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "Pulumi.lab.yaml").unlink()
    monkeypatch.setattr("sys.argv", ["deploy", "up", "lab"])
    with pytest.raises(SystemExit) as end:
        deploy.main()
    assert end.value.code == "error: STACK=lab: there is no Pulumi.lab.yaml. Stacks of this project: homelab"
