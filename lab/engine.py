"""The real Pulumi engine, run on the unchanged program, with what it did as data."""

import contextlib
import os
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NoReturn

from pulumi import automation
from pulumi.automation import EngineEvent

from lab import processes
from lab.errors import LabError
from lab.plugins import cloudflare, kubernetes
from lab.toolchain import Tools

SOURCE = Path(__file__).parent.parent
# Published on purpose: the lab's stack file holds nothing secret.
_PASSPHRASE = "immich-icloud-lab"  # noqa: S105
_PROCESS = "engine"
_STAND_INS = {"kubernetes": kubernetes.serving, "cloudflare": cloudflare.serving}
# Nothing listens there: without the rehearsal's Cloudflare API there is none, rather than the real one.
_NO_CLOUDFLARE = "http://127.0.0.1:1"
# Somebody's real credentials, of which a rehearsal must know nothing.
_CREDENTIALS = ("CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_USER_SERVICE_KEY", "CLOUDFLARE_EMAIL")
_INTERNAL = "__"
# What the engine puts before the second telling of an inline program's error.
_UNHANDLED = "an unhandled error occurred: "

Operation = Literal["preview", "up", "destroy"]


@dataclass(frozen=True)
class Step:
    """One resource in one run: what happened to it, and which inputs differ."""

    operation: str
    type: str
    name: str
    differences: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def is_component(self) -> bool:
        """Whether it only holds other resources together."""
        return self.type.startswith("immich-icloud:")


@dataclass(frozen=True)
class Diagnostic:
    """One message of the engine, a provider or the program."""

    severity: str
    text: str
    resource: str = ""


@dataclass
class Run:
    """What one operation came to; filled while it runs."""

    operation: Operation
    succeeded: bool = False
    steps: list[Step] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> list[Step]:
        """The steps that change something, those of mere components left out."""
        unchanged = {"same", "refresh", "read"}
        return [step for step in self.steps if step.operation not in unchanged and not step.is_component]

    @property
    def errors(self) -> list[str]:
        """Texts of the errors, each once."""
        return [d.text for d in self.diagnostics if d.severity == "error"]

    @property
    def warnings(self) -> list[str]:
        """Texts of the warnings, each once."""
        return [d.text for d in self.diagnostics if d.severity == "warning"]


Listener = Callable[[Step | Diagnostic], None]


class Engine:
    """One stack of one project directory, with its state and everything else of the engine's under `home`."""

    def __init__(  # noqa: PLR0913 (what a run is made of)
        self,
        project: Path,
        home: Path,
        stack: str,
        tools: Tools,
        program: Path = SOURCE / "__main__.py",
        *,
        cloudflare_url: str = _NO_CLOUDFLARE,
    ) -> None:
        self._program, self._cloudflare_url = program, cloudflare_url
        self._project, self._home, self._stack_name, self._tools = project, home, stack, tools
        self._real_plugins = {package: real for package in _STAND_INS if (real := _real_plugin(package))}

    @property
    def providers(self) -> str:
        """Who serves as each provider, in words: the real plugin's path, or the stand-in and why."""
        stand_in = "the lab's stand-in (no pulumi-resource-{} is installed)"
        served = {package: self._real_plugins.get(package) or stand_in.format(package) for package in _STAND_INS}
        return ", ".join(f"{package.capitalize()} provider: {by}" for package, by in served.items())

    def run(self, operation: Operation, listen: Listener = lambda _: None) -> Run:
        """Run one operation to its end; a failure is in the result, not raised.

        Raises:
            LabError: when the engine could not even start.

        """
        run = Run(operation)
        told: set[Diagnostic] = set()

        def on_event(event: EngineEvent) -> None:
            for item in _items(event):
                if isinstance(item, Step):
                    run.steps.append(item)
                elif item in told:
                    continue  # an inline program's error comes twice
                else:
                    told.add(item)
                    run.diagnostics.append(item)
                listen(item)

        with self._environment(removing=operation == "destroy"), self._providers():
            stack = self._stack()
            try:
                if operation == "preview":
                    stack.preview(on_event=on_event, run_program=True)
                elif operation == "up":
                    run.outputs = _shown(stack.up(on_event=on_event, run_program=True).outputs)
                else:
                    stack.destroy(on_event=on_event, run_program=True)
                run.succeeded = True
            except automation.CommandError as error:
                if not run.errors:
                    run.diagnostics.append(Diagnostic("error", _last_words(error)))
                    listen(run.diagnostics[-1])
        return run

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, as the state has them, secrets hidden."""
        with self._environment(removing=False):
            return _shown(self._stack().outputs())

    def become(self, words: Sequence[str]) -> NoReturn:
        """Become another program, in the engine's environment; a word `{stack}` is the stack's name.

        Raises:
            LabError: when there is no such program.

        """
        with self._environment(removing=False):
            try:
                # No child of ours: what Ctrl-C means is the program's own affair.
                os.execvp(words[0], [self._stack_name if word == "{stack}" else word for word in words])  # noqa: S606
            except OSError as error:
                raise LabError(f"{words[0]} can't be run: {error.strerror}") from None

    def recover(self) -> bool:
        """End an engine that outlived its run, plugins included, and clear the lock of one that was killed.

        Returns whether there was something to recover from.
        """
        left = [marked for marked in processes.find(self._home) if marked.name == _PROCESS]
        if left:
            processes.end(self._home, {_PROCESS})
        locks = list((self._home / "state" / ".pulumi" / "locks").rglob("*.json"))
        if locks:
            with self._environment(removing=False):
                self._stack().cancel()
        return bool(left or locks)

    def _stack(self) -> automation.Stack:
        try:
            return automation.create_or_select_stack(
                self._stack_name,
                work_dir=str(self._project),
                program=self._run_program,
                project_name="immich-icloud",
                opts=automation.LocalWorkspaceOptions(
                    work_dir=str(self._project),
                    pulumi_home=str(self._home / "pulumi"),
                    env_vars=processes.mark(self._home, _PROCESS),
                ),
            )
        except automation.CommandError as error:
            raise LabError(_last_words(error)) from None

    def _run_program(self) -> None:
        runpy.run_path(str(self._program), run_name="__main__")

    @contextmanager
    def _environment(self, *, removing: bool) -> Iterator[None]:
        """Give the engine, and the program that runs in this process, their environment."""
        state = self._home / "state"
        state.mkdir(parents=True, exist_ok=True)
        path = [str(Path(sys.executable).parent), str(self._tools.pulumi.parent), os.environ.get("PATH", "")]
        set_here: dict[str, str | None] = {
            **dict.fromkeys(_CREDENTIALS),
            "CLOUDFLARE_BASE_URL": self._cloudflare_url,
            "IMMICH_ICLOUD_REMOVING": self._stack_name if removing else "",
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1,localhost"])),
            "PATH": os.pathsep.join(path),
            "PULUMI_BACKEND_URL": state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": _PASSPHRASE,
            "PULUMI_HOME": str(self._home / "pulumi"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONPATH": str(SOURCE),
        }
        with _set(set_here), contextlib.chdir(self._project):
            yield

    @contextmanager
    def _providers(self) -> Iterator[None]:
        """Have every provider: the real one where it is installed, else the stand-in."""
        variables: dict[str, str | None] = {}
        with contextlib.ExitStack() as stack:
            attached = []
            for package, serving in _STAND_INS.items():
                if real := self._real_plugins.get(package):
                    self._link(package, real)
                    # Found there, it needs no warning that it was found on PATH.
                    variables["PULUMI_IGNORE_AMBIENT_PLUGINS"] = "true"
                else:
                    attached.append(f"{package}:{stack.enter_context(serving())}")
            if attached:
                variables["PULUMI_DEBUG_PROVIDERS"] = ",".join(attached)
            stack.enter_context(_set(variables))
            yield

    def _link(self, package: str, real: Path) -> None:
        place = self._home / "pulumi" / "plugins" / f"resource-{package}-v{_version(package)}"
        place.mkdir(parents=True, exist_ok=True)
        link = place / real.name
        link.unlink(missing_ok=True)
        link.symlink_to(real)


@contextmanager
def _set(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set variables of this process's environment, which the engine inherits, for a while; None removes one."""
    before = {name: os.environ.get(name) for name in variables}
    _put(variables)
    try:
        yield
    finally:
        _put(before)


