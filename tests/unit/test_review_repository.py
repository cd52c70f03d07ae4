"""What a change touches, and the tree that it started from, in real git repositories."""

import subprocess
from pathlib import Path

import pytest

from lab.engine import PACKAGES, SOURCE
from review.repository import Repository, RepositoryError, deployed, judging
from tests.repositories import Clone

FILE = "Pulumi.homelab.yaml"


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(tmp_path / "clone")
    made.write(FILE, "config: {}\n")
    made.write("docs/a page.md", "old\n")
    made.commit()
    made.branch("change")
    return made


def status(clone: Clone) -> str:
    """All that git knows of the clone: references, worktrees, what is changed."""
    return "\n".join(clone.git(*words.split()) for words in ("for-each-ref", "worktree list", "status --porcelain"))


def test_what_main_has_since_is_not_part_of_the_change(clone: Clone) -> None:
    clone.write("docs/ours.md", "ours\n")
    clone.commit()
    clone.git("checkout", "--quiet", "main")
    clone.write("settings/theirs.py", "theirs\n")
    theirs = clone.commit()
    clone.git("checkout", "--quiet", "change")
    repository = Repository(clone.tree)
    commit = repository.merge_base("main")
    assert commit != theirs
    assert repository.changed(commit) == ["docs/ours.md"]


def test_the_working_tree_counts_with_what_is_new_in_it(clone: Clone) -> None:
    clone.write(".gitignore", "ignored\n")
    clone.commit()
    clone.write(FILE, "config: {a: b}\n")
    clone.write("ignored", "")
    clone.write("ümlaut file.md", "new\n")
    (clone.tree / "docs/a page.md").unlink()
    repository = Repository(clone.tree)
    changed = repository.changed(repository.merge_base("main"))
    assert changed == [".gitignore", FILE, "docs/a page.md", "ümlaut file.md"]


def test_a_file_that_moves_is_gone_at_its_old_place(clone: Clone) -> None:
    clone.git("mv", FILE, "docs/old.yaml")
    repository = Repository(clone.tree)
    assert FILE in repository.changed(repository.merge_base("main"))


def test_a_commits_tree_is_laid_out_and_nothing_is_left_in_the_clone(clone: Clone, tmp_path: Path) -> None:
    clone.write(FILE, "config: {new: here}\n")
    before = status(clone)
    repository = Repository(clone.tree)
    commit = repository.merge_base("main")
    repository.extract(commit, tmp_path / "base")
    assert (tmp_path / "base" / FILE).read_text() == repository.file(commit, FILE) == "config: {}\n"
    assert repository.file(commit, "Pulumi.other.yaml") is None
    assert status(clone) == before


@pytest.mark.parametrize("base", ["nowhere", "--output=/tmp/x", ""])
def test_a_base_that_is_no_commit(clone: Clone, base: str) -> None:
    with pytest.raises(RepositoryError, match=f"^BASE={base} is no commit of this clone"):
        Repository(clone.tree).merge_base(base)


def test_a_base_that_shares_nothing_with_the_change(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "--orphan", "other")
    clone.write("other", "")
    clone.commit()
    with pytest.raises(RepositoryError, match=r"share no commit\. Is the clone shallow"):
        Repository(clone.tree).merge_base("main")


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError):
        Repository(tmp_path).merge_base("main")


def test_a_project_below_the_top_of_its_repository(clone: Clone, tmp_path: Path) -> None:
    """As part of a homelab's one repository."""
    clone.write("photos/" + FILE, "config: {}\n")
    clone.commit()
    clone.git("branch", "--force", "main")
    clone.write("photos/" + FILE, "config: {a: b}\n")
    clone.write("photos/settings/a.py", "")
    clone.write("other.md", "")
    repository = Repository(clone.tree / "photos")
    commit = repository.merge_base("main")
    assert repository.changed(commit) == [FILE, "settings/a.py"]
    assert repository.file(commit, FILE) == "config: {}\n"
    repository.extract(commit, tmp_path / "base")
    assert (tmp_path / "base" / FILE).read_text() == "config: {}\n"


