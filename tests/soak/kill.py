"""A kill in the middle of a command: whom and when is drawn from a seed, so that each can be repeated."""

import os
import random
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import Literal, Self

import psutil

from lab import processes
from tests.rehearsal.commands import LIMIT, Commands


@dataclass(frozen=True)
class Kill:
    """kill -9, some time after a line of the command's output.

    Attributes:
        victim: the command's own process, the engine's, or all of them.
        line: how many lines are printed before.
        seconds: how long it takes after that.

    """

    victim: Literal["command", "engine", "both"]
    line: int
    seconds: float

    @classmethod
    def drawn(cls, of: random.Random, lines: int) -> Self:
        """Draw one for a command that prints so many lines where it is left alone."""
        victim: Literal["command", "engine", "both"] = of.choice(("command", "engine", "both"))
        return cls(victim, of.randint(1, lines), round(of.uniform(0, 1), 3))

    def __str__(self) -> str:
        return f"kill -9 of {self.victim}, {self.seconds} s after line {self.line}"

    def strike(self, commands: Commands, command: str) -> tuple[bool, str]:
        """Run a command and kill it; return whether it was hit, which one that ends before is not, and its output."""
        process = commands.start(command)
        seen, come = list[str](), threading.Event()

        def read() -> None:
            assert process.stdout
            for line in process.stdout:
                seen.append(line)
                if len(seen) == self.line:
                    come.set()
            come.set()

        reader = threading.Thread(target=read)
        reader.start()
        come.wait(LIMIT)
        hit = False
        try:
            process.wait(self.seconds)
        except subprocess.TimeoutExpired:
            hit = self._kill(process, commands)
        process.wait(LIMIT)
        # Plugins of a killed engine may hold its output open: they are the next command's to end.
        reader.join(1)
        return hit, "".join(seen)

    def _kill(self, process: subprocess.Popen[str], commands: Commands) -> bool:
        engines = [marked.process for marked in processes.find(commands.home) if marked.name == "engine"]
        if self.victim != "engine":
            os.killpg(process.pid, signal.SIGKILL) if self.victim == "both" else process.kill()
        if self.victim != "command":
            for engine in engines:
                try:
                    engine.kill()
                except psutil.NoSuchProcess:
                    continue
        return self.victim != "engine" or bool(engines)
