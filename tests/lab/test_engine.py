"""The engine on a program of another tree: what it imports of its own comes from there."""

import sys
from pathlib import Path

import pytest

import settings
from lab.engine import Engine
from lab.toolchain import Tools

PROGRAM = """
import pulumi
import settings

from settings.word import WORD

pulumi.export("word", WORD)
pulumi.export("place", settings.__file__)
"""


def tree(place: Path, word: str) -> Path:
    (place / "settings").mkdir(parents=True)
    (place / "settings" / "__init__.py").touch()
    (place / "settings" / "word.py").write_text(f"WORD = {word!r}\n")
    (place / "__main__.py").write_text(PROGRAM)
    return place


def test_each_program_imports_its_own_packages(tools: Tools, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: immich-icloud\nruntime: python\n")
    ours, path = sys.modules["settings"], list(sys.path)
    for word in ("one", "other"):
        source = tree(tmp_path / word, word)
        run = Engine(project, tmp_path / "home", "lab", tools, source / "__main__.py", source=source).run("up")
        assert run.succeeded, run.errors
        assert run.outputs == {"word": word, "place": str(source / "settings" / "__init__.py")}
    assert (sys.modules["settings"], sys.path) == (ours, path)
    assert sys.modules["settings"] is settings


@pytest.mark.usefixtures("tools")
def test_a_program_that_fails_leaves_our_packages_in_place(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: immich-icloud\nruntime: python\n")
    source = tree(tmp_path / "source", "word")
    (source / "settings" / "word.py").write_text("raise RuntimeError('broken')\n")
    run = Engine(tmp_path, tmp_path / "home", "lab", tools, source / "__main__.py", source=source).run("preview")
    assert not run.succeeded
    assert sys.modules["settings"] is settings
