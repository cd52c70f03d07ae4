"""How a rehearsal goes, on a stand-in of the control plane that only notes what is asked of it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.run import Diagnostic, Operation, Run, Step
from lab.errors import LabError
from ops.stack import StackError
from review import __main__ as command
from review.comment import Review, write
from review.embedded import Side
from review.rehearse import Change, rehearse
from review.repository import Repository
from tests.repositories import Clone

FILE = "Pulumi.homelab.yaml"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"


def stack_file(host: str) -> str:
    return f"config:\n  immich-icloud:host: {host}\n"


@dataclass
class Place:
    """What is asked, in order; each run says what `runs` has for it, or succeeds without any step."""

    runs: dict[str, Run] = field(default_factory=dict)
    wrong: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    pythons: list[Path] = field(default_factory=list)
    base: Path = Path("nowhere")

    def problems(self, _: Side) -> tuple[str, ...]:
        return self.wrong

    def start(self) -> None:
        self.asked.append("start")

    def run(self, operation: Operation, side: Side, lift: Sequence[str] = ()) -> Run:
        host = side.stack_file.split("host: ")[1].split()[0]
        assert (side.source / FILE).read_text() == stack_file(host)
        self.asked.append(" ".join([operation, host, *lift]))
        self.pythons.append(side.python)
        assert side.python.exists()
        return self.runs.get(self.asked[-1], Run(operation, succeeded=True))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(tmp_path / "clone")
    made.write("__main__.py", "")
    made.write(FILE, stack_file("old"))
    made.commit()
    made.branch("change")
    made.write(FILE, stack_file("new"))
    return made


def review(clone: Clone, place: Place, *, allowed: bool = False) -> Review:
    place.base = clone.tree.with_name("base")

    @contextmanager
    def there() -> Iterator[Place]:
        yield place

    change = Change("homelab", "main", allowed=allowed)
    return rehearse(change, Repository(clone.tree), there, lambda _: None)  # type: ignore[arg-type]


def preview(*steps: Step) -> dict[str, Run]:
    return {"preview new": Run("preview", succeeded=True, steps=list(steps))}


def test_base_then_preview_then_the_change(clone: Clone) -> None:
    place = Place()
    assert review(clone, place).passes
    assert place.asked == ["start", "up old", "preview new", "up new"]


def test_protection_is_lifted_of_what_the_preview_removes(clone: Clone) -> None:
    place = Place(preview(Step("replace", CLAIM, "photos-claim", urn="urn:claim", protected=True)))
    review(clone, place, allowed=True)
    assert place.asked[-1] == "up new urn:claim"


@pytest.mark.parametrize(("allowed", "last"), [(False, "preview new"), (True, "up new")])
def test_what_is_refused_is_deployed_only_where_it_is_allowed(clone: Clone, *, allowed: bool, last: str) -> None:
    place = Place(preview(Step("replace", CLAIM, "photos-claim")))
    assert review(clone, place, allowed=allowed).passes == allowed
    assert place.asked[-1] == last


def test_what_differs_is_told_by_what_main_states(clone: Clone) -> None:
    """Read back from a cluster, an input that the API server leaves out would seem to be new."""
    stated = {"spec": {"storageClassName": "", "volumeName": "a"}}
    read_back, wanted = {"spec": {"volumeName": "a"}}, {"spec": {"storageClassName": "", "volumeName": "b"}}
    base = Run("up", succeeded=True, steps=[Step("create", CLAIM, "photos-claim", {}, stated)])
    place = Place({"up old": base, **preview(Step("replace", CLAIM, "photos-claim", read_back, wanted))})
    found = review(clone, place).preview
    assert found
    assert dict(found.steps[0].differences) == {"spec.volumeName": ("a", "b")}


def since(clone: Clone, change_main: Callable[[], object], changed: tuple[str, str]) -> None:
    """A change of a file since `main` was changed."""
    clone.git("checkout", "--quiet", "--force", "main")
    change_main()
    clone.commit()
    clone.branch("change")
    clone.write(*changed)


def test_a_stack_that_main_does_not_have(clone: Clone) -> None:
    since(clone, lambda: clone.git("rm", "--quiet", FILE), (FILE, stack_file("new")))
    place = Place()
    text = write(review(clone, place))
    assert place.asked == ["start", "preview new", "up new"]
    assert "In `main` there is no stack `homelab`: all of it is new." in text


@pytest.mark.parametrize(
    ("allowed", "verdict", "last"),
    [(False, "**It fails.**", "preview new"), (True, "**It passes**, as that is allowed.", "up new")],
)
def test_a_main_that_does_not_deploy_leaves_the_guards_blind(
    clone: Clone, *, allowed: bool, verdict: str, last: str
) -> None:
    """A claim that would be replaced is one that would be created, where there was none."""
    base = Run("up", diagnostics=[Diagnostic("error", "no\n`node`")])
    place = Place({"up old": base, **preview(Step("create", CLAIM, "photos-claim"))})
    found = review(clone, place, allowed=allowed)
    assert (found.passes, place.asked[-1]) == (allowed, last)
    text = write(found)
    assert "What `main` has can't be deployed itself: `` no `node` ``" in text
    assert (
        f"{verdict} What the change started from was not deployed: the change policy had nothing to compare with"
        in text
    )
    assert ("What lets it pass: the label `allow-data-loss`" in text) != allowed


def test_a_main_whose_file_is_no_stack_file(clone: Clone) -> None:
    since(clone, lambda: clone.write(FILE, "config: [\n"), (FILE, stack_file("new")))
    place = Place()
    text = write(review(clone, place))
    assert place.asked == ["start", "preview new"]
    assert f"What `main` has can't be deployed itself: `{FILE} is not YAML" in text


def locked(clone: Clone, before: str, after: str) -> None:
    since(clone, lambda: clone.write("requirements.txt", before), ("requirements.txt", after))
    clone.write(FILE, stack_file("new"))


def test_a_side_whose_lock_is_the_same_runs_on_the_same_libraries(clone: Clone) -> None:
    locked(clone, "# nothing\n", "# nothing\n")
    place = Place()
    review(clone, place)
    assert set(place.pythons) == {Path(sys.executable)}


def test_the_base_of_a_changed_lock_runs_on_its_own_libraries(clone: Clone) -> None:
    locked(clone, "# nothing\n", "# something\n")
    place = Place()
    assert review(clone, place).passes
    base, *change = place.pythons
    assert set(change) == {Path(sys.executable)}
    assert base.parent.parent.name == "libraries"


def test_a_changes_own_settings_of_the_installer_do_not_touch_the_base(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked(clone, "# nothing\n", "# something\n")
    clone.write("uv.toml", "no TOML\n")
    monkeypatch.chdir(clone.tree)
    assert not review(clone, Place()).unguarded


@pytest.mark.parametrize(
    "lock", ["six==1.17.0\n", "six==1.17.0 --hash=sha256:" + 64 * "0" + "\n"], ids=["none", "wrong"]
)
def test_libraries_that_their_hash_does_not_vouch_for_are_not_run(clone: Clone, lock: str) -> None:
    locked(clone, lock, "# nothing\n")
    place = Place()
    found = review(clone, place)
    assert (place.asked, found.unguarded) == (["start", "preview new"], True)
    assert "six" in write(found)


def test_a_file_that_is_no_stack_file_starts_nothing(clone: Clone) -> None:
    clone.write(FILE, "config: [\n")
    place = Place()
    found = review(clone, place)
    assert (place.asked, found.passes) == ([], False)
    assert found.problems[0].startswith(f"{FILE} is not YAML: ")


@pytest.mark.parametrize("path", [FILE, "settings", "components/a.py"])
def test_a_link_in_place_of_a_file_starts_nothing(clone: Clone, path: str) -> None:
    """What it leads to changes without it: that review would say that nothing is deployed."""
    clone.write("docs/real", stack_file("new"))
    (clone.tree / path).parent.mkdir(exist_ok=True)
    (clone.tree / path).unlink(missing_ok=True)
    (clone.tree / path).symlink_to(clone.tree / "docs/real")
    place = Place()
    found = review(clone, place)
    assert (place.asked, found.passes) == ([], False)
    assert path in found.problems[0]


def test_a_main_with_a_link_out_of_its_tree_leaves_the_guards_blind(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "--force", "main")
    (clone.tree / "a").symlink_to("/etc/passwd")
    clone.commit()
    clone.branch("change")
    clone.write(FILE, stack_file("new"))
    place = Place()
    assert review(clone, place).unguarded
    assert place.asked == ["start", "preview new"]


def test_a_file_with_problems_starts_nothing(clone: Clone) -> None:
    place = Place(wrong=("immich-icloud:host: is missing",))
    found = review(clone, place)
    assert (place.asked, found.passes, found.problems) == ([], False, place.wrong)


def test_no_such_stack(clone: Clone) -> None:
    (clone.tree / FILE).unlink()
    with pytest.raises(StackError, match=r"^STACK=homelab: there is no Pulumi\.homelab\.yaml"):
        review(clone, Place())


def test_a_red_preview_and_a_red_deployment_do_not_pass(clone: Clone) -> None:
    for run in ("preview new", "up new"):
        red = Run("up", diagnostics=[Diagnostic("error", "it is red")])
        found = review(clone, Place({run: red}))
        assert not found.passes
        assert "- `it is red`" in write(found)


# The real preview's comment.


@pytest.mark.parametrize(("allowed", "ended"), [(False, 1), (True, 0)])
def test_a_real_preview_makes_the_same_comment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, allowed: bool, ended: int
) -> None:
    run = Run("preview", succeeded=True, steps=[Step("delete", CLAIM, "photos-claim")])
    monkeypatch.setattr("ops.deploy.preview", {"homelab": run}.__getitem__)
    file = tmp_path / "comment.md"
    words = ["--allow-data-loss"] if allowed else []
    assert status(monkeypatch, "preview", "homelab", "--comment", str(file), *words) == ended
    assert file.read_text() == write(
        Review("homelab", "preview", "make preview STACK=homelab", preview=run, allowed=allowed)
    )


def fails(error: BaseException) -> Callable[..., Run]:
    def failing(*_: object) -> Run:
        raise error

    return failing


@pytest.mark.parametrize("error", [StackError("no stack"), OSError("no pulumi"), LabError("no etcd")], ids=repr)
@pytest.mark.parametrize("words", [["preview", "homelab"], ["rehearse", "homelab", "main"]], ids=lambda words: words[0])
def test_what_keeps_a_review_from_being_made_is_its_comment(
    error: Exception,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a new comment, one that says of an earlier commit that it passes would stay."""
    monkeypatch.setattr("ops.deploy.preview", fails(error))
    monkeypatch.setattr("review.__main__.rehearse", fails(error))
    file = tmp_path / "comment.md"
    assert status(monkeypatch, *words, "--comment", str(file)) == 1
    assert f"### Errors\n\n- `{error}`\n" in file.read_text()
    assert capsys.readouterr().err == f"error: {error}\n"


