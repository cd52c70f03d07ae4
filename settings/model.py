"""What every settings model shares, and the vocabulary of values that they are made of."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, TypeVar

from kubernetes.utils.quantity import parse_quantity
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError

from text.hostname import normal


class Model(BaseModel):
    """Settings are read once and never change; an unknown key is an error. Keys are camelCase.

    Attributes:
        not_offered: keys that a user may expect and that are refused on purpose, each with the reason and what to do.

    """

    not_offered: ClassVar[Mapping[str, str]] = {}

    # The text of an error would quote the value, also a secret one; its `errors()` still have it.
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, hide_input_in_errors=True)


@dataclass(frozen=True)
class Allowed:
    """What a value may be, as text, with one good example: for the error message and for the editor's hover text."""

    text: str
    example: Any = field(hash=False)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Put the words and the example into the stack file's JSON Schema."""
        return {"description": self.text, **handler(schema), "examples": [self.example]}


@dataclass(frozen=True)
class Example:
    """Another example than the type's own, in a field's annotations."""

    value: Any = field(hash=False)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Put the example into the stack file's JSON Schema."""
        return {**handler(schema), "examples": [self.value]}


def not_allowed(allowed: str) -> PydanticCustomError:
    """Build the error of a field's own validator; the message says what is allowed instead."""
    return PydanticCustomError(NOT_ALLOWED, "{allowed}", {"allowed": allowed})


def refuse(key: str, value: object, allowed: str) -> PydanticCustomError:
    """Build the error of a check across fields: it is about `key`, counted from the model that raises it.

    A value of None says that the key is missing.
    """
    return PydanticCustomError(REFUSED, "{allowed}", {"key": key, "value": value, "allowed": allowed})


def _has_a_value(value: object) -> object:
    if value is None:
        raise PydanticCustomError("no_value", "no value")
    return value


T = TypeVar("T")
# What may be left out, and is None then. Said, it has a value: a bare `access:` must not mean "no Access".
Omittable = Annotated[T | None, BeforeValidator(_has_a_value)]

NOT_ALLOWED, REFUSED = "not_allowed", "refused"

# For a pattern: what no text of one line holds.
CONTROLS = r"\x00-\x1f\x7f-\x9f"
# Of free texts, so that no object grows beyond what etcd takes: 1.5 MiB.
LONGEST = 1024
_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"