def _put(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _real_plugin(package: str) -> Path | None:
    name = f"pulumi-resource-{package}"
    on_path = shutil.which(name)
    home = Path(os.environ.get("PULUMI_HOME", Path.home() / ".pulumi"))
    installed = home / "plugins" / f"resource-{package}-v{_version(package)}" / name
    return Path(on_path) if on_path else installed if installed.exists() else None


def _version(package: str) -> str:
    return version(f"pulumi-{package}")


def _items(event: EngineEvent) -> Iterator[Step | Diagnostic]:
    if event.resource_pre_event:
        metadata = event.resource_pre_event.metadata
        kind, name = metadata.type, metadata.urn.rsplit("::", 1)[-1]
        if not kind.startswith("pulumi:"):
            old, new = (side.inputs if side else None for side in (metadata.old, metadata.new))
            differences = dict(_differences(old, new)) if metadata.op == "update" else {}
            kept = metadata.op == "delete" and metadata.old and metadata.old.retain_on_delete
            yield Step("retain" if kept else str(metadata.op.value), kind, name, differences)
    if event.diagnostic_event and event.diagnostic_event.severity != "debug":
        diagnostic = event.diagnostic_event
        text = _plain(diagnostic.message).strip().removeprefix(_UNHANDLED)
        if text and not diagnostic.ephemeral:
            urn = diagnostic.urn or ""
            yield Diagnostic(diagnostic.severity, text, "" if "pulumi:pulumi:Stack" in urn else urn.rsplit("::", 1)[-1])


def _differences(old: Any, new: Any, way: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if not key.startswith(_INTERNAL):
                yield from _differences(old.get(key), new.get(key), f"{way}.{key}" if way else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, f"{way}[{index}]")
    elif old != new:
        yield way, (old, new)


def _shown(outputs: automation.OutputMap) -> dict[str, Any]:
    """Outputs for people; `pulumi stack output --show-secrets` is for secrets."""
    return {key: "[secret]" if output.secret else output.value for key, output in outputs.items()}


def _plain(text: str) -> str:
    """Without the engine's colour tags, such as <{%fg 1%}>."""
    parts = text.split("<{%")
    return parts[0] + "".join(part.partition("%}>")[2] for part in parts[1:])


def _last_words(error: automation.CommandError) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return errors[-1] if errors else next((line for line in reversed(lines) if line), "the Pulumi engine failed")
