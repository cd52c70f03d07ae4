"""The examples in docs/ are parts of tested stack files, each link leads somewhere, the index has every page, and
the Makefile fits a terminal."""

import re
from pathlib import Path

import pytest

from lab.engine import SOURCE
from lab.rehearsal import STACKS
from tests.stack_files import VALID

DOCS = SOURCE / "docs"
EXAMPLES = re.findall(
    r"\(\.\./tests/stacks/valid/([\w-]+\.yaml)\):\n\n```yaml\n(.*?)```", (DOCS / "examples.md").read_text(), re.DOTALL
)


@pytest.mark.parametrize(("name", "shown"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_is_part_of_a_stack_file(name: str, shown: str) -> None:
    (file,) = (one for one in VALID if one.name == name)
    assert f"\n{shown}" in file.read_text()


def test_each_kind_that_the_example_file_lacks_has_one() -> None:
    shown = {kind for _, text in EXAMPLES for kind in re.findall(r"^ +kind: (\w+)$", text, re.MULTILINE)}
    assert shown == {"local", "nfs", "csi", "existing", "gateway"}


def test_the_index_has_every_page() -> None:
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "README.md").read_text())
    assert sorted(listed) == sorted(page.name for page in DOCS.glob("*.md") if page.name != "README.md")


def test_the_help_fits_80_columns() -> None:
    described = dict(re.findall(r"^([a-z-]+):.*## (.*)$", (SOURCE / "Makefile").read_text(), re.MULTILINE))
    assert "up" in described
    assert [name for name, text in described.items() for part in text.split("; ") if len(part) > 60] == []


def test_the_makefile_rehearses_the_stacks_of_the_rehearsal() -> None:
    """The commands that a rehearsal prints name its stack, and have to run there."""
    (rehearsed,) = re.findall(r"^REHEARSED := (.*)$", (SOURCE / "Makefile").read_text(), re.MULTILINE)
    assert set(rehearsed.split()) == set(STACKS)


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*SOURCE.glob("*.md"), *DOCS.glob("*.md")], ids=lambda page: page.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)", prose)
    broken = []
    for target, anchor in links:
        there = (page.parent / target) if target else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(f"{target}#{anchor}")
    assert broken == []
