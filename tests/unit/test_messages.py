"""docs/messages.md has each message as the code words it, and codes are what programs can know them by."""

import re

from ops.messages import FILE, PACKAGES, situations, text

SITUATIONS = [one for module in PACKAGES.values() for one in situations(module)]


def test_the_file_is_as_the_code_words_it() -> None:
    assert FILE.read_text() == text(), "make messages"


def test_each_situation_has_a_code_of_its_own() -> None:
    codes = [one.code for one in SITUATIONS]
    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []
