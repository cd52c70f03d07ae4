"""The pictures in README.md and docs/ are what the program draws."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

import pytest

from ops.checks.check import DoesNotApply, Passed
from ops.diagram.dot import svg
from ops.diagram.graph import Graph, Group, Node, Shape, Whose
from ops.diagram.states import with_states
from ops.pictures import DIAGRAM, PASSED, RECORDED, diagram, table
from ops.recorded import verdict
from ops.verify import as_json
from tests.drawn import README, in_readme, of_lab
from tests.font_widths import FONTS, width

ANEW = "make up && make pictures"
recorded = pytest.mark.parametrize("file", [RECORDED, PASSED], ids=lambda file: file.name)


def test_the_readme_shows_the_examples_stack() -> None:
    assert README.read_text() == in_readme(README.read_text()), ANEW
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


SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def outside(picture: str, font: str) -> list[str]:
    """The texts that reach over the edge of their node or frame."""
    found = []
    for group in ET.fromstring(picture).iter(f"{SVG}g"):  # noqa: S314 (drawn here)
        if group.get("class") in {"node", "cluster"}:
            left, right = edges(group)
            for text in group.iter(f"{SVG}text"):
                middle, wide = float(text.get("x", 0)), width(text.text or "", font, float(text.get("font-size", 0)))
                if middle - wide / 2 < left or middle + wide / 2 > right:
                    found.append(text.text or "")
    return found


def edges(group: Element) -> tuple[float, float]:
    """Where a node or a frame begins and ends."""
    ellipse = group.find(f"{SVG}ellipse")
    if ellipse is not None:
        middle, radius = float(ellipse.get("cx", 0)), float(ellipse.get("rx", 0))
        return middle - radius, middle + radius
    shapes = [*group.iter(f"{SVG}path"), *group.iter(f"{SVG}polygon")]
    numbers = [float(one) for shape in shapes for one in NUMBER.findall(shape.get("d") or shape.get("points") or "")]
    return min(numbers[::2]), max(numbers[::2])


LONG = Graph(
    (
        Node("a", ("Deployment", f"a-name-of-sixty-three-letters-{'wm' * 16}"), Whose.OURS, "a", "g"),
        Node("b", ("nas.example.com:/volume1/very/deep/folder/of/family",), Whose.OURS, "b", shape=Shape.DISK),
        Node("c", ("Internet",), Whose.OTHERS, "c", shape=Shape.CLOUD),
    ),
    (),
    (Group("g", "namespace a-name-of-sixty-three-letters (not managed here)", Whose.OTHERS),),
)


def test_no_text_leaves_its_box() -> None:
    _, judged = verdict(RECORDED.read_text())
    for picture in map(svg, (of_lab(), with_states(of_lab(), judged), LONG)):
        assert {font: outside(picture, font) for font in FONTS} == {font: [] for font in FONTS}


def test_each_line_of_the_table_has_its_width() -> None:
    """What is measured in the font of a terminal is drawn as wide in any other."""
    texts = re.findall(r"<text [^>]*>", RECORDED.with_suffix(".svg").read_text())
    assert [one for one in texts if "textLength" not in one and "-title" not in one] == []


def test_pictures_have_a_ground_of_their_own() -> None:
    """Their colours are read on it, on a light page and on a dark one."""
    assert '<polygon fill="white"' in DIAGRAM.read_text()
    assert 'fill="#292929"' in RECORDED.with_suffix(".svg").read_text()
