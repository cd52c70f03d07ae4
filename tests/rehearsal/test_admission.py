"""What the settings accept, the API server admits: values around every limit, in dry runs of all that they make."""

import json
from collections.abc import Hashable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import TypeAdapter, ValidationError

from clients.kubernetes import Manifest, Ref
from settings import Settings, SettingsError, parse
from tests.rehearsal.conftest import DEPLOYMENT, Bench
from tests.stack_files import VALID, as_text, document, places, secrets
from tests.stated import objects

LENGTHS = (1, 30, 31, 50, 62, 63, 64, 128, 245, 246, 247, 252, 253, 254, 255, 316, 317, 1024, 1025)
WORDS = (
    "A", "0", "a b", "a_b", "a-", "-a", "a.b", "a..b", "a/b", "a..b/c", "/a/b", "/a/фото & <📷>", "фото", "📷 Fotos",
    "a:b", "a\nb", "a\tb", "a\x1bb", "a\x7fb", "a\u2028b", "'\"\\\\u0444", "$(A) $$(A) ${A}", "{{ .Values.a }}", "%s",
    "true", "null", "1e3", "~", "#a", "a@b", "0a", "a0", "kubernetes.io/ingress.class", "default",
    "1M", "1Gi", "7Ei", "9223372036854M", "9223372036855M", "9223372036854775807M", "8191Pi", "8192Pi",
    "59 23 31 12 6", "*/59 * * jan sun", "0 2 30 2 *", "1,2,3 1-3/2 1/9 * mon-fri", "Etc/GMT+12", "Factory",
    "/a/\ufffe\U0001fffe", "/a/\u202eb\u200f", "e\u0301 👨\u200d👩\u200d👧",
    "America/Argentina/ComodRivadavia", "{:%Y}", "none", "fe80::1", "2001:db8::1", "192.0.2.1",
)  # fmt: skip
LONG = [
    *("a" * length for length in LENGTHS),
    *(f"{'a.' * (length // 2)}{'aa'[: length % 2 + 1]}"[:length] for length in LENGTHS if length > 2),
    *(f"{'.'.join(['a' * 63] * 5)[: length - 2]}/b" for length in LENGTHS if length > 2),
    *(f"/a/{'b/' * (length // 2)}"[:length] for length in LENGTHS if length > 2),
    *("📷" * length for length in (256, 1024)),
    "x" * 255 * 1024,
    "x" * 256 * 1024,
]
# Of what exists already and is only named here, or of another API.
UNMADE = ("cluster", "immichApiKey", "cloudflareToken", "adoptExisting")
TYPES: dict[str, TypeAdapter[Any]] = {
    str(one.alias): TypeAdapter(cast("Any", Annotated[(one.annotation, *(one.metadata or [None]))]))
    for one in Settings.model_fields.values()
}


Place = tuple[tuple[Any, ...], bool]


def texts(config: dict[str, Any]) -> Iterator[Place]:
    """Where each of its texts is, and after them each key that is a free text."""
    found = []
    for path in places(config):
        at: Any = config
        for key in path:
            at = at[key]
        if isinstance(at, str) and str(path[0]).partition(":")[2] not in UNMADE:
            found.append(path)
    yield from ((path, False) for path in found)
    yield from ((path, True) for path in found if path[-2:-1] in {("annotations",), ("volumeAttributes",)})


@cache
def is_of_its_type(key: str, text: str) -> bool:
    """Whether a setting may have this value by itself; most stacks share most of their settings."""
    (value,) = json.loads(text)
    try:
        TYPES[key.partition(":")[2]].validate_python(value)
    except ValidationError:
        return False
    return True


