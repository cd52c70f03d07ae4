"""Any text that a stack file may have arrives as it was written: at an API server, and in a container."""

import json
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from clients.kubernetes import Manifest
from clients.managed_fields import entries, holders
from lab.node.container import Container
from settings import Settings, SettingsError
from tests.free_texts import PLAIN, FreeText, free_texts
from tests.objects import managed
from tests.stated import objects
from text.encoding import encoded
from text.visible import visible_lines

PARTS = (
    "фото", "📷", "👨\u200d👩", "日本", "e\u0301", "&", "<b>", "'", '"', "\\u0444", "{{a}}", "%s", ": ", "#", " ", "\t",
    "\n", "$", "$$", "$(HOME)", "$(DIRECTORY)", "${A}", "\u200f\u202e", "\u2028", "\u2029", "\x85", "\xa0", "\ufeff",
    "\ufffd", "\ufffe", "\uffff", "\U0001fffe", "\ue000", "\ud83d", "\udcf7", "\ud83d\udcf7", "\x00", "\x1b[2J", "\x7f",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS) | st.characters(), min_size=1, max_size=8).map("".join)


def test_each_free_text_is_set_in_some_stack_file() -> None:
    assert [name for name, found in free_texts().items() if not found] == []
    assert {name.split()[0] for name in free_texts()} >= {
        "storage.path",
        "route.annotations.{value}",
        "immich.mount.path",
        "photoSync.accounts.[].albums.[]",
        "icloudCredentials.{value}.password",
    }


# Found when first drawn: each of several workers imports this module, and one runs it.
PLACES = st.deferred(lambda: st.sampled_from([name for name, found in free_texts().items() if found]))


@given(name=PLACES, text=TEXTS)
@example(name="storage.path hostPath", text="фото/фото")
def test_any_text_is_refused_or_arrives_as_it_was_written(name: str, text: str) -> None:
    place = free_texts()[name]
    assert place
    settings = accepted(place, text)
    if settings is None:
        return
    text.encode()  # a lone surrogate is refused
    for manifest, plain in zip(objects(settings), place.plain, strict=True):
        if manifest == plain:
            continue
        body = encoded(manifest)
        assert json.loads(body) == manifest
        assert yaml.load(body, yaml.CSafeLoader) == manifest
        if manifest["kind"] == "Deployment":
            wanted = entries(manifest)
            assert holders([managed("a", stored(wanted))], wanted) == {"a": wanted}
        for got, without in zip(containers(manifest), containers(plain), strict=True):
            # Who makes the directory of a path sees it by its last part.
            parts = (word.replace(f"/parent/{PLAIN}", f"/parent/{text.rpartition('/')[2]}") for word in without)
            assert got == [word.replace(PLAIN, text) for word in parts]


def accepted(place: FreeText, text: str) -> Settings | None:
    """The settings with this text, if it is not refused; nothing in a refusal commands a terminal."""
    try:
        return place.settings(text)
    except SettingsError as error:
        refusal = str(error)
    assert refusal == visible_lines(refusal)
    return None


def stored(paths: list[tuple[str, ...]]) -> Manifest:
    """How an API server keeps who owns what: the keys of items are written by Go, which escapes for HTML."""
    fields: Manifest = {}
    for path in paths:
        node = fields
        for step in path:
            node = node.setdefault(f"k:{of_go(json.loads(step[2:]))}" if step.startswith("k:") else step, {})
    return fields


def of_go(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for one in "<>&\u2028\u2029":
        text = text.replace(one, f"\\u{ord(one):04x}")
    return text


def containers(node: Any) -> Iterator[list[str]]:
    """What each container in a manifest gets from the kubelet: its command line, and the values of its variables."""
    if isinstance(node, dict):
        for one in [*node.get("initContainers", ()), *node.get("containers", ())]:
            stated = {pair["name"]: pair["value"] for pair in one.get("env", ()) if "value" in pair}
            container = Container.of(one, stated, {})
            yield [*container.command, *container.environment.values()]
        for inner in node.values():
            yield from containers(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from containers(inner)
