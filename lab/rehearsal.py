"""The rehearsal of one project directory: control plane, stand-ins, the world as found, and the stack."""

import fcntl
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, get_args

from rich.console import Console

from engine import change_policy
from engine.run import Operation, Run
from lab import connector, processes, volumes, world
from lab.apple import process as apple
from lab.cloudflare import process as cloudflare
from lab.control_plane import ControlPlane
from lab.display import Display
from lab.engine import Engine
from lab.errors import LabError
from lab.immich import process as immich
from lab.toolchain import Tools
from lab.world import World
from text.command import Command
from text.visible import visible_lines

WORLDS: tuple[World, ...] = get_args(World)
# The stack file that fits a world: what was made by hand has to be adopted.
_STACKS: dict[World, str] = {
    "found": "lab",
    "iteration6": "adoption",
    "iteration6-argocd": "adoption",
    "reference": "reference",
    "gateway": "gateway",
}
STACKS = sorted(set(_STACKS.values()))


@dataclass(frozen=True)
class Status:
    """How far the rehearsal is; `damaged` is a state that an interrupted run left unreadable."""

    world: World | None
    control_plane: bool
    outputs: dict[str, Any]
    damaged: bool = False


class Rehearsal:
    """One rehearsal; everything of it is in `<project>/.lab`, and goes with it."""

    def __init__(self, project: Path, tools: Tools, console: Console, stack: str | None = None) -> None:
        """Nothing starts yet; `stack` is the one that a command names, where it names one."""
        self.home = project / ".lab"
        self.plane = ControlPlane(self.home, tools)
        self._project, self._tools, self._console, self._named = project, tools, console, stack
        self._display = Display(console)
        self._memory = self.home / "rehearsal.json"
        self._removed = project / ".lab.removed"

    @property
    def world(self) -> World | None:
        """The world that is set up; None before the first `up`."""
        with suppress(OSError, ValueError):
            remembered = json.loads(self._memory.read_text())
            return next((known for known in WORLDS if remembered == {"world": known}), None)
        return None

    def up(self, wanted: World | None, *, allow_data_loss: bool = False) -> Run:
        """Start what does not run, preview, and deploy what the preview shows. Recovers from an interrupted run."""
        with self._alone():
            engine = self._ready(wanted)
            run = self._previewed(engine, "up", allow_data_loss=allow_data_loss)
            if run.succeeded and (run.alters or engine.interrupted()):
                run = self._told(engine, "up", run.protected_removals)
            return run

    def preview(self, wanted: World | None, *, allow_data_loss: bool = False) -> Run:
        """Start what does not run, and say what `up` would do."""
        with self._alone():
            return self._previewed(self._ready(wanted), "preview", allow_data_loss=allow_data_loss)

    def down(self) -> Run | None:
        """Remove the stack, end every process, remove the home; None when there was nothing to remove."""
        shutil.rmtree(self._removed, ignore_errors=True)
        if not self.home.exists():
            return None
        with self._alone():
            run = None
            try:
                run = self._destroyed()
            except Exception as error:  # noqa: BLE001 (whatever an interrupted run left behind, it is removed)
                said = visible_lines(str(error))
                self._console.print(f"The stack cannot be destroyed first: {said}", markup=False, soft_wrap=True)
            if run and not run.succeeded:
                self._console.print("The cluster is disposable: it is removed all the same.")
            processes.end(self.home)
            # At once: of half a home that a kill left, `up` could make nothing.
            self.home.rename(self._removed)
            shutil.rmtree(self._removed)
            return run

    def status(self) -> Status:
        """Look without touching."""
        world_up = self.world
        running = self.home.exists() and self.plane.running()
        if not running or world_up is None:
            return Status(world_up, running, {})
        engine = Engine(self._project, self.home, _STACKS[world_up], self._tools)
        damaged = engine.damaged()
        return Status(world_up, running, {} if damaged else engine.outputs(), damaged)

    def become(self, words: Sequence[str]) -> NoReturn:
        """Become another program, in the environment of the stack that is up; a word `{stack}` is the stack's name.

        Raises:
            LabError: when no rehearsal is up, or there is no such program.

        """
        world_up = self.world
        if world_up is None or not self.plane.running():
            raise LabError("no rehearsal is up. `make up` first")
        self._require_named(world_up)
        self._engine(world_up).become(words)

    def _ready(self, wanted: World | None) -> Engine:
        """Recover, start the control plane, put the world in place."""
        first = next(one for one, stack in _STACKS.items() if self._named in {None, stack})
        chosen = wanted or self.world or first
        self._require_named(chosen)
        if self.world and chosen != self.world:
            raise LabError(f"the rehearsal runs WORLD={self.world}. `make down` first, then `make up WORLD={chosen}`")
        engine = self._engine(chosen)
        self._recover(engine)
        with self._console.status("starting the control plane"):
            self.plane.start()
        with self._console.status(f"putting the world in place: {chosen}"):
            draft = self._memory.with_suffix(".new")
            draft.write_text(json.dumps({"world": chosen}))
            draft.replace(self._memory)
            world.put(self.plane.kubeconfig, chosen)
            if chosen == "reference":
                connector.follow(self.plane.kubeconfig, cloudflare.url(self.home))
        for volume in volumes.untie(self.plane.kubeconfig):
            self._console.print(f"PersistentVolume {volume} was tied to a claim that was deleted. It is untied")
        self._console.print(f"World: {chosen}. {engine.providers}", soft_wrap=True)
        return engine

    def _destroyed(self) -> Run | None:
        """Remove the stack as a real one is removed; None when there is none."""
        world_up = self.world
        if world_up is None:
            return None
        engine = self._engine(world_up)
        self._recover(engine)
        self.plane.start()
        return self._told(engine, "destroy")

    def _recover(self, engine: Engine) -> None:
        if repaired := engine.recover():
            self._console.print("An earlier run was interrupted; its leftovers are cleared.")
            for one in repaired:
                self._console.print(f"  {one}", markup=False, soft_wrap=True)

    def _require_named(self, chosen: World) -> None:
        """See that a world is of the stack that the command names.

        Raises:
            LabError: when it is another one.

        """
        if self._named not in {None, _STACKS[chosen]}:
            raise LabError(f"WORLD={chosen} is deployed as STACK={_STACKS[chosen]}, not as STACK={self._named}")

    def _engine(self, chosen: World) -> Engine:
        url = cloudflare.start(self.home)
        immich.start(self.home)
        apple.start(self.home)
        return Engine(self._project, self.home, _STACKS[chosen], self._tools, cloudflare_url=url)

    def _previewed(self, engine: Engine, verb: str, *, allow_data_loss: bool) -> Run:
        run = self._told(engine, "preview")
        found = change_policy.tripped(run.steps) if run.succeeded and not allow_data_loss else []
        if found:
            run.succeeded = False
            self._console.print(
                change_policy.refusal(found, str(Command(verb, engine.stack))), markup=False, soft_wrap=True
            )
        return run

    def _told(self, engine: Engine, operation: Operation, lift: Sequence[str] = ()) -> Run:
        self._console.rule(operation, align="left")
        with self._cloudflared():
            run = engine.run(operation, self._display.show, lift=lift)
        self._display.summarise(run)
        return run

    def _cloudflared(self) -> AbstractContextManager[None]:
        """Let the world's cloudflared, where it has one, do its part."""
        if self.world != "reference":
            return nullcontext()
        return connector.following(self.plane.kubeconfig, cloudflare.url(self.home))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep a second run out. The lock goes with its process, however that ends."""
        self.home.mkdir(exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LabError(
                    "another `make` is at work on this rehearsal. Wait for it, or stop it with Ctrl-C"
                ) from None
            yield
