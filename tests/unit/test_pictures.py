"""The pictures in README.md and docs/ are what the program draws."""

import re
from pathlib import Path

import pytest

from ops.checks.check import DoesNotApply, Passed
from ops.pictures import DIAGRAM, PASSED, README, RECORDED, diagram, in_readme, table
from ops.recorded import verdict
from ops.verify import as_json
from tests.drawn import of_lab

ANEW = "make up && make pictures"
recorded = pytest.mark.parametrize("file", [RECORDED, PASSED], ids=lambda file: file.name)


def test_the_readme_shows_the_rehearsals_stack() -> None:
    assert README.read_text() == in_readme(README.read_text(), of_lab()), ANEW
    assert README.read_text().count("```mermaid") == 1


def test_the_diagram_is_as_graphviz_draws_it() -> None:
    _, judged = verdict(RECORDED.read_text())
    assert DIAGRAM.read_text() == diagram(of_lab(), judged), ANEW


@recorded
def test_the_table_is_as_verify_shows_it(file: Path) -> None:
    _, judged = verdict(file.read_text())
    assert file.with_suffix(".svg").read_text() == table(judged), ANEW


@recorded
def test_the_recorded_result_is_what_verify_prints(file: Path) -> None:
    stack, judged = verdict(file.read_text())
    assert stack == "lab"
    assert file.read_text() == f"{as_json(stack, judged)}\n"


def test_the_healthy_one_passed() -> None:
    _, judged = verdict(PASSED.read_text())
    assert all(isinstance(result, Passed | DoesNotApply) for result in judged.values())


def test_no_picture_fetches_anything() -> None:
    for file in (DIAGRAM, RECORDED.with_suffix(".svg"), PASSED.with_suffix(".svg")):
        picture = file.read_text()
        assert "url(http" not in picture
        assert "@font-face" not in picture
        assert set(re.findall(r'(?:href|src|xmlns\S*)="([^"#][^"]*)"', picture)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }
