"""Our rule in generated documents, as the resource changes and removes it: every other byte stays."""

from hypothesis import Phase, given, settings

from clients.ingress_rules import Rule, key
from clients.own_rule import OwnRule
from clients.tunnel_document import TunnelDocument, as_read
from tests.cloudflared import answering
from tests.tunnel_documents import documents

OURS: Rule = {"hostname": "photos.example.com", "service": "http://immich:2283"}
CHANGED: Rule = {**OURS, "service": "https://immich:2284", "originRequest": {"noTLSVerify": False}}
MOVED: Rule = {**CHANGED, "hostname": "wiki.example.com"}


@given(documents())
@settings(phases=[Phase.generate])
def test_a_rule_comes_changes_moves_and_goes(text: str) -> None:
    document, owned, passed, before = TunnelDocument.read(text), frozenset({key(OURS)}), list[Rule](), OURS
    # Whatever is there already, for our hosts, too, is unmanaged.
    passed += OwnRule(document, OURS, frozenset(), []).rivals
    passed += OwnRule(document, MOVED, frozenset(), []).rivals
    for wanted in (OURS, CHANGED, MOVED, OURS):
        owned |= {key(wanted)}
        own = OwnRule(document, wanted, owned, [before, wanted], passed)
        settled = own.settled()
        assert [rule for rule in settled.rules if rule not in document.rules] in ([], [as_read(wanted)])
        assert OwnRule(settled, wanted, owned, [before, wanted], passed).settled() is settled
        assert answering(settled.rules, str(wanted["hostname"]), "/x") == as_read(wanted)
        at = len(settled.text) - len(text)
        assert any(settled.text[:place] + settled.text[place + at :] == text for place in range(len(text) + 1))
        document, before = settled, wanted
    assert OwnRule(document, None, owned, [before], passed).settled().text == text