class Variants:
    """A stack with a value in any of its places."""

    def __init__(self, file: Path) -> None:
        self._config, self._secrets = document(file)["config"], secrets(file)
        self._places = list(texts(self._config))

    def of(self, value: str) -> Iterator[tuple[list[Place], Settings]]:
        """The value in every place that accepts it: at once, except where one then excludes another."""
        left = [place for place in self._places if self._is_of_its_type(place, value)]
        while (together := self._accepted([], left, value)) and (settings := self._settled(together, value)):
            left = [place for place in left if place not in together]
            yield together, settings

    def _accepted(self, besides: list[Place], places: list[Place], value: str) -> list[Place]:
        """As many of the places as accept it together, and with those besides."""
        if not places or self._settled([*besides, *places], value):
            return places
        if len(places) == 1:
            return []
        half = len(places) // 2
        first = self._accepted(besides, places[:half], value)
        return [*first, *self._accepted([*besides, *first], places[half:], value)]

    def _settled(self, places: list[Place], value: str) -> Settings | None:
        """Read the stack with the value in these places; None where it is refused."""
        config = deepcopy(self._config)
        if not all(put(config, place, value) for place in places):
            return None
        try:
            return parse({key: as_text(one) for key, one in config.items()}, self._secrets)
        except SettingsError:
            return None

    def _is_of_its_type(self, place: Place, value: str) -> bool:
        key = place[0][0]
        changed = {key: deepcopy(self._config[key])}
        return put(changed, place, value) and is_of_its_type(key, as_text([changed[key]]))


def put(config: dict[str, Any], place: Place, value: str) -> bool:
    """Put a value into a place, unless it is a key that is there already."""
    (*above, last), is_key = place
    at: Any = config
    for key in above:
        at = at[key]
    if is_key and value in at:
        return False
    at.update({value: at.pop(last)}) if is_key else at.__setitem__(last, value)
    return True


def variants(file: Path) -> Iterator[tuple[str, Settings]]:
    """The stack with each value in every place that accepts it."""
    stack = Variants(file)
    for value in (*WORDS, *LONG):
        for together, settings in stack.of(value):
            where = ", ".join(".".join(map(str, path)) + " (key)" * is_key for path, is_key in together)
            yield f"{where} = {value[:60]!r}… ({len(value)})", settings


def parts(value: Any, *field: str) -> Iterator[tuple[str, ...]]:
    """Each of an object's values, behind the field that has it."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from parts(inner, *field, key)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from parts(inner, *field, "[]")
    else:
        yield *field, repr(value)


class Admission:
    """Asks in dry runs: each value once in each field that has it, and each set of fields once."""

    def __init__(self, bench: Bench) -> None:
        self._api, self._asked, self._whole = bench.cluster, set[Hashable](), set[str]()
        self._namespaces = {one["metadata"]["name"] for one in self._api.list(Ref("v1", "Namespace", ""))}
        self.admitted = 0

    def refusal(self, manifest: Manifest) -> str:
        """The API server's own words; empty when it admits the object."""
        if (whole := json.dumps(manifest)) in self._whole:  # most of a stack, whatever is in one of its places
            return ""
        self._whole.add(whole)
        manifest = deepcopy(manifest)
        metadata = manifest["metadata"]
        if "generateName" in metadata:
            metadata["name"] = f"{metadata.pop('generateName')}abcdef"
        if manifest["kind"] == "Deployment" and "selector" not in manifest["spec"]:  # entries of Immich's
            metadata.update(name=DEPLOYMENT.name, namespace=DEPLOYMENT.namespace)
        values = set(parts(manifest, manifest["kind"]))
        stated: set[Hashable] = {*values, frozenset(value[:-1] for value in values)}
        if manifest["kind"] in {"HTTPRoute", "PrometheusRule"} or stated <= self._asked:
            return ""
        self._asked |= stated
        try:
            self._have_namespace(metadata.get("namespace"))
            self._api.apply(manifest, "test", dry_run=True, force=True)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the answer)
            return f"{manifest['kind']}: {str(error)[:300]}"
        self.admitted += 1
        return ""

    def _have_namespace(self, name: str | None) -> None:
        if name and name not in self._namespaces:
            self._namespaces.add(name)
            self._api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, "test")


def test_what_the_settings_accept_is_admitted(bench: Bench) -> None:
    admission = Admission(bench)
    refused = [
        f"{file.stem}: {what}: {refusal}"
        for file in VALID
        for what, settings in variants(file)
        for manifest in objects(settings)
        if (refusal := admission.refusal(manifest))
    ]
    assert refused == []
    assert admission.admitted > 400
