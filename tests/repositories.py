"""Real git repositories, small ones."""

import os
import subprocess
from pathlib import Path


class Clone:
    """A clone with a branch `main`; what a test does is on a branch of its own."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        tree.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        someone = {
            f"GIT_{who}_{what}": "nobody@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        return subprocess.run(
            ["git", "-C", self.tree, *arguments], check=True, capture_output=True, text=True,
            env=os.environ | someone | {"GIT_CONFIG_GLOBAL": os.devnull},
        ).stdout.strip()  # fmt: skip

    def write(self, path: str, text: str) -> None:
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self) -> str:
        """Commit all that there is; returns the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=a change")
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        """Begin a branch at main's end, with nothing left of what came before."""
        self.git("checkout", "--quiet", "--force", "-B", name, "main")
        self.git("clean", "--quiet", "-d", "--force")
