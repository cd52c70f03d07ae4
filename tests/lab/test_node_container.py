"""What a container's command, arguments and environment become on this machine, where folders play its mounts."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.node.container import Container, Image
from lab.node.programs import put


def run(tmp_path: Path, *words: str, env: dict[str, str] | None = None, **more: Any) -> str:
    """What a container says whose mount point /photos is a folder, and /photos/deep another one."""
    mounts = {"/photos": tmp_path / "photos", "/photos/deep": tmp_path / "deep", "/tmp": tmp_path}  # noqa: S108
    for place in mounts.values():
        place.mkdir(exist_ok=True)
    command = ["sh", "-c", *words]
    container = Container.of({"command": command, **more}, env or {}, mounts)
    started = container.start(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = started.communicate(timeout=20)
    return container.shown(said).decode()


@pytest.mark.parametrize(
    "script",
    [
        "echo x >/photos/a; cat /photos/a",
        "echo x > '/photos/a' && cat \"/photos/a\"",
        "place=/photos; echo x >$place/a; cat $place/a",
        "cd /photos; echo x >a; cat a;",
        "(cd /photos && echo x) >/photos/a|cat; cat /tmp/photos/a",
    ],
)
def test_a_path_in_a_script_is_the_folders(tmp_path: Path, script: str) -> None:
    assert run(tmp_path, script) == "x\n"
    assert (tmp_path / "photos" / "a").read_text() == "x\n"


def test_a_folder_with_a_blank_in_its_name(tmp_path: Path) -> None:
    place = tmp_path / "of anna"
    place.mkdir()
    said = run(place, "mkdir -p /photos/a && cd '/photos/a' && pwd -P", args=["sh", "/photos"], workingDir="/photos")
    assert said == "/photos/a\n"
    assert (place / "photos" / "a").is_dir()


def test_only_root_can_give_files_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (tmp_path / "photo").touch()
    container = Container.of(
        {"command": ["chown", "1234:1234", "/photo"]}, {}, {"/photo": tmp_path / "photo"}, put(tmp_path)
    )
    assert container.start().wait(timeout=20) == 0
    assert (tmp_path / "photo").stat().st_uid == os.getuid()


def test_a_path_in_arguments_and_environment_is_the_folders(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a").write_text("x")
    script = 'cat "$1"; cat "${2#--directory=}/a"; cat "$PLACE/a"; pwd -P'
    said = run(
        tmp_path, script, "sh", "/photos/a", "--directory=/photos", env={"PLACE": "/photos"}, workingDir="/photos"
    )
    assert said == "xxx/photos\n"


def test_of_two_mount_points_the_deeper_one_counts(tmp_path: Path) -> None:
    assert run(tmp_path, "echo x >/photos/deep/a; ls /photos/deep") == "a\n"
    assert (tmp_path / "deep" / "a").exists()


@pytest.mark.parametrize(
    "text", ["my/photos", "s/photos/x/", "/photos-of-anna", "http://host/photos", "/photosphere", "$HOME/photos", ""]
)
def test_what_only_looks_like_a_mount_point_stays(tmp_path: Path, text: str) -> None:
    assert run(tmp_path, 'printf %s "$1"; printf %s "$TEXT"', "sh", text, env={"TEXT": text}) == text + text


@pytest.mark.parametrize(
    ("stated", "becomes"),
    [
        ("$(NAME)", "anna"),
        ("a $(NAME) b $(NAME)", "a anna b anna"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$(id -u)", "$(id -u)"),
        ("$$(NAME)", "$(NAME)"),
        ("$$", "$"),
        ("$NAME", "$NAME"),
        ("$(NAME", "$(NAME"),
    ],
)
def test_references_to_variables_are_the_kubelets(tmp_path: Path, stated: str, becomes: str) -> None:
    env = {"NAME": "anna", "TEXT": stated}
    assert run(tmp_path, 'printf %s "$1"; printf " %s" "$TEXT"', "sh", args=[stated], env=env) == f"{becomes} {becomes}"


def test_only_what_is_stated_is_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-whoever-runs-this")
    assert "of-whoever-runs-this" not in run(tmp_path, "env")


def test_a_stand_in_plays_a_program_of_the_image(tmp_path: Path) -> None:
    program = tmp_path / "played"
    program.write_text("#!/bin/sh\necho played $1\n")
    program.chmod(0o755)
    container = Container.of({"command": ["/app/icloudpd", "x"]}, {}, {}, Image(programs={"/app/icloudpd": program}))
    started = container.start(stdout=subprocess.PIPE)
    assert started.communicate(timeout=20)[0] == b"played x\n"
