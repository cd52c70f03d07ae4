"""Every stack file in tests/stacks, and the repository's own, through the same door as the program's."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter

from settings import PROJECT, Settings, SettingsError, parse
from settings.stack_file import plain_leaves
from tests.stack_files import INVALID, OWN, VALID, Wrong, as_text, configuration, document, places, secrets

Keys = tuple[str, ...]

UNIONS = {"storage", "route", "cloudflare"}  # sections whose keys depend on their kind


def problems(config: dict[str, str], encrypted: Collection[str] = ()) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        parse(config, encrypted)
    return refused.value.problems


@pytest.mark.parametrize("file", [*VALID, *OWN], ids=lambda file: file.name)
def test_valid(file: Path) -> None:
    parse(configuration(file), secrets(file), plain_leaves(file))


@pytest.mark.parametrize("wrong", INVALID, ids=lambda wrong: wrong.name)
def test_invalid(wrong: Wrong) -> None:
    """In which words, golden/settings.txt shows."""
    assert problems(configuration(wrong), secrets(wrong))


@pytest.mark.parametrize("wrong", [w for w in INVALID if w.name.startswith("several")], ids=lambda wrong: wrong.name)
def test_order_of_problems_does_not_depend_on_the_order_of_keys(wrong: Wrong) -> None:
    """The engine hands the configuration over in random order."""
    backwards = dict(reversed(configuration(wrong).items()))

    assert problems(backwards) == problems(configuration(wrong))


def test_enough_is_covered() -> None:
    assert len(INVALID) >= 40
    assert len(VALID) >= 10
    assert "Pulumi.homelab.yaml" in [file.name for file in OWN]


def test_a_valid_file_is_read_as_written() -> None:
    settings = parse(configuration(next(file for file in VALID if file.name == "as-pulumi-writes-it.yaml")))

    assert settings.adopt_existing is False
    assert settings.immich.service.port == 2283
    assert (settings.storage.owner.uid, settings.storage.owner.gid) == (1000, 1000)


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.name)
def test_a_key_without_a_value_is_not_one_that_is_left_out(file: Path) -> None:
    for *above, last in places(document(file)["config"]):
        config = at = document(file)["config"]
        for key in above:
            at = at[key]
        at[last] = None

        complaints = problems({key: as_text(value) for key, value in config.items()}, secrets(file))
        key = ".".join(str(key) for key in (*above, last) if not isinstance(key, int))
        assert any(re.sub(r"\[\d+\]", "", complaint).startswith(f"{key}: ") for complaint in complaints), complaints


def test_every_default_is_allowed() -> None:
    fields = [field for model in _all_models(Settings) for field in model.model_fields.values()]
    defaults = [(field, field.get_default(call_default_factory=True)) for field in fields if not field.is_required()]

    for field, default in defaults:
        assert default is None or TypeAdapter(field.rebuild_annotation()).validate_python(default) == default
    assert len(defaults) > 30


def test_every_setting_is_set_in_a_valid_file() -> None:
    written = {keys for file in VALID for keys in _written(document(file)["config"])}

    assert {".".join(keys) for keys in _settings(Settings) if keys not in written} == set()


def test_every_setting_is_wrong_in_an_invalid_file() -> None:
    complaints = [
        re.sub(r"\[\d+\]", "", problem.removeprefix(f"{PROJECT}:"))
        for wrong in INVALID
        for problem in problems(configuration(wrong), secrets(wrong))
    ]

    def is_named(keys: Keys) -> bool:
        return any(c.startswith(f"{_without_kinds(keys)}:") for c in complaints)

    assert {_without_kinds(keys) for keys in _settings(Settings) if not is_named(keys)} == set()


@pytest.mark.parametrize("value", ["[" * 100_000, f"[{'9' * 5_000}]", f'{{"service":{{"port":{"9" * 5_000}}}}}'])
def test_text_that_breaks_a_json_reader_is_refused_with_a_message(value: str) -> None:
    [problem] = problems(configuration(VALID[0]) | {f"{PROJECT}:immich": value})

    assert problem.startswith(f"{PROJECT}:immich")
    assert len(problem) < 300


def _settings(annotation: Any, keys: Keys = ()) -> Iterator[Keys]:
    """The path of every leaf of the models; of a union's members with their kind, as in (storage, nfs, server)."""
    models = list(_models(annotation))
    for model in models:
        kind = get_args(model.model_fields["kind"].annotation) if len(models) > 1 else ()
        for field in model.model_fields.values():
            yield from _settings(field.annotation, (*keys, *kind, str(field.alias)))
    if not models:
        yield keys


def _all_models(annotation: Any) -> set[type[BaseModel]]:
    inner = set(_models(annotation))
    return inner.union(*(_all_models(field.annotation) for model in inner for field in model.model_fields.values()))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in {Annotated, tuple}:
        yield from _models(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, UnionType}:
        for member in get_args(annotation):
            yield from _models(member) if member is not NoneType else ()


def _written(node: Any, keys: Keys = ()) -> Iterator[Keys]:
    """The path of every key of a stack file, in the form of `_settings`."""
    if isinstance(node, dict):
        kind = (node["kind"],) if keys and keys[-1] in UNIONS else ()
        for key, value in node.items():
            yield from _written(value, (*keys, *kind, key.removeprefix(f"{PROJECT}:")))
    for item in node if isinstance(node, list) else ():
        yield from _written(item, keys)
    yield keys


def _without_kinds(keys: Keys) -> str:
    return ".".join(key for place, key in enumerate(keys) if not (keys[0] in UNIONS and place == 1))
