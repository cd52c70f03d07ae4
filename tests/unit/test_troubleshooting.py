"""docs/troubleshooting.md says what the checks say."""

from ops.checks import CHECKS
from ops.troubleshooting import FILE, text
from text.finding import cell


def test_the_file_is_as_the_table_makes_it() -> None:
    assert FILE.read_text() == text(), "make troubleshooting"


def test_every_fault_has_its_line() -> None:
    lines = [line for line in text().splitlines() if line.startswith("| ") and line.endswith("` |")]
    assert len(lines) == sum(len(check.faults) for check in CHECKS)
    assert "| record-missing | the host's DNS record was removed | `make up STACK=<stack>` |" in lines


def test_what_a_stack_fills_in_is_no_markup_in_a_table() -> None:
    assert cell("see <pod> | `make up STACK=<stack> | cat`") == r"see \<pod> \| `make up STACK=<stack> \| cat`"