def test_a_file_whose_content_the_clone_lacks_is_not_taken_for_none(clone: Clone) -> None:
    """As offline in a clone that fetches content when it is read: the stack would seem to be new."""
    content = clone.git("rev-parse", f"main:{FILE}")
    (clone.tree / ".git/objects" / content[:2] / content[2:]).unlink()
    with pytest.raises(RepositoryError):
        Repository(clone.tree).file("main", FILE)


def test_links_and_submodules_are_listed(clone: Clone) -> None:
    for name, target in (("settings", "docs"), ("docs/b", "/etc/passwd"), ("docs/gone", "nowhere")):
        (clone.tree / name).symlink_to(target)
    Clone(clone.tree / "providers").commit()
    clone.commit()
    (clone.tree / FILE).unlink()
    (clone.tree / FILE).symlink_to("docs/a page.md")
    (clone.tree / "yaml").symlink_to("docs")
    repository = Repository(clone.tree)
    assert sorted(repository.linked()) == [FILE, "docs/b", "docs/gone", "providers", "settings", "yaml"]
    assert sorted(repository.leading_away(FILE)) == [FILE, "providers", "settings", "yaml"]


def test_a_tree_with_a_link_that_leads_out_of_it_is_not_laid_out(clone: Clone, tmp_path: Path) -> None:
    (clone.tree / "docs/b").symlink_to("/etc/passwd")
    with pytest.raises(RepositoryError, match="docs/b"):
        Repository(clone.tree).extract(clone.commit(), tmp_path / "base")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (".github/workflows/a.yaml", [".github/"]),
        ("Makefile", ["Makefile"]),
        ("requirements-dev.txt", ["requirements-dev.txt"]),
        ("sitecustomize.py", ["sitecustomize.py"]),
        ("conftest.py", ["conftest.py"]),
        ("yaml/__init__.py", ["yaml/"]),
        ("yaml.cpython-313-x86_64-linux-gnu.so", ["yaml.cpython-313-x86_64-linux-gnu.so"]),
        ("GNUmakefile", ["GNUmakefile"]),
        ("components/.gitattributes", ["components/.gitattributes"]),
        ("__main__.py", []),
        ("settings/a.py", []),
        ("tests/conftest.py", []),
        ("docs/a.md", []),
        (FILE, []),
    ],
)
def test_what_judges_a_change(path: str, named: list[str]) -> None:
    assert judging([path]) == named


def test_what_is_deployed() -> None:
    paths = [
        "README.md", "__main__.py", "components/route.py", "docs/photos.md", "lab/engine.py", "requirements.txt",
        "requirements-dev.txt", FILE, "Pulumi.lab.yaml", "tests/unit/test_sync.py", "settings/cluster.py",
        "yaml/__init__.pyc", "pulumi.abi3.so", "bench/x.so",
    ]  # fmt: skip
    assert deployed(paths, FILE) == [
        "__main__.py", "components/route.py", "requirements.txt", FILE, "settings/cluster.py", "yaml/__init__.pyc",
        "pulumi.abi3.so",
    ]  # fmt: skip


def test_the_program_imports_only_packages_that_count_as_deployed() -> None:
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=SOURCE, capture_output=True, text=True, check=True)
    others = {path.partition("/")[0] for path in tracked.stdout.split() if "/" in path} - set(PACKAGES)
    program = [path for path in tracked.stdout.split() if path == "__main__.py" or path.partition("/")[0] in PACKAGES]
    assert len(program) > 50
    imports = {
        (path, line.split()[1].partition(".")[0])
        for path in program
        for line in map(str.strip, (SOURCE / path).read_text().splitlines())
        if line.startswith(("import ", "from "))
    }
    assert [(path, package) for path, package in imports if package in others] == []