@pytest.mark.parametrize("words", [["preview", "homelab"], ["rehearse", "homelab", "main"]], ids=lambda words: words[0])
def test_a_review_that_is_killed_leaves_no_comment_of_an_earlier_one(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SystemExit stands for whatever ends the process: nothing of the review runs after it."""
    monkeypatch.setattr("ops.deploy.preview", fails(SystemExit(0)))
    monkeypatch.setattr("review.__main__.rehearse", fails(SystemExit(0)))
    file = tmp_path / "comment.md"
    file.write_text("**It passes.**")
    status(monkeypatch, *words, "--comment", str(file))
    assert "**It fails.**" in file.read_text()
    assert "did not finish" in file.read_text()


def test_a_file_that_is_not_yaml_has_its_comment_on_the_runner_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: name)
    Path(FILE).write_text("config: [\n")
    assert status(monkeypatch, "preview", "homelab", "--comment", "comment.md") == 1
    assert f"- `STACK=homelab: {FILE} is not YAML: " in Path("comment.md").read_text()


def status(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setattr("sys.argv", ["review", *words])
    with pytest.raises(SystemExit) as end:
        command.main()
    return end.value.code


@pytest.mark.parametrize(
    "touched", [".github/workflows/preview.yaml", "engine/change_policy.py", "lab/a.py", "review/a.py"]
)
@pytest.mark.parametrize(
    "words", [["preview", "homelab", "--base", "main"], ["rehearse", "homelab", "main"]], ids=lambda words: words[0]
)
def test_a_change_of_its_own_judge_is_named(
    clone: Clone, touched: str, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where nothing that is deployed changes, and nothing is rehearsed."""
    monkeypatch.setattr("ops.deploy.preview", lambda _: Run("preview", succeeded=True))
    clone.branch("judge")
    monkeypatch.chdir(clone.tree)
    note = f"This change touches what judges it: `{touched.partition('/')[0]}/`. Read that first."
    clone.write("docs/a.md", "")
    assert status(monkeypatch, *words) == 0
    assert "judges" not in capsys.readouterr().out
    clone.write(touched, "")
    assert status(monkeypatch, *words) == 0
    assert note in capsys.readouterr().out
