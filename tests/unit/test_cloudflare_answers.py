"""What the Cloudflare client makes of an answer that is none of Cloudflare's: a right result, or one sentence."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any

import httpx
import pytest

from clients.cloudflare import CloudflareApi, CloudflareError, CloudflareRefusedError, UnansweredError
from clients.cloudflare import api as cloudflare_api
from lab.cloudflare.api import Api
from lab.cloudflare.world import TOKEN, found
from lab.stand_in.transport import Transport
from tests.mutations import WRONG_BODIES, mutated
from tests.scripted_server import Said, serving
from tests.unit.test_cloudflare_api import ACCOUNT, CALLS, HOMELAB, ZONE

RECORD = next(iter(found().records[ZONE]))
Call = Callable[[CloudflareApi], object]
ALL: list[Call] = [
    *CALLS[:3],
    *CALLS[4:],
    lambda cloudflare: cloudflare.connectors(ACCOUNT, HOMELAB),
    lambda cloudflare: cloudflare.replace_configuration(
        ACCOUNT, HOMELAB, {"ingress": [{"service": "http_status:404"}]}
    ),
    lambda cloudflare: cloudflare.change_record(ZONE, RECORD, {"comment": "x"}),
]


def told(status: int, body: bytes, kind: str = "application/json") -> CloudflareApi:
    answer = httpx.MockTransport(lambda _: httpx.Response(status, content=body, headers={"Content-Type": kind}))
    return CloudflareApi(TOKEN, httpx.Client(transport=answer))


@pytest.mark.parametrize("call", ALL)
@pytest.mark.parametrize("body", WRONG_BODIES.values(), ids=WRONG_BODIES)
def test_what_is_not_cloudflare_is_reported(call: Call, body: bytes) -> None:
    for kind in ("application/json", "text/html", "text/html; charset=idna"):
        for status in (200, 302, 404, 503):
            with pytest.raises(UnansweredError) as error:
                call(told(status, body, kind))
            assert "\n" not in str(error.value)
        with pytest.raises(CloudflareRefusedError):
            call(told(403, body, kind))


@pytest.mark.parametrize(("run_at", "here"), [("09:30:00", "08:30:00"), ("00:00:00", "00:00:00")])
def test_a_connector_is_as_old_as_cloudflares_own_clock_says(run_at: str, here: str) -> None:
    day = "0001-01-01T" if run_at == here else "2026-01-18T"
    found = {"success": True, "result": [{"run_at": f"{day}{run_at}Z"}]}
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    answer = httpx.MockTransport(lambda _: httpx.Response(200, json=found, headers={"Date": date}))
    (connector,) = CloudflareApi(TOKEN, httpx.Client(transport=answer)).connectors(ACCOUNT, HOMELAB)
    assert connector.run_at
    assert abs(connector.run_at - datetime.fromisoformat(f"{day}{here}Z")) < timedelta(seconds=30)


@pytest.mark.parametrize("call", ALL)
def test_an_answer_that_is_wrong_somewhere_is_read_rightly_or_said(call: Call) -> None:
    """Each field of each real answer null, missing, or of another type."""
    right: list[Any] = []
    account = Api(found())

    def remember(response: httpx.Response) -> None:
        response.read()
        right.append(response.json())

    with httpx.Client(transport=Transport(account), event_hooks={"response": [remember]}) as client:
        expected = call(CloudflareApi(TOKEN, client))
    for answer in right:
        for _, whole in mutated(answer):
            try:
                result = call(told(200, json.dumps(whole).encode()))
            except CloudflareError:
                continue
            assert type(result) is type(expected) or result is None


@pytest.mark.parametrize(("success", "result"), [("true", "null"), ("false", "[]")])
def test_no_result_is_not_an_empty_one(success: str, result: str) -> None:
    answer = f'{{"success": {success}, "errors": [], "messages": [], "result": {result}}}'
    with pytest.raises(UnansweredError):
        told(200, answer.encode()).tunnels(ACCOUNT)


@pytest.mark.parametrize("wrong", ["NaN", "1e400"])
def test_what_could_not_be_written_back_is_not_read(wrong: str) -> None:
    document = f'{{"ingress": [{{"service": "http_status:404", "originRequest": {{"x": {wrong}}}}}]}}'
    answer = told(200, f'{{"result": {{"config": {document}, "version": 1}}}}'.encode())
    with pytest.raises(UnansweredError):
        answer.configuration(ACCOUNT, HOMELAB)


def test_no_cookie_of_an_answer_goes_with_the_next_request() -> None:
    sent = list[str | None]()

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("Cookie"))
        return httpx.Response(200, content=b'{"result": []}', headers=[(b"Set-Cookie", b"a=\xff")])

    cloudflare = CloudflareApi(TOKEN, httpx.Client(transport=httpx.MockTransport(answer)))
    assert [cloudflare.tunnels(ACCOUNT), cloudflare.tunnels(ACCOUNT)] == [[], []]
    assert sent == [None, None]


@pytest.mark.parametrize("repeats", [2, 10_000], ids=["in a circle", "ever new"])
def test_a_list_without_an_end_is_reported(monkeypatch: pytest.MonkeyPatch, repeats: int) -> None:
    monkeypatch.setattr(cloudflare_api, "_PAGES", 20)
    pages = (json.dumps({"result": [{"id": f"{page % repeats}", "name": "t"}]}).encode() for page in count())
    answers = httpx.MockTransport(lambda _: httpx.Response(200, content=next(pages)))
    with pytest.raises(UnansweredError, match="no end"):
        CloudflareApi(TOKEN, httpx.Client(transport=answers)).tunnels(ACCOUNT)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """A write could arrive elsewhere, or as a read whose answer is taken for its own."""
    right = Said(body=b'{"result": {"config": {"ingress": []}, "version": 3}}')
    with serving(
        lambda _, path, __: right if path == "/else" else Said(status, headers=(("Location", "/else"),))
    ) as at:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", at.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(UnansweredError, match="redirects"):
            CloudflareApi(TOKEN).replace_configuration(ACCOUNT, HOMELAB, {"ingress": []})
        assert [method for method, _ in at.asked] == ["PUT"]
