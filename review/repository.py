"""The clone that a change is in: what it changes, and the tree that it started from. Nothing is written there."""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from lab.engine import PACKAGES
from text.visible import VisibleError


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
        differing = self._git("diff", "--name-only", "--no-renames", "-z", commit, "--")
        new = self._git("ls-files", "--others", "--exclude-standard", "-z")
        return sorted({path for path in (differing + new).split("\0") if path})

    def file(self, commit: str, path: str) -> str | None:
        """Read a file of a commit; None where it has none of that name."""
        try:
            return self._git("show", f"{commit}:{path}")
        except RepositoryError:
            return None

    def extract(self, commit: str, place: Path) -> None:
        """Lay a commit's tree out in a folder. Unlike a worktree, that leaves no trace in the clone."""
        archive = self._run("archive", "--format=tar", commit)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(place, filter="data")

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


def judging(paths: list[str]) -> list[str]:
    """Name the folders of `paths` that judge a change: change policy, reviews, rehearsal and workflows."""
    return sorted({path.partition("/")[0] for path in paths} & {".github", "engine", "lab", "ops", "review"})


def deployed(paths: list[str], stack_file: str) -> list[str]:
    """Pick the paths that what is deployed is made of: the program, its dependencies, and the stack's file."""
    whole = {"__main__.py", "Pulumi.yaml", "requirements.txt", stack_file}
    return [path for path in paths if path in whole or path.partition("/")[0] in PACKAGES]
