"""The clone that a change is in: what it changes, and the tree that it started from. Nothing is written there."""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.engine import PACKAGES
from text.visible import VisibleError

_PROGRAM: Final = {"__main__.py", *PACKAGES}
_APART: Final = {"bench", "docs", "tests"}  # no review imports these
_JUDGES: Final = {
    *(".ci", ".github", "engine", "lab", "ops", "review"),
    *("GNUmakefile", "makefile", "Makefile", "pyproject.toml", "requirements-dev.txt"),
}
_ATTRIBUTES: Final = ".gitattributes"  # by which git leaves files out of the tree that it lays out, or changes them
# Python imports each of them before a library of its name.
_MODULES: Final = (".py", ".pyc", ".so")


class RepositoryError(VisibleError):
    """Git can't say. `str()` is one line for the user."""


@dataclass(frozen=True)
class Repository:
    """A clone with a working tree.

    Attributes:
        tree: the working tree's root.

    """

    tree: Path

    def merge_base(self, base: str) -> str:
        """Find the commit that the change started from: the last one that `base` and HEAD share.

        Raises:
            RepositoryError: when there is none.

        """
        try:
            commit = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}").strip()
        except RepositoryError:
            raise RepositoryError(f"BASE={base} is no commit of this clone. `git fetch` it, or name another") from None
        try:
            return self._git("merge-base", commit, "HEAD").strip()
        except RepositoryError:
            raise RepositoryError(
                f"BASE={base} and HEAD share no commit. Is the clone shallow? `git fetch --unshallow`, or in a "
                "workflow `fetch-depth: 0`"
            ) from None

    def changed(self, commit: str) -> list[str]:
        """List what differs between a commit and the working tree, by path; what is new there and not ignored, too."""
        differing = self._git("diff", "--name-only", "--no-renames", "--relative", "-z", commit, "--")
        return sorted({*_paths(differing), *self._listed("--others")})

    def linked(self) -> list[str]:
        """List the symbolic links and submodules: what they lead to can differ without any change of theirs."""
        found = [(path, self.tree / path) for path in self._listed("--cached", "--others")]
        return [path for path, place in found if place.is_symlink() or place.is_dir()]

    def leading_away(self, stack_file: str) -> list[str]:
        """Pick the links among what is deployed; a folder at the top may be a package, as `_shadows` has it."""
        named = {path: f"{path}/__init__.py" if (self.tree / path).is_dir() else path for path in self.linked()}
        return [path for path, name in named.items() if deployed([name], stack_file)]

    def file(self, commit: str, path: str) -> str | None:
        """Read a file of a commit; None where it has none of that name.

        Raises:
            RepositoryError: when the clone lacks its content.

        """
        return self._git("show", f"{commit}:./{path}") if self._git("ls-tree", "-z", commit, "--", path) else None

    def extract(self, commit: str, place: Path) -> None:
        """Lay a commit's tree out in a folder. Unlike a worktree, that leaves no trace in the clone.

        Raises:
            RepositoryError: when the clone lacks a file of it, or a link of it leads out of it.

        """
        archive = self._run("archive", "--format=tar", commit)
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(place, filter="data")
        except tarfile.FilterError as error:
            raise RepositoryError(f"its tree can't be laid out: {error}") from None

    def _listed(self, *which: str) -> list[str]:
        return _paths(self._git("ls-files", *which, "--exclude-standard", "-z"))

    def _git(self, *arguments: str) -> str:
        return self._run(*arguments).decode(errors="replace")

    def _run(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(
                ["git", "-C", self.tree, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
        except OSError as error:
            raise RepositoryError(f"git can't be run: {error.strerror}") from None
        if done.returncode:
            raise RepositoryError(" ".join(done.stderr.decode(errors="replace").split()) or "git failed")
        return done.stdout


def _paths(listed: str) -> list[str]:
    return [path for path in listed.split("\0") if path]


def judging(paths: list[str]) -> list[str]:
    """Name the folders and files of `paths` that judge a change: change policy, reviews, rehearsal and workflows.

    Any module at the top, too: Python takes it for the library of its name.
    """
    found = set()
    for path in paths:
        top, folder, _ = path.partition("/")
        if top in _JUDGES or _shadows(path):
            found.add(top + folder)
        elif path.endswith(_ATTRIBUTES):
            found.add(path)
    return sorted(found)


def _shadows(path: str) -> bool:
    """Whether a path is a module, or in one, that no import of this project means."""
    return path.endswith(_MODULES) and path.partition("/")[0] not in _PROGRAM | _APART | _JUDGES


def deployed(paths: list[str], stack_file: str) -> list[str]:
    """Pick the paths that what is deployed is made of: the program, all that it may import, and the stack's file."""
    whole = {"Pulumi.yaml", "requirements.txt", stack_file}
    return [path for path in paths if path in whole or path.partition("/")[0] in _PROGRAM or _shadows(path)]
