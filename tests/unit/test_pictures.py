"""The pictures in README.md and docs/ are what the program draws."""

import re

from ops.pictures import DIAGRAM, README, RECORDED, TABLE, diagram, in_readme, table
from ops.recorded import verdict
from ops.verify import as_json
from tests.drawn import of_lab

ANEW = "make up && make pictures"
STACK, JUDGED = verdict(RECORDED.read_text())


def test_the_readme_shows_the_rehearsals_stack() -> None:
    assert README.read_text() == in_readme(README.read_text(), of_lab()), ANEW
    assert README.read_text().count("```mermaid") == 1


def test_the_diagram_is_as_graphviz_draws_it() -> None:
    assert DIAGRAM.read_text() == diagram(of_lab(), JUDGED), ANEW


def test_the_table_is_as_verify_shows_it() -> None:
    assert TABLE.read_text() == table(JUDGED), ANEW
    assert STACK == "lab"


def test_the_recorded_result_is_what_verify_prints() -> None:
    assert RECORDED.read_text() == f"{as_json(STACK, JUDGED)}\n"


def test_no_picture_fetches_anything() -> None:
    for file in (DIAGRAM, TABLE):
        picture = file.read_text()
        assert "url(http" not in picture
        assert "@font-face" not in picture
        assert set(re.findall(r'(?:href|src|xmlns\S*)="([^"#][^"]*)"', picture)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }
