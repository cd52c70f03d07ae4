"""From pydantic's findings to sentences that a stack file's author can act on."""

import difflib
import json
import sys
from collections.abc import Collection, Iterator
from dataclasses import replace
from string import Template
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pulumi
import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from settings.model import REFUSED, Allowed, Example, Model
from text.command import ConfigSet
from text.visible import visible

_LONGEST_VALUE = 80


class SettingsError(pulumi.RunError):
    """The stack file can't be used; `problems` has a sentence each. A RunError reaches the user without traceback."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = list(map(visible, problems))
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(
            "\n".join([f"The stack file has {count}; nothing was changed.", *(f"  - {p}" for p in self.problems)])
        )


def sentences(
    error: ValidationError, model: type[BaseModel], namespace: str, secrets: Collection[str] = (), stack: str = ""
) -> list[str]:
    """One sentence for each finding: the key as the user wrote it, the value, what is allowed, an example.

    Args:
        error: pydantic's findings.
        model: the model of the whole.
        namespace: what stands before the keys.
        secrets: the top-level keys whose values are never shown.
        stack: the stack's name, for the commands that store a secret.

    """
    return [_sentence(details, model, namespace, secrets, stack) for details in error.errors()]


def _sentence(
    details: ErrorDetails, model: type[BaseModel], namespace: str, secrets: Collection[str], stack: str
) -> str:
    kind, context = details["type"], details.get("ctx", {})
    keys, annotation = _walk(model, details["loc"])
    value = details["input"]
    if kind == REFUSED:
        place = [int(key) if key.isdecimal() else key for key in context["key"].split(".")]
        keys, annotation = _walk(model, (*details["loc"], *place))
        value = context["value"]
        kind = "missing" if value is None else kind
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        tags = list(_by_tag(annotation))
        keys.append("kind")
        kind = "missing" if kind == "union_tag_not_found" else kind
        value = value.get("kind")
        annotation = Literal[tuple(tags)]
    key = f"{namespace}:{_dotted(keys)}"

    is_secret = _bare(annotation) is SecretStr
    allowed = context.get("allowed") or _allowed(annotation) or details["msg"]
    if is_secret and kind != "extra_forbidden":
        # An encrypted value is no example of what to type.
        allowed = f"{context.get('allowed') or _words(annotation)}. To store it: `{ConfigSet(stack, key)}`"
    if kind == "missing":
        return f"{key}: is missing. Needed: {allowed}"
    if kind == "extra_forbidden":
        return f"{key}: {_why_not_a_key(keys, value, model, _bare(annotation), namespace)}"
    if value is None or value == "":
        return f"{key}: has no value. Needed: {allowed}"
    unquoted = kind == "string_type" and isinstance(value, (bool, int, float))
    if keys[0] in secrets or is_secret:
        return f"{key}: its secret value is not allowed. Allowed: {allowed}"
    here = f'. Here: "{context["here"]}"' if "here" in context else ""
    return f"{key}: {_shown(value)} is not allowed{' without quotes' if unquoted else ''}. Allowed: {allowed}{here}"


def _why_not_a_key(
    keys: list[int | str], value: object, model: type[BaseModel], parent: type[BaseModel], namespace: str
) -> str:
    last = str(keys[-1])
    if issubclass(parent, Model) and last in parent.not_offered:
        here = yaml.safe_dump([value], default_flow_style=True, width=sys.maxsize, sort_keys=False).strip()[1:-1]
        return f"is not offered. {Template(parent.not_offered[last]).safe_substitute(value=here)}"
    own_key = "".join(f"{k[:1].upper()}{k[1:]}" if i else k for i, k in enumerate(map(str, keys)))
    if len(keys) > 1 and own_key in _aliases(model):  # cloudflare.token for cloudflareToken
        return f"unknown key. It is a key of its own: {namespace}:{own_key}"
    return f"unknown key. {_known_keys(last, parent)}"


def _walk(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[list[int | str], Any]:
    """Follow a location through the types: the keys as written, without pydantic's tags, and the last annotation."""
    keys: list[int | str] = []
    parent: Any = None
    annotation: Any = model
    for part in location:
        tagged = _by_tag(annotation)
        if part in tagged:
            annotation = tagged[str(part)]
            continue
        if part == "[key]" and get_origin(_bare(parent)) is dict:  # pydantic's word for "the key itself is wrong"
            annotation = get_args(_bare(parent))[0]
            continue
        keys.append(part)
        parent, annotation = annotation, _step(annotation, part)
    return keys, annotation


def _step(annotation: Any, part: int | str) -> Any:
    bare = _bare(annotation)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        for field in bare.model_fields.values():
            if field.alias == part:
                metadata = list(field.metadata)
                if isinstance(field.default, str) and field.default:
                    # In an example for a field, its own default says more than its type's.
                    words = next(
                        _all_allowed(Annotated[(field.annotation, *metadata)] if metadata else field.annotation), None
                    )
                    metadata += [replace(words, example=field.default)] if words else []
                return Annotated[(field.annotation, *metadata)] if metadata else field.annotation
        return bare  # an unknown key: its neighbours are the fields of this model
    items = [argument for argument in get_args(bare) if argument is not Ellipsis]  # tuple[X, ...]; dict[key, X]
    return items[-1] if items else bare


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return _bare(inner[0]) if len(inner) == 1 else annotation
    return annotation


def _by_tag(annotation: Any) -> dict[str, type[BaseModel]]:
    """The models of a union by their `kind`; empty for anything else."""
    bare = _bare(annotation)
    members = get_args(bare) if get_origin(bare) in {Union, UnionType} else ()
    models = [m for m in members if isinstance(m, type) and issubclass(m, BaseModel) and "kind" in m.model_fields]
    return {get_args(m.model_fields["kind"].annotation)[0]: m for m in models}


def _words(annotation: Any) -> str:
    return next((found.text for found in _all_allowed(annotation)), "a text")


def _allowed(annotation: Any) -> str:
    for found in _all_allowed(annotation):
        return f"{found.text}, e.g. {_shown(found.example)}"
    bare = _bare(annotation)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return f"a mapping with the keys {', '.join(_aliases(bare))}"
    if get_origin(bare) is Literal:
        return ", ".join(map(str, get_args(bare)))
    return {bool: "true or false", dict: "a mapping of texts", str: "a text in quotes"}.get(
        get_origin(bare) or bare, ""
    )


def _all_allowed(annotation: Any) -> Iterator[Allowed]:
    """Outermost first: a field's own words, or its own example, win over those of the type that it is made of."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        examples = [m for m in arguments[1:] if isinstance(m, Example)]
        found = [*reversed([m for m in arguments[1:] if isinstance(m, Allowed)]), *_all_allowed(arguments[0])]
        yield from (replace(words, example=one.value) for words in found[:1] for one in examples)
        yield from found
    elif get_origin(annotation) in {Union, UnionType}:
        for argument in arguments:
            yield from _all_allowed(argument)


def _known_keys(key: str, model: type[BaseModel]) -> str:
    known = _aliases(model)
    close = difflib.get_close_matches(key, known, n=1)
    return (f"Did you mean {close[0]}? " if close else "") + f"Allowed here: {', '.join(known)}"


def _aliases(model: type[BaseModel]) -> list[str]:
    return [str(field.alias) for field in model.model_fields.values()]


def _dotted(keys: list[int | str]) -> str:
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" if i else str(k) for i, k in enumerate(keys))


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
