"""What the settings accept, the API server admits: values around every limit, in dry runs of all that they make."""

import itertools
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from clients.kubernetes import Manifest, Ref
from settings import Settings, SettingsError, parse
from tests.rehearsal.conftest import DEPLOYMENT, Bench, MakeBench
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


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Bench:
    return make_bench("found")


def variants(file: Path) -> Iterator[tuple[str, Settings]]:
    """The stack with each of its texts, and each key of its mappings, replaced by each value that is accepted there."""
    whole = document(file)["config"]
    for *above, last in places(whole):
        at: Any = whole
        for key in above:
            at = at[key]
        if not isinstance(at[last], str) or str((above or [last])[0]).partition(":")[2] in UNMADE:
            continue
        free = above and above[-1] in {"annotations", "volumeAttributes"}
        for value, of_key in itertools.product((*WORDS, *LONG), (False, True) if free else (False,)):
            config = deepcopy(whole)
            at = config
            for key in above:
                at = at[key]
            at.update({value: at.pop(last)}) if of_key else at.__setitem__(last, value)
            try:
                settings = parse({key: as_text(one) for key, one in config.items()}, secrets(file))
            except SettingsError:
                continue
            yield (
                f"{'.'.join(map(str, above))}.{last} {'has the key' if of_key else '='} {value[:60]!r}… ({len(value)})",
                settings,
            )


class Admission:
    """Asks in dry runs, each object once."""

    def __init__(self, bench: Bench) -> None:
        self._api, self._asked = bench.cluster, set[str]()
        self._namespaces = {one["metadata"]["name"] for one in self._api.list(Ref("v1", "Namespace", ""))}
        self.admitted = 0

    def refusal(self, manifest: Manifest) -> str:
        """The API server's own words; empty when it admits the object."""
        manifest = deepcopy(manifest)
        metadata = manifest["metadata"]
        if "generateName" in metadata:
            metadata["name"] = f"{metadata.pop('generateName')}abcdef"
        if manifest["kind"] == "Deployment" and "selector" not in manifest["spec"]:  # entries of Immich's
            metadata.update(name=DEPLOYMENT.name, namespace=DEPLOYMENT.namespace)
        asked = repr(manifest)
        if manifest["kind"] in {"HTTPRoute", "PrometheusRule"} or asked in self._asked:
            return ""
        self._asked.add(asked)
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
