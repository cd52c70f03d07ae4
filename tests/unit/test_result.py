"""What a script reports, read back, whatever it had to say."""

import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from clients import result
from clients.result import Code
from components import scripts, tell
from tests.node_stand_in import shells

SCRIPTS = [place for kind in ("sh", "awk") for place in sorted(Path(scripts.__file__).parent.rglob(f"*.{kind}"))]
# Those that are reported by a value: a class of failures, and what is found of a marker file.
VALUES = re.compile(r"(?:found\(\"|ask_for_mark |\bcode=)([a-z]+(?:-[a-z]+)*)")
REPORTED = re.compile(r"\b(?:report|report_space|refuse|tell|finish|fail|printf '%s\\n') ([a-z]+(?:-[a-z]+)*) \"")


def reported(shell: tuple[str, ...], *words: str) -> tuple[str, str]:
    """What a script writes that reports these words: to its log, and as its termination message."""
    with tempfile.TemporaryDirectory() as folder:
        message = Path(folder, "message")
        text = scripts.script().replace("/dev/termination-log", str(message))
        done = subprocess.run(
            [*shell, "-c", f'{text}\nreport "$@"', "script", *words], capture_output=True, text=True, check=True
        )
        assert not done.stderr
        return done.stdout, message.read_text()


@pytest.mark.parametrize("shell", shells().values(), ids=list(shells()))
@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("", ""),
        ('a "quoted" \\ word\\n', 'a "quoted" \\ word\\n'),
        ("two\nlines\tand a \x1b[31mcolour\x7f", "two lines and a  [31mcolour "),
        ("写真 Фото ü {}[],:", "写真 Фото ü {}[],:"),
        ("$(id) `id` %s &", "$(id) `id` %s &"),
        ("-n", "-n"),
        ("one\u2028line\u0085", "one\u2028line\u0085"),
        ("写" * 2000, "写" * 333),
        ("x" * 5000, "x" * 1000),
    ],
)  # fmt: skip
def test_any_sentence_is_read_back(shell: tuple[str, ...], said: str, read: str) -> None:
    log, message = reported(shell, "synced", said)
    found = result.parse(f"a line before\n{log}")
    assert found
    assert found == result.parse(message)
    assert found.message == read
    assert len(message.encode()) < 2048, "the kubelet keeps no more of a log's end"


def test_values_have_their_types_and_unknown_ones_are_left_out() -> None:
    values = ["free", "20", "onNode", "false", "device", "64768", "fingerprint", "1 2", "total", "", "later", "x"]
    found = result.parse(reported(("/bin/sh",), "synced", "it is", *values, "inodes", "0", "id", "007")[0])
    assert found
    assert (found.free, found.on_node, found.device, found.fingerprint) == (20, False, "64768", "1 2")
    assert (found.total, found.inodes, found.id) == (None, 0, "007")


@pytest.mark.parametrize("text", ["", "\n\n", "a line", '{"code":"synced"}', '{"code":"synced","mess', "{}", "[1]"])
def test_what_is_no_report(text: str) -> None:
    assert result.parse(text) is None


def test_each_code_is_in_the_table_and_each_of_the_table_is_reported() -> None:
    texts = [place.read_text() for place in SCRIPTS]
    found = {code for text in texts for code in (*REPORTED.findall(text), *VALUES.findall(text))}
    assert found | {Code.SENT, Code.NOT_SENT} == set(Code), "those two are of tell.py, which is no shell's"
    assert all(f'"{code}"' in Path(tell.__file__).read_text() for code in (Code.SENT, Code.NOT_SENT))