# RFC 1123 label: the name of a namespace, Service, container, volume.
Label = Annotated[
    str,
    Field(pattern=rf"^{_LABEL}$"),
    Allowed("1 to 63 lower-case letters, digits and '-', starting and ending with a letter or digit", "photo-sync"),
]
# RFC 1035 label: a Service's name is a DNS name of older Kubernetes versions' kind.
ServiceName = Annotated[
    str,
    Field(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$"),
    Allowed("1 to 63 lower-case letters, digits and '-', starting with a letter", "immich-server"),
]
_SYSTEM = ("default", "kube-system", "kube-public", "kube-node-lease")


def _not_a_system_namespace(namespace: str) -> str:
    if namespace in _SYSTEM:
        raise not_allowed("a namespace of its own: it is removed with the stack")
    return namespace


OwnNamespace = Annotated[
    Label, AfterValidator(_not_a_system_namespace), Field(json_schema_extra={"not": {"enum": list(_SYSTEM)}})
]
# RFC 1123 subdomain: the name of any other Kubernetes object.
ObjectName = Annotated[
    str,
    Field(pattern=rf"^{_LABEL}(\.{_LABEL})*$", max_length=253),
    Allowed("lower-case letters, digits, '-' and '.', at most 253 characters", "icloud-photos-shared"),
]
# The value of a node's label kubernetes.io/hostname, by which pods and volumes find it.
NodeName = Annotated[
    str,
    Field(pattern=rf"^{_LABEL}(\.{_LABEL})*$", max_length=63),
    Allowed("lower-case letters, digits, '-' and '.', at most 63 characters", "talos-1ca-62z"),
]


def in_punycode(name: object) -> object:
    """Refuse a Unicode name with the form in which it has to be written."""
    if isinstance(name, str) and not name.isascii():
        allowed = "a host name in lower-case punycode"
        raise PydanticCustomError(NOT_ALLOWED, "{allowed}", {"allowed": allowed, "here": normal(name)})
    return name


Hostname = Annotated[
    str,
    Field(pattern=rf"^{_LABEL}(\.{_LABEL})*\.[a-z][-a-z0-9]{{0,61}}[a-z]$", max_length=253),
    BeforeValidator(in_punycode),
    Allowed("a full host name in lower case, without scheme, port, path or wildcard", "immich.example.com"),
]


def no_boolean(value: object) -> object:
    """Refuse what Python takes for a number: true is no port."""
    if isinstance(value, bool):
        raise PydanticCustomError("boolean", "not a number")
    return value


def _true_or_false(value: object) -> object:
    if not isinstance(value, bool) and value not in ("true", "false"):
        raise PydanticCustomError("boolean", "neither true nor false")
    return value


Switch = Annotated[bool, BeforeValidator(_true_or_false)]
Port = Annotated[
    int, Field(ge=1, le=65535), BeforeValidator(no_boolean), Allowed("a port number from 1 to 65535", 3001)
]
_MOST_BYTES = 2**63 - 1


def countable(quantity: str) -> str:
    """Refuse more than Kubernetes, or a shell, can count."""
    if parse_quantity(quantity) > _MOST_BYTES:
        raise not_allowed('a Kubernetes quantity of less than 8 EiB, e.g. "500Gi"')
    return quantity


# Kubernetes quantities of storage; plain bytes are left out: "500" is a forgotten unit.
Capacity = Annotated[
    str,
    Field(pattern=r"^[1-9][0-9]*(Mi|Gi|Ti|Pi|M|G|T|P)$", max_length=20),
    AfterValidator(countable),
    Allowed("a Kubernetes quantity with a unit (Mi, Gi, Ti, ...)", "500Gi"),
]


def _normal(path: str) -> str:
    if posixpath.normpath(path) != path or path.startswith("//"):
        raise PydanticCustomError("not_normal", "not a normal path")
    return path


def _below(path: str) -> str:
    if _normal(path).split("/")[0] in {".", ".."}:
        raise PydanticCustomError("not_normal", "not a path below")
    return path


AbsolutePath = Annotated[
    str,
    Field(pattern=rf"^/[^:{CONTROLS}]+$", max_length=LONGEST),
    AfterValidator(_normal),
    Allowed("an absolute path without '.', '..', '//', ':' or a trailing '/'", "/external/icloud"),
]
SubPath = Annotated[
    str,
    Field(pattern=rf"^[^/:{CONTROLS}][^:{CONTROLS}]*$", max_length=LONGEST),
    AfterValidator(_below),
    Allowed("a path in the volume without '.', '..', '//', ':' or '/' at its ends", "photos/icloud"),
]
UserId = Annotated[
    int, Field(ge=0, le=2**31 - 1), BeforeValidator(no_boolean), Allowed("a numeric id from 0 to 2147483647", 1000)
]
Email = Annotated[
    str,
    Field(pattern=rf"^[^@\s{CONTROLS}]+@[^@\s{CONTROLS}]+$", max_length=254),
    Allowed("an e-mail address", "anna@example.com"),
]
# A text of one line, and one of several.
NonEmpty = Annotated[
    str,
    Field(pattern=rf"^[^{CONTROLS}]*[^\s{CONTROLS}][^{CONTROLS}]*$", max_length=LONGEST),
    Allowed(f"a text of one line that is not empty, at most {LONGEST} characters", "admin@homelab"),
]
Text = Annotated[
    str,
    Field(pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"),
    Allowed("a text; put numbers and booleans in quotes", "600"),
]


def together(most: int) -> AfterValidator:
    """Check that the keys and values of a mapping have at most so many KiB together."""

    def fits(texts: dict[str, str]) -> dict[str, str]:
        if sum(len(text.encode()) for pair in texts.items() for text in pair) > most * 1024:
            raise not_allowed(f"keys and values of at most {most} KiB together")
        return texts

    return AfterValidator(fits)


CLUSTER_DOMAIN = "cluster.local"


@dataclass(frozen=True)
class Backend:
    """A Service of the cluster, at one of its ports."""

    namespace: str
    service: str
    port: int

    def url(self, domain: str | None, scheme: str = "http") -> str:
        """Where pods of the cluster reach it; a domain of None is the one that most clusters have."""
        return f"{scheme}://{self.service}.{self.namespace}.svc.{domain or CLUSTER_DOMAIN}:{self.port}"
