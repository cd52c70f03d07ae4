"""Property values between the engine's wire format and Python.

The engine sends structs of JSON in which a secret is an object with a signature and a value that is not known yet is
a fixed string (source: pulumi/sdk/go/common/resource/plugin/rpc.go and sig/sig.go). Here they become `Secret` and
`UNKNOWN`; everything else is plain JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from google.protobuf.struct_pb2 import Struct

from text.pulumi_secret import SECRET, SIGNATURE

Properties = dict[str, Any]

_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = {
    _UNKNOWN_STRING,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
}


class Unknown(Enum):
    """The type of `UNKNOWN`."""

    VALUE = "unknown"


UNKNOWN: Final = Unknown.VALUE
"""A value that the engine does not know before `up`."""


@dataclass(frozen=True)
class Secret:
    """A value that is encrypted in the state and never shown."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(...)"


def decode(struct: Struct) -> Properties:
    """Read a struct from the engine; whole numbers become ints, as Kubernetes wants them."""
    return {key: _decode(value) for key, value in struct.items()}


def encode(properties: Mapping[str, Any]) -> Struct:
    """Write properties for the engine."""
    struct = Struct()
    struct.update({key: _encode(value) for key, value in properties.items()})
    return struct


def plain(value: Any) -> Any:
    """Return a copy without the secret marks: what may be sent to the API server, never to the engine."""
    match value:
        case Secret():
            return plain(value.value)
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
    return value


def contains(value: Any, kind: type) -> bool:
    """Say whether a value of this kind (`Secret` or `Unknown`) is anywhere in here."""
    if isinstance(value, kind):
        return True
    match value:
        case Secret():
            return contains(value.value, kind)
        case dict():
            return any(contains(item, kind) for item in value.values())
        case list():
            return any(contains(item, kind) for item in value)
    return False


def with_secrets_of(outputs: Properties, inputs: Properties) -> Properties:
    """Mark in the outputs what is secret in the inputs.

    Objects are followed key by key; a list that has a secret anywhere is secret as a whole, since its order may change.
    A Kubernetes Secret's data is secret whatever the program said.
    """
    marked: Properties = {}
    kubernetes_secret = outputs.get("kind") == "Secret"
    for key, output in outputs.items():
        given = inputs.get(key)
        if kubernetes_secret and key in ("data", "stringData"):
            marked[key] = secret(output)
        elif isinstance(output, dict) and isinstance(given, dict):
            marked[key] = with_secrets_of(output, given)
        else:
            marked[key] = secret(output) if contains(given, Secret) else output
    return marked


def secret(value: Any) -> Secret:
    """Mark a value as secret, once."""
    return value if isinstance(value, Secret) else Secret(plain(value))


def _decode(value: Any) -> Any:
    match value:
        case Struct():
            signature = dict(value).get(SIGNATURE)  # a Struct has no get of its own
            if signature == SECRET:
                return Secret(_decode(value["value"]))
            if signature is not None:
                raise ValueError("a stand-in takes no assets, archives or resource references as inputs")
            return decode(value)
        case str():
            return UNKNOWN if value in _UNKNOWNS else value
        case float() if value.is_integer():
            return int(value)
        case None | bool() | float():
            return value
    return [_decode(item) for item in value]


def _encode(value: Any) -> Any:
    match value:
        case Secret():
            return {SIGNATURE: SECRET, "value": _encode(value.value)}
        case Unknown():
            return _UNKNOWN_STRING
        case dict():
            return {key: _encode(item) for key, item in value.items()}
        case list():
            return [_encode(item) for item in value]
    return value
