"""The rehearsal's commands as `make` runs them, in a project directory of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab import processes
from lab.engine import SOURCE

LIMIT = 300  # seconds


class Commands:
    """`python -m lab` in a project directory of its own."""

    def __init__(self, project: Path) -> None:
        self.project, self.home = project, project / ".lab"
        self.files = {
            "Pulumi.yaml",
            "Pulumi.lab.yaml",
            "Pulumi.adoption.yaml",
            "Pulumi.reference.yaml",
            "Pulumi.gateway.yaml",
        }
        self.temporary = project / ".temporary"
        self.temporary.mkdir(exist_ok=True)
        self.reset()

    def reset(self) -> None:
        """Have the project's files as they are committed."""
        for name in self.files:
            shutil.copy(SOURCE / name, self.project)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "lab", *arguments],
            cwd=self.project,
            env=os.environ | {"PYTHONPATH": str(SOURCE), "COLUMNS": "200", "TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=LIMIT)
        return process.returncode, output

    def until(self, process: subprocess.Popen[str], text: str) -> str:
        """Read its output up to the line with this text."""
        assert process.stdout
        seen = []
        for line in process.stdout:
            seen.append(line)
            if text in line:
                return "".join(seen)
        raise AssertionError(f"never printed {text!r}:\n{''.join(seen)}")

    def left(self, *names: str) -> list[str]:
        found = processes.find(self.home)
        return [marked.name for marked in found if not names or marked.name in names]
