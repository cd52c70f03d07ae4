"""The language check finds what people read, and leaves code and what tests feed alone."""

from pathlib import Path

import pytest

from tests import vocabulary


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("docs/a.md", "fine\nIt is somebody else's.\n", [2]),
        ("a.sh", "# made anew\n", [1]),
        ("ops/a.py", '"""A rule of ours\n\nis taken over."""\n', [1, 3]),
        ("ops/a.py", 'x = f"{y} comes for ever"  # in words\n', [1, 1]),
        ("ops/a.py", "taken_over = ours = anew\n", []),
        ("tests/a.py", 'assert said == "somebody"  # nobody knows\n', [1]),
        ("tests/a.py", "def test_a_rule_is_taken_over() -> None:\n    assert taken_over\n", [1]),
        ("docs/a.md", "Adopted, restored, managed by this stack.\n", []),
    ],
)
def test_other_words_are_found_where_they_are_read(
    name: str, text: str, lines: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "ROOT", tmp_path)
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    assert [int(one.split(":")[1]) for one in vocabulary.findings(file)] == lines
