"""The comment: its order, its limit, and that no untrusted text in it is markup."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.run import Diagnostic, Run, Step
from review.comment import LIMIT, MARKER, Review, marker, write
from tests.unit.test_review_markdown import NASTY, tokens

COMMAND = "make review BASE=main STACK=homelab"
VOLUME = Step("replace", "kubernetes:core/v1:PersistentVolume", "photos-volume", {"spec": {"a": 1}}, {"spec": {"a": 2}})
MADE = Step("create", "kubernetes:core/v1:Secret", "token", {}, {"data": "[secret]"})
CHANGED = Step("update", "kubernetes:networking.k8s.io/v1:Ingress", "route", {"host": "a"}, {"host": "b"})
GONE = Step("delete", "kubernetes:batch/v1:CronJob", "sync", {"spec": "x"}, {})
PARTS = [Step(part, VOLUME.type, VOLUME.name) for part in ("create-replacement", "delete-replaced")]
SAME = Step("same", MADE.type, "other")


def run(*steps: Step, succeeded: bool = True, **said: str) -> Run:
    diagnostics = [Diagnostic(severity.rstrip("_"), text) for severity, text in said.items()]
    return Run("preview", succeeded=succeeded, steps=list(steps), diagnostics=diagnostics)


def review(preview: Run | None = None, *, allowed: bool = False) -> Review:
    return Review("homelab", "rehearsal", COMMAND, preview=preview, allowed=allowed)


def headings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("### ", "**"))]


def test_data_at_risk_comes_first() -> None:
    found = review(run(MADE, GONE, VOLUME, *PARTS, CHANGED, SAME, warning="look out"))
    text = write(found)
    assert not found.passes
    assert headings(text) == [
        "**Refused**: this change could lose data or cut off access. 4 resources change.",
        "### Refused",
        "### Warnings",
        "### Replaced or deleted",
        "### Changes",
        "### Manifests",
    ]
    table = [line for line in text.splitlines() if line.startswith("| ") and "resource" not in line]
    assert [row.split(" | ")[0].strip("| ") for row in table[1:]] == ["replace", "delete", "update", "create"]
    assert "| update | `Ingress route` | `host` |" in table
    assert "What lets it pass: the label `allow-data-loss`, or `ARGS=--allow-data-loss` at home." in text
    assert text.endswith(f"The same at home: `{COMMAND}`\n")


def test_what_is_allowed_is_reported_all_the_same() -> None:
    found = review(run(VOLUME), allowed=True)
    text = write(found)
    assert found.passes
    assert headings(text)[:2] == ["**It passes.** 1 resource changes.", "### Allowed, although it could lose data"]
    assert "What lets it pass" not in text


def test_errors_come_before_warnings_each_once() -> None:
    found = review(run(succeeded=False, error="Two things:\n  - one\n  - other", warning="careful", error_="again"))
    text = write(found)
    assert not found.passes
    assert headings(text) == ["**It fails.** Nothing would be deployed.", "### Errors", "### Warnings"]
    assert "- `Two things:`\n  - `one`\n  - `other`\n- `again`" in text


def test_a_deployment_that_fails() -> None:
    found = Review(
        "homelab", "rehearsal", COMMAND, preview=run(CHANGED), deployed=run(succeeded=False, error="no node")
    )
    assert not found.passes
    assert headings(write(found))[:2] == ["**It fails.** The deployment fails.", "### Errors"]


def test_nothing_changes() -> None:
    text = write(review(run(SAME)))
    assert headings(text) == ["**It passes**, and changes no resource."]


def test_the_marker_is_the_first_line_and_says_which_stack() -> None:
    assert write(review()).splitlines()[0] == marker("homelab") == "<!-- immich-icloud review: homelab -->"
    assert MARKER.fullmatch(marker("homelab"))
    assert not MARKER.fullmatch(f"{marker('homelab')}@everybody")


def test_scripts_differ_line_by_line() -> None:
    before, after = ({"command": ["sh", "-c", f"set -eu\necho {word}\nexit 0\n"]} for word in ("one", "two"))
    text = write(review(run(Step("update", CHANGED.type, "route", before, after))))
    assert "\n - |\n   set -eu\n-  echo one\n+  echo two\n   exit 0\n" in text


def test_many_changes_fit_and_what_is_left_out_is_reported() -> None:
    steps = [
        Step("update", CHANGED.type, f"route-{number:04}", {"spec": ["ä" * 500] * 3}, {"spec": [str(number)] * 200})
        for number in range(150)
    ]
    text = write(review(run(*steps, warning="w" * 1900)))
    assert 50_000 < len(text.encode()) <= LIMIT
    assert " more: there is no room for them here." in text
    assert " more lines: there is no room for them here." in text
    assert text.endswith(f"The same at home: `{COMMAND}`\n")


@given(st.lists(st.text(min_size=1, max_size=500), max_size=20), st.integers(3_000, 9_000))
def test_it_never_exceeds_its_limit(texts: list[str], limit: int) -> None:
    steps = [Step("update", CHANGED.type, text, {"a": text}, {"a": text[::-1]}) for text in texts]
    found = Review("homelab", "rehearsal", COMMAND, problems=tuple(texts), preview=run(*steps))
    assert len(write(found, limit).encode(errors="replace")) <= limit


@given(NASTY, NASTY)
def test_untrusted_text_is_no_markup(name: str, text: str) -> None:
    steps = [
        Step("update", f"a:{name}", text, {text: name}, {name: text}),
        Step("delete", VOLUME.type, name, {"metadata": {"name": text}}),
    ]
    preview = run(*steps, warning=text, error=name)
    page = write(Review("homelab", "rehearsal", COMMAND, problems=(text,), preview=preview))
    for token in tokens(page):
        if token.type in {"text", "inline", "html_inline", "link_open", "image"} and token.type != "inline":
            assert token.type == "text"
            assert "@" not in token.content
            assert "<" not in token.content
        if token.type == "html_block":
            lines = token.content.strip().splitlines()
            assert all(
                line.startswith(("<!-- immich-icloud", "<details><summary><code>", "</details>")) for line in lines
            )
            assert len(lines) == 1


@pytest.mark.parametrize("kind", ["rehearsal", "preview"])
def test_the_title_says_what_it_is(kind: str) -> None:
    title = write(Review("homelab", kind, COMMAND)).splitlines()[2]  # type: ignore[arg-type]
    assert (
        title
        == {
            "rehearsal": "## `homelab`: a rehearsal, without its cluster",
            "preview": "## `homelab`: a preview, of its cluster as it is",
        }[kind]
    )
