"""docs/messages.md has each message as the code words it, and codes are what programs can know them by."""

import re
from types import ModuleType

import pytest

import ops.checks.wording
from lab.engine import SOURCE
from ops.messages import FILE, PACKAGES, situations, text
from tests.golden import write

MODULES = [*PACKAGES.values(), ops.checks.wording]


def test_the_file_is_as_the_code_words_it() -> None:
    assert FILE.read_text() == text(), "make messages"


@pytest.mark.parametrize("name", write.FILES)
def test_each_word_that_comes_out_is_kept(name: str) -> None:
    assert (write.FOLDER / name).read_text() == write.text(name), "make messages"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_each_situation_has_a_code_of_its_own(module: ModuleType) -> None:
    codes = [one.code for one in situations(module)]
    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_each_command_of_the_makefile_names_its_stack(module: ModuleType) -> None:
    """Without its stack, a command that is copied would run on the rehearsal."""
    targets = "|".join(re.findall(r"^([a-z][a-z-]*):", (SOURCE / "Makefile").read_text(), re.MULTILINE))
    said = {one.code: f"{one.text} {one.cause} {one.remedy}" for one in situations(module)}
    assert [code for code, words in said.items() if re.search(rf"\bmake ({targets})\b(?! STACK=\$)", words)] == []
