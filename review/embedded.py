"""The embedded control plane for as long as a review takes: two programs deploy to it, one after the other."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from engine.run import Diagnostic, Operation, Run
from lab import connector, processes, world
from lab.cloudflare import process as cloudflare
from lab.control_plane import ControlPlane
from lab.engine import Engine
from lab.errors import LabError
from lab.immich import process as immich
from lab.toolchain import Tools
from ops.stack import StackError, configuration_of
from review.stack_file import CONNECTION
from review.workplace import workplace
from settings import PROJECT, SettingsError, parse
from settings.stack_file import plain_leaves

_ELSEWHERE = (
    f"{PROJECT}:cluster is not the rehearsal's, and nothing runs on another. Its own is put in place only where the "
    f"stack file has `kubeconfig` and `context` as plain keys of `{PROJECT}:cluster` under `config`: write them there"
)


@dataclass(frozen=True)
class Side:
    """One side of a change.

    Attributes:
        source: the tree with the program.
        stack_file: the stack's file, as it is rehearsed.
        python: the interpreter with the program's libraries.

    """

    source: Path
    stack_file: str
    python: Path = Path(sys.executable)


class Embedded:
    """One stack on a control plane of its own; all of it is in one project directory, which is not the clone's."""

    def __init__(self, project: Path, stack: str, tools: Tools) -> None:
        """Nothing starts yet."""
        self._project, self._home, self._stack, self._tools = project, project / ".lab", stack, tools
        self._cloudflare = ""

    def start(self) -> None:
        """Have it run, in the cluster as the homelab's owner found it.

        Raises:
            LabError: when something does not come up.

        """
        plane = ControlPlane(self._home, self._tools)
        plane.start()
        self._cloudflare = cloudflare.start(self._home)
        immich.start(self._home)
        # With the tunnel that is shared, and one that is locally managed.
        world.put(plane.kubeconfig, "reference")
        connector.follow(plane.kubeconfig, self._cloudflare)

    def end(self) -> None:
        """End every process of it."""
        processes.end(self._home)

    @property
    def base(self) -> Path:
        """Where what the change started from is laid out."""
        return self._project.with_name("base")

    def problems(self, side: Side) -> tuple[str, ...]:
        """What is wrong with the stack file alone, one sentence each; nothing has to run."""
        try:
            configuration, secret = self._configuration(side)
            parse(configuration, secret, plain_leaves(self._project / f"Pulumi.{self._stack}.yaml"), stack=self._stack)
            _require_embedded(configuration)
        except SettingsError as error:
            return tuple(error.problems)
        except (StackError, LabError) as error:
            return (self._portable(str(error)),)
        return ()

    def run(self, operation: Operation, side: Side, lift: Sequence[str] = ()) -> Run:
        """Run one operation of a side's program, on no other cluster than this one; a failure is in the result.

        `lift` are URNs of protected resources that it may delete or replace.
        """
        try:
            _require_embedded(self._configuration(side)[0])
            run = self._engine(side).run(operation, lift=lift)
        except (StackError, LabError) as error:
            run = Run(operation, diagnostics=[Diagnostic("error", str(error))])
        run.diagnostics = [replace(one, text=self._portable(one.text)) for one in run.diagnostics]
        return run

    def _configuration(self, side: Side) -> tuple[dict[str, str], set[str]]:
        """What the side's program is about to get, and which keys of it are secret."""
        with self._engine(side).entered():
            return configuration_of(self._stack)

    def _engine(self, side: Side) -> Engine:
        self._project.mkdir(exist_ok=True)
        shutil.copy(side.source / "Pulumi.yaml", self._project)
        (self._project / f"Pulumi.{self._stack}.yaml").write_text(side.stack_file)
        more = {"cloudflare_url": self._cloudflare} if self._cloudflare else {}
        program = side.source / "__main__.py"
        return Engine(
            self._project,
            self._home,
            self._stack,
            self._tools,
            program,
            source=side.source,
            python=side.python,
            **more,
        )

    def _portable(self, text: str) -> str:
        """A message without where this rehearsal happens to be."""
        return text.replace(f"{self._project}/", "")


def _require_embedded(configuration: Mapping[str, str]) -> None:
    """See that the cluster is the embedded one, however it is written: YAML and Pulumi know many ways.

    Not by `parse`: the settings of another commit may be others.

    Raises:
        LabError: when it is another one.

    """
    cluster: object = None
    with suppress(ValueError):
        cluster = json.loads(configuration.get(f"{PROJECT}:cluster", ""))
    if not isinstance(cluster, dict) or not cluster.items() >= CONNECTION.items():
        raise LabError(_ELSEWHERE)


@contextmanager
def embedded(stack: str, tools: Tools) -> Iterator[Embedded]:
    """Make a place for one, and leave nothing of it behind; where a review is killed, the next one clears up."""

    def at(place: Path) -> Embedded:
        return Embedded(place / "project", stack, tools)

    with workplace(lambda place: at(place).end()) as place:
        yield at(place)
