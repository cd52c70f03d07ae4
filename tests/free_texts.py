"""The free texts of a stack file, found by walking the settings' models: one that is added later is among them."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from clients.kubernetes import Manifest
from settings import PROJECT, Settings, SettingsError, parse
from settings.model import Model
from tests.stack_files import VALID, as_text, document, secrets
from tests.stated import objects

PLAIN: Final = "plainQplain"
# A text is free where one of these is accepted in one of the forms.
_PROBES: Final = ("фото", "a b", "a&b", "📷")
_FORMS: Final = ("{}", "/mnt/{}", "{}@example.com", "anna@{}", "/{}", "mnt/{}")
# Steps of a path of the models: into a list, to a mapping's key, and to its value.
_ITEM, _KEY, _VALUE = "[]", "{key}", "{value}"

Path = tuple[Any, ...]
Kinds = dict[Path, str]


@dataclass(eq=False)
class FreeText:
    """A place in a stack file, whose text is valid there in this form."""

    name: str
    path: Path
    form: str
    config: dict[str, Any]
    secret: set[str]

    def __repr__(self) -> str:
        return self.name

    def settings(self, text: str) -> Settings:
        """Read the stack file with this text.

        Raises:
            SettingsError: when it is refused.

        """
        config = deepcopy(self.config)
        *above, last = self.path
        at: Any = config
        for step in above:
            at = at[step]
        if last == _KEY:
            at[self.form.format(text)] = at.pop(next(iter(at)))
        else:
            at[last] = self.form.format(text)
        return parse({key: as_text(value) for key, value in config.items()}, self.secret)

    @cached_property
    def plain(self) -> list[Manifest]:
        """What the stack states with PLAIN there."""
        return list(objects(self.settings(PLAIN)))


@cache
def free_texts() -> dict[str, FreeText | None]:
    """Each of them in a valid stack file; None where no stack file has it."""
    found = {}
    for path, hint, kinds in _leaves(Settings, ()):
        type_ = TypeAdapter(hint)
        if forms := [form for form in _FORMS if any(_accepts(type_, form.format(probe)) for probe in _PROBES)]:
            name = " ".join([".".join(path), *kinds.values()])
            found[name] = _example(name, path, forms, kinds)
    return found


def _leaves(hint: Any, path: Path) -> Iterator[tuple[Path, Any, Kinds]]:
    """Each text below a type: its path, its own type, and the `kind` of each union's member above it."""
    metadata: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *metadata = get_args(hint)  # type: ignore[assignment]
    if hint in {str, SecretStr}:
        yield path, Annotated[(hint, *metadata)] if metadata else hint, {}
    elif get_origin(hint) in {Union, UnionType}:
        for one in get_args(hint):
            yield from _leaves(one, path)
    elif get_origin(hint) is tuple:
        yield from _leaves(get_args(hint)[0], (*path, _ITEM))
    elif get_origin(hint) is dict:
        key, value = get_args(hint)
        yield from _leaves(key, (*path, _KEY))
        yield from _leaves(value, (*path, _VALUE))
    elif isinstance(hint, type) and issubclass(hint, Model):
        kind = get_args(hint.model_fields["kind"].annotation) if "kind" in hint.model_fields else ()
        for name, field in hint.model_fields.items():
            for below, leaf, kinds in _leaves(_whole(field), (*path, field.alias or name)):
                yield below, leaf, {path: kind[0], **kinds} if len(kind) == 1 else kinds
    else:
        assert hint in {bool, int, NoneType} or get_origin(hint) is Literal, f"{path}: which texts are in {hint}?"


def _whole(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _accepts(type_: TypeAdapter[Any], text: str) -> bool:
    try:
        type_.validate_python(text)
    except ValidationError:
        return False
    return True


def _example(name: str, path: Path, forms: list[str], kinds: Kinds) -> FreeText | None:
    for file in VALID:
        config = {key if ":" in key else f"{PROJECT}:{key}": value for key, value in document(file)["config"].items()}
        if any(not _is_of_kind(config, place, kind) for place, kind in kinds.items()):
            continue
        if (real := _place(config, _in_file(path))) is None:
            continue
        for form in forms:
            found = FreeText(name, real, form, config, secrets(file))
            try:
                found.settings(PLAIN)
            except SettingsError:
                continue
            return found
    return None


def _in_file(path: Path) -> Path:
    return (f"{PROJECT}:{path[0]}", *path[1:])


def _is_of_kind(config: Any, place: Path, kind: str) -> bool:
    found = config
    for step in _in_file(place):
        found = found.get(step) if isinstance(found, dict) else None
    return isinstance(found, dict) and found.get("kind") == kind


def _place(config: Any, path: Path) -> Path | None:
    """Find a path of the models in a stack file; None where what is above its end is not there."""
    real: list[Any] = []
    at = config
    for step in path:
        if step in {_ITEM, _KEY, _VALUE} and not at:
            return None
        here = 0 if step == _ITEM else next(iter(at)) if step == _VALUE else step
        real.append(here)
        if len(real) < len(path):
            at = at[here] if isinstance(at, list) else at.get(here) if isinstance(at, dict) else None
    return tuple(real) if isinstance(at, dict | list) else None
