"""Pulumi's state in files: what a killed engine may leave unreadable there, and the command that repairs it.

Every command of the engine fails on such a file, `pulumi cancel` included: so nothing here needs the engine.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from engine.deployment import Stored


@dataclass(frozen=True)
class Damage:
    """A file that the engine can't read, and the command that repairs it; without one there is no backup."""

    file: Path
    command: tuple[str, ...]


@dataclass(frozen=True)
class FileBackend:
    """The state of one stack below `root`, and below `engine_home` what the engine remembers of projects."""

    root: Path
    engine_home: Path
    project: str
    stack: str

    @property
    def url(self) -> str:
        """Its URL for the engine, which then writes no `.attrs` file beside each file: a kill can leave it empty."""
        return f"{self.root.resolve().as_uri()}?metadata=skip"

    @property
    def checkpoint(self) -> Path:
        """The file with the stack's resources."""
        return self.root / ".pulumi" / "stacks" / self.project / f"{self.stack}.json"

    @property
    def locks(self) -> Path:
        """The directory with the stack's locks."""
        return self.root / ".pulumi" / "locks" / "organization" / self.project / self.stack

    def interrupted(self) -> bool:
        """Whether the checkpoint has an operation that was begun and never ended."""
        stored = _stored(self.checkpoint)
        return bool(stored and stored.checkpoint.latest and stored.checkpoint.latest.unended)

    def damages(self) -> Iterator[Damage]:
        """Find all that is unreadable."""
        for metadata in sorted((self.root / ".pulumi").rglob("*.attrs")):
            if _mapping(metadata) is None:
                yield Damage(metadata, ("rm", str(metadata)))
        for selected in sorted((self.engine_home / "workspaces").glob("*-workspace.json")):
            if _mapping(selected) is None:
                yield Damage(selected, ("rm", str(selected)))
        layout = self.root / ".pulumi" / "meta.yaml"
        if layout.exists() and "version" not in (_mapping(layout) or {}):
            # The one layout that has a version (source: pulumi's pkg/backend/diy).
            yield Damage(layout, ("sh", "-c", 'echo "version: 1" >"$0"', str(layout)))
        if self.checkpoint.exists() and not _stored(self.checkpoint):
            backup = self.checkpoint.with_name(f"{self.checkpoint.name}.bak")
            copying = ("cp", str(backup), str(self.checkpoint))
            yield Damage(self.checkpoint, copying if _stored(backup) else ())


def _stored(file: Path) -> Stored | None:
    """Read a checkpoint; None where it is unreadable, or of another shape."""
    try:
        return Stored.model_validate(_mapping(file))
    except ValidationError:
        return None


def _mapping(file: Path) -> dict[str, Any] | None:
    """Read a file of JSON or YAML; None where it is unreadable."""
    try:
        content = yaml.safe_load(file.read_text()) if file.suffix == ".yaml" else json.loads(file.read_text())
    # The last three: nested too deeply, and a tagged value that is none, such as `!!timestamp x`.
    except (OSError, ValueError, yaml.YAMLError, RecursionError, AttributeError, LookupError):
        return None
    return content if isinstance(content, dict) else None
