"""The real Pulumi engine, run on the unchanged program, on a project directory of its own."""

import contextlib
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import grpc
from pulumi import automation
from pulumi.automation import EngineEvent
from pulumi.automation._server import LanguageServer
from pulumi.automation._stack import _EventsServicer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto.events_pb2_grpc import add_EventsServicer_to_server as _add_events
from pulumi.runtime.proto.language_pb2_grpc import add_LanguageRuntimeServicer_to_server as _add_program

from engine.file_backend import FileBackend
from engine.run import Diagnostic, Operation, Run, Step
from lab import processes
from lab.errors import LabError
from lab.plugins.cloudflare import CloudflarePlugin
from lab.plugins.kubernetes import KubernetesPlugin
from lab.plugins.service import Plugin, serving
from lab.toolchain import Tools

SOURCE = Path(__file__).parent.parent
# What the program consists of, beside `__main__.py`.
PACKAGES = ("clients", "components", "observe", "preflight", "providers", "settings", "text")
# Published on purpose: the lab's stack file holds nothing secret.
_PASSPHRASE = "immich-icloud-lab"  # noqa: S105
_PROCESS = "engine"
_POLL_SECONDS = 0.05
_ERROR = re.compile(r"^ *(?:stderr: )?error: (.+)", re.MULTILINE)
_UNSAID = "the Pulumi engine failed"
_TEMPORARY = "temporary"
_PROJECT = "immich-icloud"
_STAND_INS: Mapping[str, Callable[[], Plugin[Any]]] = {"kubernetes": KubernetesPlugin, "cloudflare": CloudflarePlugin}
# Nothing listens there: without the rehearsal's Cloudflare API there is none, rather than the real one.
_NO_CLOUDFLARE = "http://127.0.0.1:1"
_PYTHON = Path(sys.executable)
# Real credentials, of which a rehearsal must know nothing.
_CREDENTIALS = ("CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_USER_SERVICE_KEY", "CLOUDFLARE_EMAIL")
_LANGUAGE_HOST = Path(__file__).parent / "language_host.py"
_OPERATIONS: dict[Operation, list[str]] = {
    "preview": ["preview", "--run-program"],
    "up": ["up", "--yes", "--skip-preview", "--run-program"],
    "destroy": ["destroy", "--yes", "--skip-preview", "--run-program"],
}
Listener = Callable[[Step | Diagnostic], None]
_Result = TypeVar("_Result")


