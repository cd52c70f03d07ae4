"""One rule of this stack in a document of others: everything else stays as it is, to the byte."""

from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from clients.ingress_rules import Rule, key
from clients.tunnel_document import DocumentError, TunnelDocument
from tests.cloudflared import answering
from tests.tunnel_documents import HOSTS, documents

HOST = "photos.example.com"
SERVICE = "http://immich-server.immich.svc.cluster.local:2283"
OURS: Rule = {"hostname": HOST, "service": SERVICE}
ELSEWHERE: Rule = {**OURS, "hostname": "album.example.com"}
WITH_MORE: Rule = {**OURS, "originRequest": {"httpHostHeader": "", "noTLSVerify": False}}

_HOSTS = ["photos.example.com", "album.example.com", "mealie.example.com", "xn--bcher-kva.de", "a.org", "x.com"]


def without(document: TunnelDocument, host: str) -> TunnelDocument:
    """The document without the first rule of a host."""
    return document.without_rule([key(rule) for rule in document.rules].index((host, "")))


def rules_of(text: str) -> list[Any]:
    """The list of rules by another way than ours."""
    loader = yaml.BaseLoader(text)
    assert loader.check_node()
    document: Any = loader.construct_document(loader.get_node())
    return [rule for rule in document["ingress"] if rule != ""]


@given(documents(), st.sampled_from([OURS, ELSEWHERE, WITH_MORE]))
@settings(phases=[Phase.generate])
def test_a_rule_comes_and_goes_and_leaves_every_other_byte(text: str, ours: Rule) -> None:
    before = TunnelDocument.read(text)
    found = rules_of(text)
    assert list(before.rules) == found
    after = before.with_rule(ours)
    length = len(after.text) - len(text)
    # What was put in is in one piece, and the rest is as it was.
    assert any(after.text[:at] + after.text[at + length :] == text for at in range(len(text) + 1))
    rules = rules_of(after.text)
    at = next(place for place, rule in enumerate(rules) if rule["service"] == SERVICE)
    assert [*rules[:at], *rules[at + 1 :]] == found
    # Its requests are this stack's, and no others move.
    for host in _HOSTS:
        for path in ("", "/api", "/x.jpg"):
            expected = rules[at] if host == ours["hostname"] else answering(found, host, path)
            assert answering(rules, host, path) == expected
    host = str(ours["hostname"])
    assert without(without(after, host).with_rule({**ours, "service": "http://other"}), host).text == text


@pytest.mark.parametrize("host", [host for host in HOSTS if host != "*"])
def test_what_is_there_can_be_taken_out(host: str) -> None:
    before, after = "ingress:\n- hostname: x.y\n  service: http://x\n# of it\n", "\n- service: http://b\n"
    document = TunnelDocument.read(f"{before}- hostname: '{host}'\n  service: http://a\n{after}")
    assert document.without_rule(1).text == before + after


FLOW = [
    '{"ingress": [{"hostname": "a.b", "service": "http://x"}, {"service": "http_status:404"}], "tunnel": "t"}',
    "ingress: [{service: http_status:404}]",
    "ingress: [ {hostname: a.b, service: 'http://x'} , # why\n  {hostname: b.c, service: 'http://x'},\n"
    "  {service: 'http://y'} ]\n",
]


@pytest.mark.parametrize("text", FLOW)
def test_flow_style_and_json_take_it_too(text: str) -> None:
    after = TunnelDocument.read(text).with_rule(WITH_MORE)
    assert rules_of(after.text)[-2]["hostname"] == HOST
    assert without(after, HOST).text == text


END = "- service: http_status:404\n"
REFUSED = {
    "empty": "",
    "no mapping": "- a\n",
    "no ingress": "tunnel: x\n",
    "ingress is no list": "ingress: x\n",
    "an empty list": "ingress: []\n",
    "no catch-all": "ingress:\n- {hostname: a.b, service: 'http://x'}\n",
    "a catch-all before the last": f"ingress:\n- service: http://x\n{END}",
    "a port": f"ingress:\n- {{hostname: 'a.b:80', service: 'http://x'}}\n{END}",
    "a wildcard inside": f"ingress:\n- {{hostname: 'a.*.b', service: 'http://x'}}\n{END}",
    "a list of hosts": f"ingress:\n- {{hostname: [a.b], service: 'http://x'}}\n{END}",
    "an unknown spelling of hostname": f"ingress:\n- {{hostName: a.b, service: 'http://x'}}\n{END}",
    "a key twice": f"tunnel: a\ntunnel: b\ningress:\n{END}",
    "a key of a rule twice": "ingress:\n- service: http_status:404\n  service: http_status:404\n",
    "a tab": f"ingress:\n\t{END}",
    "a tab after a dash": "ingress:\n-\tservice: http_status:404\n",
    "YAML 1.2": f"%YAML 1.2\n---\ningress:\n{END}",
    "a control character": f"x: \x01\ningress:\n{END}",
    "an alias": f"x: &a\n{END}ingress: *a\n",
    "a merge": f"x: &a\n  ingress:\n  {END}<<: *a\n",
    "itself": "ingress: &a\n- *a\n",
    "broken": "ingress: [\n",
}


@pytest.mark.parametrize("text", [*REFUSED.values()], ids=[*REFUSED])
def test_what_can_not_take_it_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        TunnelDocument.read(text).with_rule(OURS)


def test_a_rule_whose_anchor_another_uses_is_not_taken_out() -> None:
    text = f"ingress:\n- hostname: {HOST}\n  service: &s http://x\n- hostname: a.b\n  service: *s\n{END}"
    with pytest.raises(DocumentError):
        TunnelDocument.read(text).without_rule(0)


def test_anchors_aliases_and_merges_are_read_as_they_mean() -> None:
    text = (
        "x: &x {service: 'http://x'}\ningress:\n- &a\n  <<: *x\n  hostname: a.b\n- *a\n- ~\n"
        f"- hostname: null\n  path: ^/y\n  service: http://y\n{END}"
    )
    document = TunnelDocument.read(text)
    assert [key(rule) for rule in document.rules] == [("a.b", ""), ("a.b", ""), ("", "^/y"), ("", "")]
    assert document.place(HOST) == 2
    after = document.with_rule(OURS)
    assert without(after, HOST).text == text


def test_texts_that_yaml_would_take_for_something_else_are_quoted() -> None:
    rule = {**OURS, "path": "yes", "originRequest": {"a": "1.10", "b": "", "c": "# x", "d": "x: y", "e": True}}
    after = TunnelDocument.read(f"ingress:\n{END}").with_rule(rule)
    assert yaml.safe_load(after.text)["ingress"][0] == rule


def test_lines_are_shown_as_the_document_has_them() -> None:
    text = "ingress:\n    -   hostname: '*.example.com'\n        service: http://x\n    -   service: http_status:404\n"
    assert TunnelDocument.read(text).shown(OURS) == f"    -   hostname: {HOST}\n        service: {SERVICE}\n"
