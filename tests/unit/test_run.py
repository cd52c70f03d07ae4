"""What is read from the engine's events; the shapes are those of engine 3.258.0."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import EngineEvent
from pulumi.runtime.rpc import UNKNOWN

from engine.file_backend import FileBackend
from engine.run import Diagnostic, Run, Step
from tests.mutations import mutated

INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"
URN = f"urn:pulumi:homelab::immich-icloud::immich-icloud:index:PhotoStack${INGRESS}::route-ingress"


def side(inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": INGRESS, "urn": URN, "id": "", "parent": "", "provider": "", "inputs": inputs, **more}


def change(op: str, type_: str = INGRESS, **sides: Any) -> dict[str, Any]:
    metadata = {"op": op, "urn": URN, "type": type_, "provider": "", **sides}
    return {"sequence": 1, "timestamp": 0, "resourcePreEvent": {"metadata": metadata}}


def said(severity: str, message: str, **more: Any) -> dict[str, Any]:
    return {"sequence": 1, "timestamp": 0, "diagnosticEvent": {"severity": severity, "message": message, **more}}


def read(*events: dict[str, Any]) -> Run:
    run = Run("preview")
    for event in events:
        list(run.take(EngineEvent.from_json(event)))
    return run


def test_a_step_has_both_sides_without_what_is_the_engines_own() -> None:
    before = side({"spec": {"a": 1, "__defaults": []}, "__provider": "..."}, outputs={"found": ["x"], "__inputs": {}})
    run = read(change("update", old=before, new=side({"spec": {"a": UNKNOWN}})))
    assert run.steps == [
        Step(
            "update",
            INGRESS,
            "route-ingress",
            {"spec": {"a": 1}},
            {"spec": {"a": "[known after up]"}},
            {"found": ["x"]},
            urn=URN,
        )
    ]
    assert run.changed == run.steps
    assert run.steps[0].differences == {"spec.a": (1, "[known after up]")}


def test_a_delete_of_what_is_retained_only_forgets() -> None:
    kept, replaced = (
        change("delete", old=side({}, retainOnDelete=True)),
        change("replace", old=side({}, retainOnDelete=True)),
    )
    run = read(kept, replaced, change("delete", old=side({})))
    assert [(step.operation, step.retained) for step in run.steps] == [
        ("retain", True), ("replace", True), ("delete", False),
    ]  # fmt: skip


@pytest.mark.parametrize("operation", ["delete", "replace"])
def test_protected_resources_that_a_run_removes_are_listed_by_urn(operation: str) -> None:
    removed = change(operation, old=side({}, protect=True))
    forgotten = change("delete", old=side({}, protect=True, retainOnDelete=True))
    others = (change(operation, old=side({})), change("update", old=side({}, protect=True), new=side({})))
    run = read(removed, forgotten, *others)
    assert run.protected_removals == [URN, URN]


def test_what_moves_by_an_alias_and_is_replaced_is_listed_by_the_urn_that_the_state_has() -> None:
    former = URN.replace("route-ingress", "ingress")
    moved = change("replace", old=side({}, urn=former, protect=True), new=side({}))
    run = read(moved)
    assert run.protected_removals == [former]
    assert run.steps[0].title == "Ingress route-ingress"


def test_neither_components_nor_what_stays_is_a_change() -> None:
    run = read(
        change("same", old=side({}), new=side({})), change("create", "immich-icloud:index:ImmichRoute", new=side({}))
    )
    assert (len(run.steps), run.changed) == (2, [])


def test_the_stack_and_its_providers_are_no_resources() -> None:
    assert read(change("create", "pulumi:pulumi:Stack"), change("update", "pulumi:providers:kubernetes")).steps == []


def test_each_message_is_kept_once_without_colours() -> None:
    run = read(
        said("error", "<{%fg 1%}>it is wrong<{%reset%}>\n"),
        said("error", "an unhandled error occurred: it is wrong"),
        said("warning", "careful", urn="urn:pulumi:s::p::t::route"),
        said("info", "gone soon", ephemeral=True),
        said("debug", "nobody's business"),
        said("info", "  "),
    )
    assert run.diagnostics == [Diagnostic("error", "it is wrong"), Diagnostic("warning", "careful", "route")]
    assert (run.errors, run.warnings) == (["it is wrong"], ["careful"])


def test_a_log_has_an_event_a_line() -> None:
    events = (
        change("delete", old=side({})),
        said("error", "no\u0085\u2028way"),
        {"summaryEvent": {"result": "failed"}},
    )
    log = io.StringIO("\n".join(json.dumps(event, ensure_ascii=False) for event in events))
    run = Run.of_log("preview", log, succeeded=False)
    assert (run.succeeded, [step.operation for step in run.steps], run.errors) == (
        False, ["delete"], ["no\u0085\u2028way"],
    )  # fmt: skip
    assert run.complete


def test_a_cli_that_wrote_nothing_is_not_complete() -> None:
    assert Run.of_log("preview", io.StringIO(), succeeded=False) == Run("preview")


def outcome(op: str, type_: str, **sides: Any) -> dict[str, Any]:
    metadata = {"op": op, "urn": URN, "type": type_, "provider": "", **sides}
    return {"sequence": 1, "timestamp": 0, "resOutputsEvent": {"metadata": metadata}}


SAME = change("same", old=side({}), new=side({}))
STACK = "pulumi:pulumi:Stack"


@pytest.mark.parametrize(
    ("event", "alters"),
    [
        (SAME, False),
        # The steps after it tell what a refresh found.
        (change("refresh", old=side({}, id="1"), new=side({})), False),
        (change("read", new=side({})), False),
        (change("update", old=side({}), new=side({})), True),
        (change("create", "immich-icloud:index:ImmichRoute", new=side({})), True),
        (change("update", "pulumi:providers:kubernetes", old=side({}), new=side({})), True),
        # No step shows these, and a later run goes by them.
        (change("same", old=side({}), new=side({}, protect=True)), True),
        (change("same", old=side({}, protect=True), new=side({})), True),
        (change("same", old=side({}), new=side({}, retainOnDelete=True)), True),
        (change("same", old=side({}), new={**side({}), "parent": "urn:other"}), True),
        (change("same", old=side({}), new={**side({}), "provider": "urn:other"}), True),
        (outcome("same", STACK, old=side({}, outputs={"a": [1]}), new=side({}, outputs={"a": [1]})), False),
        (outcome("same", STACK, old=side({}, outputs={"a": [1]}), new=side({}, outputs={"a": [2]})), True),
        (outcome("same", STACK, old=side({}, outputs={}), new=side({}, outputs={"a": 1})), True),
        (outcome("same", INGRESS, old=side({}, outputs={"status": 1}), new=side({}, outputs={"status": 2})), False),
    ],
)
def test_a_run_alters_the_state_where_anything_in_it_changes(event: dict[str, Any], *, alters: bool) -> None:
    assert read(SAME, event, SAME).alters is alters


# As an event of the real engine has it.
HIDDEN = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}


def test_outputs_are_those_that_the_program_last_stated() -> None:
    run = read(
        outcome("refresh", STACK, new=side({}, outputs={"host": "old"})),
        outcome("same", STACK, new=side({}, outputs={"host": "new", "token": HIDDEN})),
        outcome("same", INGRESS, new=side({}, outputs={"status": "up"})),
    )
    assert run.outputs == {"host": "new", "token": "[secret]"}


@pytest.mark.parametrize(
    ("pending", "interrupted"),
    [
        ([], False),
        # The engine keeps it forever, though a later run has completed it.
        ([("creating", "urn:there")], False),
        ([("creating", "urn:not-there")], True),
        ([("updating", "urn:there")], True),
        ([("deleting", "urn:there")], True),
    ],
)
def test_an_operation_that_never_ended_interrupts(
    tmp_path: Path, pending: list[tuple[str, str]], *, interrupted: bool
) -> None:
    backend = FileBackend(tmp_path, tmp_path, "immich-icloud", "lab")
    operations = [{"type": type_, "resource": {"type": "t", "urn": urn}} for type_, urn in pending]
    latest = {"resources": [{"type": "t", "urn": "urn:there"}], "pending_operations": operations}
    backend.checkpoint.parent.mkdir(parents=True)
    backend.checkpoint.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))
    assert backend.interrupted() is interrupted


def test_a_stack_without_a_checkpoint_is_not_interrupted(tmp_path: Path) -> None:
    assert not FileBackend(tmp_path, tmp_path, "immich-icloud", "lab").interrupted()


STORED: dict[str, Any] = {
    "version": 3,
    "checkpoint": {
        "latest": {
            "resources": [{"urn": "urn:a", "type": "t", "custom": True, "inputs": {}, "dependencies": ["urn:b"]}],
            "pending_operations": [{"type": "updating", "resource": {"urn": "urn:a", "type": "t"}}],
        }
    },
}


def test_a_checkpoint_of_another_shape_is_a_damage_or_read(tmp_path: Path) -> None:
    """Each field null, missing or of another type: nothing is raised, and what no engine reads is restored."""
    backend = FileBackend(tmp_path, tmp_path, "immich-icloud", "lab")
    backend.checkpoint.parent.mkdir(parents=True)
    backend.checkpoint.with_name("lab.json.bak").write_text(json.dumps(STORED))
    for what, damaged in mutated(STORED):
        backend.checkpoint.write_text(json.dumps(damaged))
        for damage in backend.damages():
            assert not backend.interrupted(), what
            subprocess.run(damage.command, check=True)
        assert not list(backend.damages()), what


@pytest.mark.parametrize(
    "latest",
    [[], "x", {"resources": {}}, {"resources": ["x"]}, {"resources": [{"urn": "urn:a"}]},
     {"resources": [{"type": "t"}]},
     {"resources": [{"urn": "urn:a", "type": "t", "outputs": []}]}, {"pending_operations": [{"type": "creating"}]}],
)  # fmt: skip
def test_resources_that_no_engine_reads_are_a_damage(tmp_path: Path, latest: object) -> None:
    backend = FileBackend(tmp_path, tmp_path, "immich-icloud", "lab")
    backend.checkpoint.parent.mkdir(parents=True)
    backend.checkpoint.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))
    (damage,) = backend.damages()
    assert (damage.file, damage.command) == (backend.checkpoint, ())


@pytest.mark.parametrize("content", ["", "[]", "{", "!!timestamp x", '!!int ""', "!!bool x", "- " * 2000, "\x00"])
def test_a_layout_that_cannot_be_read_is_a_damage(tmp_path: Path, content: str) -> None:
    layout = tmp_path / ".pulumi" / "meta.yaml"
    layout.parent.mkdir()
    layout.write_text(content)
    (damage,) = FileBackend(tmp_path, tmp_path, "immich-icloud", "lab").damages()
    assert damage.file == layout
