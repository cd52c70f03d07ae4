"""Reviews of whole pull requests, each held against a comment in `tests/reviews`, file by file.

After a change of what a comment says: remove its file there, run the test, which writes it again, and read it.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import psutil
import pytest

from engine.run import Operation, Run
from lab.engine import PACKAGES, SOURCE, Engine
from lab.processes import HOME_MARK
from lab.toolchain import Tools
from review import comment
from review.comment import Review
from review.embedded import Embedded, Side, embedded
from review.rehearse import Change, rehearse
from review.repository import Repository
from review.stack_file import rehearsed
from tests.rehearsal.conftest import until
from tests.repositories import Clone

REVIEWS = Path(__file__).parents[1] / "reviews"
FILE = "Pulumi.homelab.yaml"
PLAIN = "hush5-of-a-hurried-committer"
BEGINS = ["starting the control plane\n", "deploying what the change started from\n"]
Places = Callable[[], AbstractContextManager[Embedded]]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The project, committed as `main`."""
    made = Clone(tmp_path_factory.mktemp("clone"))
    for name in ("__main__.py", "Pulumi.yaml", FILE, "requirements.txt", "README.md"):
        shutil.copy(SOURCE / name, made.tree)
    for package in PACKAGES:
        shutil.copytree(SOURCE / package, made.tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    made.write(".gitignore", "__pycache__/\n")
    made.commit()
    return made


@pytest.fixture(scope="module")
def place(tools: Tools) -> Iterator[Embedded]:
    """One control plane for several reviews. What is deployed there already is not deployed again."""
    with embedded("homelab", tools) as made:
        deployed: dict[str, Run] = {}
        real = made.run

        def run(operation: Operation, side: Side, lift: Sequence[str] = ()) -> Run:
            if operation != "up":
                return real(operation, side)
            if side.stack_file not in deployed:
                made_now = real(operation, side, lift)
                deployed.clear()
                deployed[side.stack_file] = made_now
            return deployed[side.stack_file]

        made.run = run  # type: ignore[method-assign]
        yield made


def edit(clone: Clone, path: str, old: str, new: str) -> None:
    text = (clone.tree / path).read_text()
    assert text.count(old) == 1
    clone.write(path, text.replace(old, new))
    clone.commit()


def reviewed(clone: Clone, places: Places) -> Review:
    return rehearse(Change("homelab", "main", allowed=False), Repository(clone.tree), places, lambda _: None)


def nothing_starts() -> AbstractContextManager[Embedded]:
    raise AssertionError("a control plane is asked for")


def check(name: str, review: Review) -> None:
    """Hold the comment against its file, as a whole."""
    file = REVIEWS / f"{name}.md"
    text = comment.write(review)
    if not file.exists():
        file.write_text(text)
        pytest.fail(f"{file} was not there: it is written now. Read it")
    assert text == file.read_text()


def test_a_change_of_documents_starts_nothing(clone: Clone) -> None:
    clone.branch("docs")
    edit(clone, "README.md", "# immich-icloud\n", "# immich-icloud\n\nA sentence.\n")
    review = reviewed(clone, nothing_starts)
    assert review.passes
    check("docs", review)


def test_a_broken_stack_file_is_not_deployed(clone: Clone, place: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    clone.branch("broken")
    edit(clone, FILE, "port: 3001", "port: immich")
    monkeypatch.setattr(place, "start", nothing_starts)
    review = reviewed(clone, lambda: nullcontext(place))
    assert not review.passes
    check("broken", review)


@pytest.mark.parametrize("key", ["cloudflareToken", "immichApiKey", "icloudCredentials"])
def test_a_secret_in_plain_text_is_not_in_the_comment(
    key: str, clone: Clone, place: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone.branch(f"plain-{key}")
    edit(clone, FILE, "config:\n", f"config:\n  immich-icloud:{key}: {PLAIN}\n")
    monkeypatch.setattr(place, "start", nothing_starts)
    review = reviewed(clone, lambda: nullcontext(place))
    assert not review.passes
    assert f"immich-icloud:{key}" in comment.write(review)
    assert PLAIN not in comment.write(review)


ELSEWHERE = {
    "JSON": 'immich-icloud:cluster: \'{"kubeconfig": "~/.kube/config", "context": "home", "identifier": "home"}\'',
    "the long key": "immich-icloud:config:cluster: {kubeconfig: ~/.kube/config, context: home, identifier: home}",
    "a merge": "x:y: &c {kubeconfig: ~/.kube/config, context: home}\n"
    "  immich-icloud:cluster: {<<: *c, identifier: home}",
    "the project's": "",
    "one key only": "immich-icloud:cluster: {kubeconfig: ~/.kube/config, <<: {context: home}}",
}


@pytest.mark.parametrize("written", ELSEWHERE.values(), ids=ELSEWHERE)
def test_no_spelling_of_another_cluster_is_deployed_to(
    written: str, place: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the change nor by what it started from: `make review` runs where the homelab is in reach."""
    monkeypatch.setattr(Engine, "run", nothing_starts)
    kept = "".join(
        block
        for block in re.split(r"(?m)^(?=  immich-icloud:)", (SOURCE / FILE).read_text())
        if ":cluster:" not in block
    )
    text = kept.replace("config:\n", f"config:\n  {written}\n", 1)
    project = (SOURCE / "Pulumi.yaml").read_text()
    if not written:
        project += (
            "config:\n  immich-icloud:cluster:\n"
            "    value: {kubeconfig: ~/.kube/config, context: home, identifier: home}\n"
        )
    (tmp_path / "Pulumi.yaml").write_text(project)
    side = Side(tmp_path, rehearsed(text))
    assert place.problems(side)  # what is wrong with the settings comes first
    for operation in ("preview", "up"):
        run = Embedded.run(place, operation, side)
        assert not run.succeeded
        assert [one.split(",")[0] for one in run.errors] == ["immich-icloud:cluster is not the rehearsal's"]


def test_a_change_of_storage_is_refused(clone: Clone, place: Embedded) -> None:
    clone.branch("storage")
    edit(clone, FILE, "persistentVolume: icloud-photos-shared", "persistentVolume: family-photos-shared")
    edit(clone, FILE, "claim: icloud-photos", "claim: family-photos")
    review = reviewed(clone, lambda: nullcontext(place))
    assert not review.passes
    assert review.deployed is None
    check("storage", review)


def test_another_host_passes(clone: Clone, place: Embedded) -> None:
    clone.branch("host")
    edit(clone, FILE, "host: immich.coultonf.com", "host: photos.coultonf.com")
    review = reviewed(clone, lambda: nullcontext(place))
    assert review.passes, review.errors
    assert review.deployed
    assert review.deployed.succeeded
    check("host", review)


def start(clone: Clone, where: Path, *words: str) -> subprocess.Popen[str]:
    """`make review`, with all that is temporary in a folder of its own."""
    (where / "temporary").mkdir(exist_ok=True)
    environment = {
        "PYTHONPATH": str(SOURCE),
        "TMPDIR": str(where / "temporary"),
        "GITHUB_STEP_SUMMARY": str(where / "summary"),
    }
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "review", "rehearse", "homelab", "main", *words],
        cwd=clone.tree,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def left(where: Path) -> list[str]:
    """What a review has left: files, and processes."""
    found = [str(path) for path in (where / "temporary").rglob("*")]
    for process in psutil.process_iter():
        try:
            if process.environ().get(HOME_MARK, "").startswith(str(where)):
                found.append(f"process {process.pid}")
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize(("branch", "status"), [("docs", 0), ("broken", 1)])
@pytest.mark.usefixtures("tools")
def test_the_command_says_it_by_comment_summary_and_status(
    clone: Clone, tmp_path: Path, branch: str, status: int
) -> None:
    clone.git("checkout", "--quiet", "--force", branch)
    before = clone.git("status", "--porcelain", "--ignored")
    started = start(clone, tmp_path, "--comment", str(tmp_path / "comment.md"))
    out, error = started.communicate(timeout=120)
    assert (started.returncode, out) == (status, "")
    assert error == ("" if status == 0 else 'error: immich-icloud:immich.service.port: "immich" is not allowed. '
                     "Allowed: a port number from 1 to 65535, e.g. 3001\n")  # fmt: skip
    expected = (REVIEWS / f"{branch}.md").read_text()
    assert (tmp_path / "comment.md").read_text() == (tmp_path / "summary").read_text() == expected
    assert clone.git("status", "--porcelain", "--ignored") == before
    assert left(tmp_path) == []


@pytest.mark.usefixtures("tools")
def test_ctrl_c_leaves_nothing_behind(clone: Clone, tmp_path: Path) -> None:
    clone.git("checkout", "--quiet", "--force", "host")
    started = start(clone, tmp_path)
    assert started.stderr
    assert [started.stderr.readline() for _ in range(2)] == BEGINS
    assert left(tmp_path)
    started.send_signal(signal.SIGINT)
    out, error = started.communicate(timeout=120)
    assert (started.returncode, out) == (130, "")
    assert error.endswith("Interrupted; nothing is left of the review.\n")
    assert left(tmp_path) == []


@pytest.mark.usefixtures("tools")
def test_what_a_killed_review_leaves_goes_with_the_next_one(clone: Clone, tmp_path: Path) -> None:
    clone.git("checkout", "--quiet", "--force", "host")
    started = start(clone, tmp_path)
    assert started.stderr
    assert started.stderr.readline() == BEGINS[0]
    until(lambda: any(name.startswith("process") for name in left(tmp_path)), "its control plane starts")
    started.kill()
    started.communicate(timeout=120)
    assert [name for name in left(tmp_path) if name.startswith("process")]

    clone.git("checkout", "--quiet", "--force", "broken")
    assert start(clone, tmp_path).wait(timeout=120) == 1
    assert left(tmp_path) == []
