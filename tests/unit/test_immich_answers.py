"""What the Immich client makes of an answer that is none of Immich's, and of one that is lost."""

import json
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from clients import retry
from clients.immich import ImmichApi, ImmichError, Library, UnansweredError
from tests.immich_server import FOLDER, Immich, connected, serving
from tests.mutations import WRONG_BODIES, mutated
from tests.scripted_server import MALFORMED, Said
from tests.scripted_server import serving as scripted


@pytest.fixture
def immich(tmp_path: Path) -> Iterator[Immich]:
    with serving(tmp_path) as served:
        yield served


def scans(api: ImmichApi) -> Library:
    return next(one for one in api.libraries() if one.name == "Scans")


CALLS: list[Callable[[ImmichApi, Library], object]] = [
    lambda api, _: api.ping(),
    lambda api, _: api.version,
    lambda api, _: api.has_configuration_file(),
    lambda api, _: api.lacking(),
    lambda api, _: api.me(),
    lambda api, _: api.users(),
    lambda api, _: api.libraries(),
    lambda api, library: api.library(library.id),
    lambda api, library: api.statistics(library.id),
    lambda api, library: api.unseen(library),
    lambda api, _: api.configuration(),
    lambda api, library: api.paths(library.id),
]


@pytest.mark.parametrize("call", [*CALLS, lambda api, library: api.scan(library.id)])
@pytest.mark.parametrize("status", [103, 200, 302])
def test_what_is_not_immich_is_reported(
    immich: Immich, call: Callable[[ImmichApi, Library], object], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    library = scans(immich.api())
    monkeypatch.setattr(retry, "wait", lambda _: None)
    body = b"[]" if status != 200 else WRONG_BODIES["sign-in page"]
    monkeypatch.setattr(ImmichApi, "_send", lambda *_: (status, body))
    with pytest.raises(UnansweredError, match="not Immich's API") as error:
        call(immich.api(), library)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("answer", [*MALFORMED.values(), Said(99999)], ids=[*MALFORMED, "no status"])
def test_a_malformed_answer_is_reported(monkeypatch: pytest.MonkeyPatch, answer: Said) -> None:
    monkeypatch.setattr(retry, "wait", lambda _: None)
    with scripted(lambda *_: answer) as server:
        api = ImmichApi(lambda: connected(urlsplit(server.address).port), SecretStr("k"))
        with api, pytest.raises(UnansweredError) as error:
            api.ping()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", ["NaN", "1e400"])
def test_what_could_not_be_written_back_is_not_read(
    immich: Immich, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    api = immich.api()
    document = json.dumps({**api.configuration(), "other": "here"}).replace('"here"', wrong).encode()
    monkeypatch.setattr(retry, "wait", lambda _: None)
    monkeypatch.setattr(ImmichApi, "_send", lambda *_: (200, document))
    with pytest.raises(UnansweredError):
        api.configuration()


@pytest.mark.parametrize("names", [repeat("/a.jpg", 20_000), map(str, range(20_000))], ids=["circle", "new paths"])
def test_a_list_of_files_without_an_end_is_reported(
    immich: Immich, monkeypatch: pytest.MonkeyPatch, names: Iterator[str]
) -> None:
    pages = (json.dumps({"assets": {"items": [{"originalPath": one}], "nextPage": "2"}}).encode() for one in names)
    monkeypatch.setattr(ImmichApi, "_send", lambda *_: (200, next(pages)))
    with pytest.raises(UnansweredError, match="no end"):
        immich.api().paths("1")


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_that_is_wrong_somewhere_is_read_rightly_or_said(
    immich: Immich, call: Callable[[ImmichApi, Library], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "wait", lambda _: None)
    api = immich.api(immich.key("all"))
    library = scans(api)
    send, answers = ImmichApi._send, list[tuple[int, bytes]]()  # noqa: SLF001

    def remembered(*request: Any) -> tuple[int, bytes]:
        answers.append(send(*request))
        return answers[-1]

    monkeypatch.setattr(ImmichApi, "_send", remembered)
    expected = call(api, library)
    right = json.loads(answers[-1][1])
    bodies = [json.dumps(whole).encode() for _, whole in mutated(right)]
    for body in [*bodies, *WRONG_BODIES.values()]:
        monkeypatch.setattr(ImmichApi, "_send", lambda *_, body=body: (200, body))
        try:
            result = call(immich.api(), library)
        except ImmichError as error:
            assert "\n" not in str(error)  # noqa: PT017 (some are right all the same)
        else:
            assert type(result) is type(expected)


@pytest.mark.parametrize("kind", ["timeOut", "unavailable"])
def test_a_library_whose_answer_is_lost_is_made_once(immich: Immich, kind: str) -> None:
    immich.folder("icloud-import", "one.jpg")
    api = immich.api()
    immich.fault(kind, "POST", "/libraries")
    made = api.create_library(api.me(), "iCloud Photos")
    assert [one for one in api.libraries() if one.name == "iCloud Photos"] == [made]
    immich.fault(kind, "PUT", "/libraries/*")

    def ours(live: Library) -> Library:
        return Library(live.id, live.owner_id, live.name, (FOLDER,), live.exclusion_patterns, live.refreshed_at)

    assert api.change_library(made.id, ours).import_paths == (FOLDER,)
    puts = [method for method, _ in immich.server.api.log].count("PUT")
    assert puts == (1 if kind == "timeOut" else 2)


def test_an_answer_to_a_write_that_never_comes(immich: Immich) -> None:
    api = immich.api()
    for _ in range(4):
        immich.fault("unavailable", "POST", "/libraries")
    with pytest.raises(UnansweredError):
        api.create_library(api.me(), "iCloud Photos")
