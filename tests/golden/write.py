"""The files beside this one: `make messages` writes them, a test compares them."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.public_access import FoundAtCloudflare
from settings import Settings, SettingsError, parse
from tests.stack_files import INVALID, VALID, configuration, secrets
from tests.stated import FOUND, objects
from tests.unit.recording import deployed
from tests.unit.test_checks import CASES, fault
from tests.unit.well import TUNNEL, ZONE

FOLDER = Path(__file__).parent
# Between them they have each object, and each container.
STACKS = {
    *("minimal", "photo-sync-in-full", "sign-in-page", "monitoring-in-full", "notifications-in-full"),
    *("cloudflare-own-tunnel-in-full", "mount-by-the-chart-in-full", "csi", "external-library", "gateway-in-full"),
    "mount-at-admission",
}
# Between them they have each resource.
PROGRAMS = {
    *("external-library", "nfs", "monitoring-in-full", "sign-in-page", "mount-at-admission", "gateway-in-full"),
    *("cloudflare-shared-tunnel-in-full", "cloudflare-dns-record-address"),
}
LONGEST, WIDTH = 500, 100
ALIKE = "-(ben|ben-2|manual)(-|$)"  # further accounts of the same client, and what a CronJob states as well


def refused_settings() -> Iterator[str]:
    """The problems of each wrong stack file."""
    for wrong in INVALID:
        try:
            parse(configuration(wrong), secrets(wrong), stack="test")
        except SettingsError as error:
            yield from (f"{wrong.name}: {problem}" for problem in error.problems)


def faults() -> Iterator[str]:
    """What `make verify` prints of each fault."""
    for name, more, breaks, code in CASES:
        found = fault(name, more, breaks)
        yield f"{name}, {code}: {found.text} -> {found.remedy}"


def manifests() -> Iterator[str]:
    """What stacks state in the cluster: once what several state, a line a field."""
    lines = set[str]()
    for settings in _stacks(STACKS):
        for made in objects(settings):
            name = made["metadata"].get("name") or made["metadata"]["generateName"]
            if not re.search(ALIKE, name):
                lines |= set(_lines(f"{made['kind']} {name}", _shortened(made)))
    yield from sorted(lines)


def resources() -> Iterator[str]:
    """What stacks register: once what several do, with what a state or an engine's run goes by."""
    lines = set[str]()
    for settings in _stacks(PROGRAMS):
        there = FoundAtCloudflare(ZONE, TUNNEL) if settings.cloudflare.kind != "none" else None
        for one in deployed(settings, replace(FOUND, cloudflare=there)).resources:
            after = ", ".join(sorted(map(_name, one.depends_on)))
            kept = "protected " * one.protect + "retained " * one.retain_on_delete
            if one.parent and not re.search(ALIKE, one.name):
                lines.add(f"{_name(one.parent)}/{one.name}: {one.type} {kept}after {after or 'nothing'}")
    yield from sorted(lines)


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


def _stacks(stems: set[str]) -> Iterator[Settings]:
    yield from (parse(configuration(file), secrets(file)) for file in VALID if file.stem in stems)


def _shortened(value: Any) -> Any:
    """Leave out scripts, dashboards, and the versions of images, which others update."""
    if isinstance(value, dict):
        return {key: inner.partition(":")[0] if key == "image" else _shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value]
    return "..." if isinstance(value, str) and len(value) > LONGEST else value


def _lines(path: str, value: Any) -> Iterator[str]:
    """Write what fits in a line, or has no parts with names, in one line."""
    text = json.dumps(value)
    if len(text) > WIDTH and isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(f"{path}.{key}", inner)
    elif len(text) > WIDTH and isinstance(value, list) and isinstance(value[0], dict):
        for inner in value:
            yield from _lines(f"{path}[{inner.get('name', '')}]", inner)
    else:
        yield f"{path}: {text}"


FILES: dict[str, Callable[[], Iterator[str]]] = {
    "settings.txt": refused_settings,
    "verify.txt": faults,
    "manifests.txt": manifests,
    "resources.txt": resources,
}


def text(name: str) -> str:
    """Render a file."""
    return "".join(f"{line}\n" for line in FILES[name]())


if __name__ == "__main__":
    for name in FILES:
        (FOLDER / name).write_text(text(name))
