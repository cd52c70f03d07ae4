"""The engine on a program of another tree: what it imports of its own comes from there."""

import os
import signal
import sys
import sysconfig
import threading
import venv
from pathlib import Path

import pytest

from lab import processes as running
from lab.engine import SOURCE, Engine
from lab.errors import LabError
from lab.toolchain import Tools

PROGRAM = """
import os
import signal

import library
import pulumi
import settings

from settings.word import WORD

pulumi.export("word", WORD)
pulumi.export("library", library.WORD)
pulumi.export("place", settings.__file__)
pulumi.export("process", os.getpid())
pulumi.export("environment", sorted(name for name in os.environ if name.startswith("CLOUDFLARE_")))
"""


def tree(place: Path, word: str) -> Path:
    (place / "settings").mkdir(parents=True)
    (place / "settings" / "__init__.py").touch()
    (place / "settings" / "word.py").write_text(f"WORD = {word!r}\n")
    (place / "library.py").write_text(f"WORD = {word!r}\n")
    (place / "__main__.py").write_text(PROGRAM)
    return place


def environment(place: Path, word: str) -> Path:
    """Make an interpreter with this one's libraries and, in its own version, `library`."""
    venv.create(place, with_pip=False, symlinks=True)
    libraries = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    (libraries / "library.py").write_text(f"WORD = {word!r}\n")
    (libraries / "others.pth").write_text(sysconfig.get_path("purelib"))
    return place / "bin" / "python"


@pytest.fixture
def engine(tools: Tools, tmp_path: Path) -> Engine:
    """Make one on a program of the tree `source`."""
    (tmp_path / "Pulumi.yaml").write_text("name: immich-icloud\nruntime: python\n")
    source = tree(tmp_path / "source", "word")
    return Engine(tmp_path, tmp_path / "home", "lab", tools, source / "__main__.py", source=source)


def test_each_program_runs_on_its_own_packages_and_libraries_in_its_own_process(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "a-token-of-the-shell")
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: immich-icloud\nruntime: python\n")
    ours, path = sys.modules["settings"], list(sys.path)
    processes = {os.getpid()}
    for word in ("one", "other"):
        source = tree(tmp_path / word, word)
        (source / "library.py").unlink()
        python = environment(tmp_path / f"{word}-libraries", word)
        engine = Engine(project, tmp_path / "home", "lab", tools, source / "__main__.py", source=source, python=python)
        run = engine.run("up")
        assert run.succeeded, run.errors
        processes.add(run.outputs.pop("process"))
        assert run.outputs.pop("environment") == ["CLOUDFLARE_BASE_URL"]
        place = str(source / "settings" / "__init__.py")
        assert run.outputs == {"word": word, "library": word, "place": place}
    assert len(processes) == 3
    assert not list((tmp_path / "home").rglob("*.log"))  # of the engine's own
    assert (sys.modules["settings"], sys.path) == (ours, path)


def test_an_interpreter_that_lacks_pulumi_is_named(tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: immich-icloud\nruntime: python\n")
    source = tree(tmp_path / "source", "word")
    venv.create(tmp_path / "empty", with_pip=False, symlinks=True)
    python = tmp_path / "empty" / "bin" / "python"
    engine = Engine(tmp_path, tmp_path / "home", "lab", tools, source / "__main__.py", source=source, python=python)
    with pytest.raises(LabError, match=str(python)):
        engine.run("preview")


THREAD = "import threading; threading.Thread(target=threading.Event().wait).start()\n"


@pytest.mark.parametrize("own", [True, False], ids=["this tree", "another tree"])
def test_a_named_tree_has_a_process_of_its_own_which_ends_whatever_its_threads_do(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, own: bool
) -> None:
    """A review's head, too, whose tree is this one: an exit in its program must not be the review's."""
    (tmp_path / "sitecustomize.py").write_text(THREAD)
    home, hosts = tmp_path / "home", list[str]()
    engine = Engine(tmp_path, home, "lab", tools, source=SOURCE if own else tmp_path)
    monkeypatch.setattr(engine, "_pulumi", lambda *_: hosts.extend(one.name for one in running.find(home)))
    assert engine.run("preview").succeeded
    assert hosts  # at each of the engine's commands
    assert running.find(home) == []


def test_the_error_of_a_program_of_another_tree_is_told(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "source" / "settings" / "word.py").write_text("import pulumi\nraise pulumi.RunError('broken')\n")
    run = engine.run("preview")
    assert (run.succeeded, run.errors) == (False, ["broken"])


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def test_whatever_file_a_kill_left_unreadable_the_next_up_succeeds(engine: Engine, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert engine.run("up").succeeded
    files = [file for file in (*home.glob("state/**/*"), *home.glob("pulumi/workspaces/*")) if file.is_file()]
    assert {"lab.json", "lab.json.bak", "meta.yaml"} < {file.name for file in files}
    assert not [file for file in files if file.suffix == ".attrs"]
    checkpoint = next(file for file in files if file.name == "lab.json")
    # As a version wrote them that did not skip the metadata.
    files.append(checkpoint.with_name("lab.json.attrs"))

    for left in (lambda _: b"", half):
        for file in files:
            if file.suffix != ".bak":
                file.write_bytes(left(file.read_bytes()) if file.exists() else b"")
        assert engine.damaged()
        engine.recover()
        assert not engine.damaged()
        run = engine.run("up")
        assert run.succeeded, run.errors
        assert engine.outputs()["word"] == "word"

    for file in checkpoint.parent.glob("lab.json*"):
        file.write_text("")
    assert engine.damaged()
    with pytest.raises(LabError, match="make down"):  # its backup is unreadable, too
        engine.recover()


def test_a_lock_of_a_killed_engine_is_removed_however_little_of_it_was_written(engine: Engine, tmp_path: Path) -> None:
    locks = tmp_path / "home/state/.pulumi/locks/organization/immich-icloud/lab"
    whole = '{"pid": 1, "username": "anna", "hostname": "home"}'
    for written, reported in (("", "unexpected end"), (whole, "the stack is currently locked")):
        locks.mkdir(parents=True, exist_ok=True)
        (locks / "0d3f.json").write_text(written)
        with pytest.raises(LabError, match=f"^could not create stack: {reported}"):
            engine.run("up")
        assert engine.recover()
    assert engine.run("up").succeeded
    assert engine.recover() == []


WAITING = """
import time
from pathlib import Path

import pulumi

pulumi.log.warn("begun")
while not Path({over!r}).exists():
    time.sleep(0.01)
"""


def test_ctrl_c_ends_the_engine_before_its_client_lets_go_of_it(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread of the client reads what the engine says: it must not find the stream closed."""
    failed = list[threading.ExceptHookArgs]()
    monkeypatch.setattr(threading, "excepthook", failed.append)
    (tmp_path / "Pulumi.yaml").write_text("name: immich-icloud\nruntime: python\n")
    program, over = tmp_path / "program.py", tmp_path / "over"
    program.write_text(WAITING.format(over=str(over)))
    home = tmp_path / "home"
    main_thread = threading.main_thread().ident
    assert main_thread

    def interrupt(_: object) -> None:
        signal.pthread_kill(main_thread, signal.SIGINT)

    # A shell has what it starts in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            Engine(tmp_path, home, "lab", tools, program).run("preview", interrupt)
        assert running.find(home) == []
        assert failed == []
    finally:
        signal.signal(signal.SIGINT, before)
        over.touch()
