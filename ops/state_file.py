"""A real stack's state in files: refused, with the commands that repair it, where a kill left it unreadable."""

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from engine.file_backend import FileBackend
from settings import PROJECT
from settings.yaml_text import YamlError, read_yaml
from text.command import Command

_FILES = "file://"


def repair_of(stack: str, project: Path = Path()) -> str | None:
    """Say what of a stack's state is unreadable, and how to repair it; None for one that is fine or elsewhere."""
    home = Path(os.environ.get("PULUMI_HOME", "~/.pulumi")).expanduser()
    url = _url(home, project)
    if not url.startswith(_FILES):
        return None
    root = Path(unquote(url.removeprefix(_FILES).partition("?")[0])).expanduser()
    backend = FileBackend(project / root, home, PROJECT, stack)
    damages = list(backend.damages())
    if not damages:
        return None
    files = " and ".join(str(damage.file) for damage in damages)
    what = f"A pulumi that was killed left {files} unreadable."
    if any(not damage.command for damage in damages):
        earlier = backend.root / ".pulumi" / "backups" / PROJECT / stack
        return (
            f"{what} Its .bak is unreadable, too: copy the latest readable file of {earlier} to {backend.checkpoint}, "
            "or restore your own backup (docs/backup.md)"
        )
    commands = [*(shlex.join(damage.command) for damage in damages), f"pulumi cancel --stack {stack}"]
    return f"{what} See that no pulumi runs any more, then: {' && '.join(commands)} && {Command('up', stack)}"


def _url(home: Path, project: Path) -> str:
    """Where Pulumi keeps the state: by the environment, by the project, or by the last login."""
    stated = _read(project / "Pulumi.yaml").get("backend")
    url = (
        os.environ.get("PULUMI_BACKEND_URL")
        or (stated.get("url") if isinstance(stated, dict) else None)
        or _read(home / "credentials.json").get("current")
    )
    return url if isinstance(url, str) else ""


def _read(file: Path) -> dict[str, Any]:
    with suppress(YamlError):
        content = read_yaml(file)  # JSON is YAML
        return content if isinstance(content, dict) else {}
    return {}