class Engine:
    """One stack of one project directory, with its state and everything else of the engine's under `home`.

    `source` is the tree that the program's packages are imported from, and `python` the interpreter with its libraries:
    a review runs the programs of two commits. A program of a tree that is named runs in a process of its own.
    """

    def __init__(  # noqa: PLR0913 (what a run is made of)
        self,
        project: Path,
        home: Path,
        stack: str,
        tools: Tools,
        program: Path = SOURCE / "__main__.py",
        *,
        source: Path | None = None,
        python: Path = _PYTHON,
        cloudflare_url: str = _NO_CLOUDFLARE,
    ) -> None:
        self._program, self._source, self._python, self._cloudflare_url = program, source, python, cloudflare_url
        self._project, self._home, self._tools = project, home, tools
        self.stack = stack
        self._backend = FileBackend(home / "state", home / "pulumi", _PROJECT, stack)
        self._real_plugins = {package: real for package in _STAND_INS if (real := _real_plugin(package))}

    @property
    def providers(self) -> str:
        """Who serves as each provider, as text: the real plugin's path, or the stand-in and why."""
        stand_in = "the lab's stand-in (no pulumi-resource-{} is installed)"
        served = {package: self._real_plugins.get(package) or stand_in.format(package) for package in _STAND_INS}
        return ", ".join(f"{package.capitalize()} provider: {by}" for package, by in served.items())

    def run(self, operation: Operation, listen: Listener = lambda _: None, *, lift: Sequence[str] = ()) -> Run:
        """Run one operation to its end; a failure is in the result, not raised.

        A preview shows what would happen to protected resources, and removal is meant: neither stops at them.

        Args:
            operation: what the engine does.
            listen: gets each step and message as it comes.
            lift: URNs of protected resources that this run may delete or replace. What is left of them is protected
                again by the program.

        Raises:
            LabError: when the engine could not even start.

        """
        run = Run(operation)
        temporary = _temporary_files_in(self._home / _TEMPORARY)
        with self._environment(operation), temporary, self._providers():
            try:
                self._await(lambda: self._run(run, listen, lift))
                run.succeeded = True
            except automation.CommandError as error:
                if not run.errors:
                    run.diagnostics.append(Diagnostic("error", _last_words(error)))
                    listen(run.diagnostics[-1])
        return run

    def _run(self, run: Run, listen: Listener, lift: Sequence[str]) -> None:
        self._have_stack()
        if lift:
            self._pulumi("state", "unprotect", "--yes", "--stack", self.stack, *lift)

        def take(event: EngineEvent) -> None:
            for item in run.take(event):
                listen(item)

        program = self._program_apart() if self._source else self._program_here()
        with program as address, _listening(_add_events, _EventsServicer(take)) as log:
            # Not by the Automation API: it starts the engine again for outputs and history, 1 s of processor time.
            words = ["--client", address, "--exec-kind", "auto.inline", "--event-log", f"tcp://{log}"]
            self._pulumi(*_OPERATIONS[run.operation], "--stack", self.stack, *words)

    def _await(self, work: Callable[[], _Result]) -> _Result:
        """Have another thread wait for the engine, so that Ctrl-C ends the engine first, and its client after it.

        Raises:
            automation.CommandError: when it fails.
            LabError: when the engine could not even start.

        """
        with ThreadPoolExecutor(max_workers=1) as executor:
            waiting = executor.submit(work)
            try:
                return waiting.result()
            except KeyboardInterrupt:
                while not waiting.done():  # it may be about to start the next one
                    processes.end(self._home, {_PROCESS})
                    wait([waiting], _POLL_SECONDS)
                raise

    def _program_here(self) -> AbstractContextManager[str]:
        """Serve the program to the engine from this process, and return where."""
        return _listening(_add_program, LanguageServer(self._run_program))

    @contextmanager
    def _program_apart(self) -> Iterator[str]:
        """Serve the program to the engine from a process of its own, by its own tree and interpreter; return where.

        Raises:
            LabError: when the interpreter does not serve it.

        """
        with subprocess.Popen(
            [self._python, "-P", _LANGUAGE_HOST, self._program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | processes.mark(self._home, _PROCESS),
            text=True,
        ) as host:
            try:
                if not (host.stdout and (port := host.stdout.readline().strip())):
                    raise LabError(f"{self._python} can't run the program of {self._source}")
                yield f"127.0.0.1:{port}"
            finally:
                host.kill()  # it ends by itself only where each thread of the program does

    def damaged(self) -> bool:
        """Whether a killed engine left something unreadable: `recover` first."""
        return any(self._backend.damages())

    def interrupted(self) -> bool:
        """Whether the state has operations whose end is unknown."""
        return self._backend.interrupted()

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, as the state has them, secrets hidden."""
        with self._environment():
            return self._await(self._read_outputs)

    def _read_outputs(self) -> dict[str, Any]:
        self._have_stack()
        outputs: dict[str, Any] = json.loads(self._asked("stack", "output", "--json", "--stack", self.stack))
        return outputs

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Give this process the engine's environment for a while, providers included, with the stack in its state."""
        with self._environment(), self._providers():
            self._have_stack()
            yield

    def become(self, words: Sequence[str]) -> NoReturn:
        """Become another program, in the engine's environment; a word `{stack}` is the stack's name.

        Raises:
            LabError: when there is no such program.

        """
        with self._environment():
            try:
                # Not a child process: what Ctrl-C means is the program's own affair.
                os.execvp(words[0], [self.stack if word == "{stack}" else word for word in words])  # noqa: S606
            except OSError as error:
                raise LabError(f"{words[0]} can't be run: {error.strerror}") from None

    def recover(self) -> list[str]:
        """End an engine that outlived its run, plugins included, and repair what a killed one left of the state.

        Returns what had to be repaired.

        Raises:
            LabError: when neither the stack's checkpoint nor its backup is readable.

        """
        repaired = []
        if any(marked.name == _PROCESS for marked in processes.find(self._home)):
            processes.end(self._home, {_PROCESS})
            repaired.append("an engine still ran")
        # No engine runs now: a lock is stale. `pulumi cancel` would need a state that is readable.
        if self._backend.locks.exists():
            if any(self._backend.locks.iterdir()):
                repaired.append("the stack was locked")
            shutil.rmtree(self._backend.locks)
        shutil.rmtree(self._home / _TEMPORARY, ignore_errors=True)
        for damage in self._backend.damages():
            if not damage.command:
                raise LabError(f"{damage.file} is unreadable, and so is its backup. `make down` removes the rehearsal")
            subprocess.run(damage.command, check=True)
            repaired.append(f"{damage.file} was unreadable: {shlex.join(damage.command)}")
        return repaired

    def _have_stack(self) -> None:
        """Make the stack where it has no state."""
        if not self._backend.checkpoint.exists():
            self._asked("stack", "init", self.stack)

    def _asked(self, *words: str) -> str:
        """Return what the engine answers to a command of its own.

        Raises:
            LabError: when it fails.

        """
        try:
            return self._pulumi(*words)
        except automation.CommandError as error:
            raise LabError(_last_words(error)) from None

    def _pulumi(self, *words: str) -> str:
        # Some flags are the Automation API's, and hidden without the variable.
        environment = {"PULUMI_DEBUG_COMMANDS": "true", **processes.mark(self._home, _PROCESS)}
        return _command(self._tools.pulumi).run([*words], str(self._project), environment).stdout

    def _run_program(self) -> None:
        runpy.run_path(str(self._program), run_name="__main__")

    @contextmanager
    def _environment(self, operation: Operation | None = None) -> Iterator[None]:
        """Give the engine, and the program that runs in this process, their environment."""
        self._backend.root.mkdir(parents=True, exist_ok=True)
        _keep_no_log(self._backend.engine_home)
        path = [str(self._python.parent), str(self._tools.pulumi.parent), os.environ.get("PATH", "")]
        set_here: dict[str, str | None] = {
            **dict.fromkeys(_CREDENTIALS),
            "CLOUDFLARE_BASE_URL": self._cloudflare_url,
            "IMMICH_ICLOUD_REMOVING": self.stack if operation == "destroy" else "",
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1,localhost"])),
            "PATH": os.pathsep.join(path),
            "PULUMI_BACKEND_URL": self._backend.url,
            "PULUMI_CONFIG_PASSPHRASE": _PASSPHRASE,
            "PULUMI_HOME": str(self._backend.engine_home),
            # The flag --ignore-protect, which the Automation API lacks (source: pulumi's cmd/pulumi/pulumi.go).
            "PULUMI_OPTION_IGNORE_PROTECT": "true" if operation in {"preview", "destroy"} else None,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONPATH": str(self._source or SOURCE),
        }
        with _set(set_here), contextlib.chdir(self._project):
            yield

    @contextmanager
    def _providers(self) -> Iterator[None]:
        """Have every provider: the real one where it is installed, else the stand-in."""
        variables: dict[str, str | None] = {}
        with contextlib.ExitStack() as stack:
            attached = []
            for package, stand_in in _STAND_INS.items():
                if real := self._real_plugins.get(package):
                    self._link(package, real)
                    # Found there, it needs no warning that it was found on PATH.
                    variables["PULUMI_IGNORE_AMBIENT_PLUGINS"] = "true"
                else:
                    attached.append(f"{package}:{stack.enter_context(serving(stand_in()))}")
            if attached:
                variables["PULUMI_DEBUG_PROVIDERS"] = ",".join(attached)
            stack.enter_context(_set(variables))
            yield

    def _link(self, package: str, real: Path) -> None:
        place = self._backend.engine_home / "plugins" / f"resource-{package}-v{_version(package)}"
        place.mkdir(parents=True, exist_ok=True)
        link = place / real.name
        link.unlink(missing_ok=True)
        link.symlink_to(real)


def _keep_no_log(engine_home: Path) -> None:
    """Have the engine write none of its own: each property of each call, 5 MB a run, 60 % of its processor time.

    It has no option for that, and does without where it can make no directory (source: cmd/pulumi/pulumi.go).
    """
    engine_home.mkdir(exist_ok=True)
    (engine_home / "logs").touch()


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Keep together what the engine, its client and its plugins put down: who is interrupted does not clear up."""
    folder.mkdir(exist_ok=True)
    before = tempfile.tempdir
    with _set({"TMPDIR": str(folder)}):
        tempfile.tempdir = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before


@cache
def _command(_: Path) -> automation.PulumiCommand:
    """Have the engine on PATH asked for its version once, not at each run."""
    return automation.PulumiCommand()


@contextmanager
def _listening(add: Callable[[Any, Any], None], servicer: object) -> Iterator[str]:
    """Serve the engine on a free loopback port for a while, and return where."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=_GRPC_CHANNEL_OPTIONS)
    add(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=1).wait()


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


def _last_words(error: automation.CommandError) -> str:
    """Tell the engine's own error, which the Automation API puts behind its name of the stream."""
    lines = str(error).splitlines()
    errors = _ERROR.findall(str(error))
    return errors[-1] if errors else next((line.strip() for line in reversed(lines) if line.strip()), _UNSAID)
