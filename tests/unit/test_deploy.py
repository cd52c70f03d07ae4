"""The command line for a real stack, its guards, and what is reported where something is missing for it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import deploy
from ops.deploy import command
from ops.stack import StackError

Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three stacks, on a machine with the CLI."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("pulumi", "pulumi-language-python"):
        (programs / name).touch(mode=0o755)
    for stack in ("homelab", "homelab.old", "lab"):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text("config: {}\nencryptionsalt: v1:abc\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "secret")
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    return tmp_path


@pytest.mark.parametrize(
    ("verb", "words", "removing"),
    [
        ("up", ["up"], ""),
        ("preview", ["preview", "--diff", "--ignore-protect"], ""),
        ("down", ["destroy", "--ignore-protect"], "homelab"),
    ],
)
@pytest.mark.usefixtures("project")
def test_command(verb: str, words: list[str], removing: str) -> None:
    arguments, environment = command(verb, "homelab")
    assert arguments == ["pulumi", *words, "--stack", "homelab"]
    assert environment == {"PULUMI_RUN_PROGRAM": "true", "IMMICH_ICLOUD_REMOVING": removing}


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
    assert end.value.code == (
        "error: STACK=lab: there is no Pulumi.lab.yaml. Write it: `make new STACK=lab`. "
        "Stacks of this project: homelab, homelab.old"
    )


VOLUME = {
    "op": "replace",
    "type": "kubernetes:core/v1:PersistentVolume",
    "urn": "urn:pulumi:homelab::immich-icloud::kubernetes:core/v1:PersistentVolume::photos-volume",
}
END = '{"summaryEvent": {"result": "succeeded"}}\n'
REFUSAL = "  - PersistentVolume photos-volume would be replaced."


@pytest.fixture
def cli(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in of the CLI: a preview says what `told` has for its log, and ends as `status` has it."""
    (project / "told").write_text(END)
    (project / "status").write_text("0")
    (project / "bin" / "pulumi").write_text(
        """#!/bin/sh
test "$PULUMI_RUN_PROGRAM" = true || exit 8
echo "pulumi $*" | sed "s/ --event-log.*//"
test "$1" = preview || exit 0
test "$PULUMI_DEBUG_COMMANDS" = true || exit 9 # without it there is no such option
while test "$1" != --event-log; do shift; done
ls "$TMPDIR" > lying
cat told > "$2"
exit "$(cat status)"
"""
    )
    (project / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(project / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("PATH", f"{project / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def become(file: str, arguments: list[str], environment: dict[str, str]) -> None:
        assert file == arguments[0]
        sys.exit(subprocess.run(arguments, env=environment, check=False).returncode)

    monkeypatch.setattr(os, "execvpe", become)
    return project


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command: its exit status, the CLI's command lines, and its error."""

    def run(*words: str) -> tuple[int, list[str], str]:
        monkeypatch.setattr("sys.argv", ["deploy", *words])
        with pytest.raises(SystemExit) as end:
            deploy.main()
        calls = [
            line.removeprefix("pulumi ").replace(" --stack homelab", "") for line in capfd.readouterr().out.splitlines()
        ]
        return (1, calls, end.value.code) if isinstance(end.value.code, str) else (int(end.value.code or 0), calls, "")

    return run


def replaces_the_volume(cli: Path, *, protect: bool = False) -> None:
    metadata = {**VOLUME, "old": {"protect": protect}}
    (cli / "told").write_text(f"{json.dumps({'resourcePreEvent': {'metadata': metadata}})}\n{END}")


@pytest.mark.parametrize(
    ("words", "calls"),
    [
        (["preview"], ["preview --diff --ignore-protect"]),
        (["up"], ["preview --diff --ignore-protect", "up"]),
        (["down"], ["destroy --ignore-protect"]),
    ],
)
@pytest.mark.usefixtures("cli")
def test_up_begins_with_a_preview(run: Run, words: list[str], calls: list[str]) -> None:
    assert run(*words, "homelab") == (0, calls, "")


def test_a_preview_has_no_file_that_a_kill_could_leave(cli: Path, run: Run) -> None:
    assert run("preview", "homelab")[0] == 0
    assert (cli / "lying").read_text() == ""


def test_a_guard_stops_preview_and_up(cli: Path, run: Run) -> None:
    replaces_the_volume(cli)
    for verb in ("preview", "up"):
        status, calls, error = run(verb, "homelab")
        assert (status, calls) == (1, ["preview --diff --ignore-protect"])
        assert REFUSAL in error
        assert f"If that is meant: make {verb} STACK=homelab ARGS=--allow-data-loss" in error


def test_a_permitted_change_passes_the_policy(cli: Path, run: Run) -> None:
    replaces_the_volume(cli)
    assert run("preview", "homelab", "--allow-data-loss") == (0, ["preview --diff --ignore-protect"], "")
    assert run("up", "homelab", "--allow-data-loss") == (0, ["preview --diff --ignore-protect", "up"], "")


def test_removal_is_meant(cli: Path, run: Run) -> None:
    replaces_the_volume(cli)
    assert run("down", "homelab") == (0, ["destroy --ignore-protect"], "")


def test_a_red_preview_is_the_end(cli: Path, run: Run) -> None:
    replaces_the_volume(cli)
    (cli / "status").write_text("255")
    assert run("up", "homelab", "--allow-data-loss") == (1, ["preview --diff --ignore-protect"], "")


def test_up_lifts_protection_only_where_the_judged_preview_removes_what_is_protected(cli: Path, run: Run) -> None:
    replaces_the_volume(cli, protect=True)
    previewed = "preview --diff --ignore-protect"
    assert run("up", "homelab", "--allow-data-loss") == (0, [previewed, "up --ignore-protect"], "")
    assert run("up", "homelab")[:2] == (1, [previewed])


@pytest.mark.usefixtures("cli")
def test_yes_deploys_what_was_previewed(run: Run) -> None:
    assert run("up", "homelab", "--yes") == (0, ["preview --diff --ignore-protect", "up --yes --skip-preview"], "")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("", "it does not end"),
        (json.dumps({"resourcePreEvent": {"metadata": {**VOLUME, "op": "same"}}}), "it does not end"),
        (
            json.dumps({"resourcePreEvent": {"metadata": {**VOLUME, "op": "transmogrify"}}}),
            "'transmogrify' is not a valid",
        ),
        ("no JSON", "Expecting value"),
    ],
)
def test_what_can_not_be_guarded_is_not_deployed(cli: Path, run: Run, told: str, why: str) -> None:
    (cli / "told").write_text(told)
    for words in (["up"], ["up", "--allow-data-loss"], ["preview"]):
        status, calls, error = run(words[0], "homelab", *words[1:])
        assert (status, calls) == (1, ["preview --diff --ignore-protect"])
        assert error.startswith(
            "error: the Pulumi CLI's event log, by which a preview is guarded, can't be read. Take CLI"
        )
        assert why in error


CHECKPOINT = '{"version": 3, "checkpoint": {"latest": {}}}'


@pytest.fixture(params=["environment", "project", "login"])
def state(request: pytest.FixtureRequest, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stack's directory in a file backend, named in each of the ways that Pulumi knows."""
    url = f"file://{project}/my%20state?metadata=skip"
    match request.param:
        case "environment":
            monkeypatch.setenv("PULUMI_BACKEND_URL", url)
        case "project":
            (project / "Pulumi.yaml").write_text(f"name: immich-icloud\nbackend:\n  url: {url}\n")
        case _:
            (project / "pulumi").mkdir()
            (project / "pulumi" / "credentials.json").write_text(json.dumps({"current": url}))
    stacks = project / "my state" / ".pulumi" / "stacks" / "immich-icloud"
    stacks.mkdir(parents=True)
    (stacks / "homelab.json").write_text(CHECKPOINT)
    (stacks / "homelab.json.bak").write_text(CHECKPOINT)
    return stacks


@pytest.mark.parametrize(
    ("file", "left", "repair"),
    [
        ("homelab.json.attrs", "", "rm '{file}'"),
        ("homelab.json.attrs", '{"user.cache', "rm '{file}'"),
        ("homelab.json", "", "cp '{file}.bak' '{file}'"),
        ("homelab.json", CHECKPOINT[:20], "cp '{file}.bak' '{file}'"),
        ("../../meta.yaml", "", """sh -c 'echo "version: 1" >"$0"' '{file}'"""),
        ("../../../../pulumi/workspaces/a-workspace.json", "{", "rm {file}"),
    ],
)
@pytest.mark.parametrize("verb", ["up", "preview", "down"])
def test_a_state_that_a_kill_left_unreadable_is_refused_with_its_repair(
    state: Path, verb: str, file: str, left: str, repair: str
) -> None:
    command(verb, "homelab")
    damaged = (state / file).resolve()
    damaged.parent.mkdir(parents=True, exist_ok=True)
    damaged.write_text(left)
    with pytest.raises(StackError) as refused:
        command(verb, "homelab")
    commands = str(refused.value).partition(" any more, then: ")[2].split(" && ")
    assert commands == [repair.format(file=damaged), "pulumi cancel --stack homelab", "make up STACK=homelab"]

    subprocess.run(["/bin/sh", "-c", commands[0]], check=True, env={"PATH": "/usr/bin:/bin"})
    command(verb, "homelab")


def test_a_state_without_any_readable_copy_is_refused_with_where_earlier_ones_are(state: Path) -> None:
    for file in ("homelab.json", "homelab.json.bak"):
        (state / file).write_text("")
    with pytest.raises(StackError, match=r"copy the latest readable file of .*/backups/immich-icloud/homelab to "):
        command("up", "homelab")
