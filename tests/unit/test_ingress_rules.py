"""Where our rules go, against a model of how cloudflared finds the rule of a request."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from clients.ingress_rules import Places, Rule, covers, fault, is_same, key, overlap, spoken
from tests.cloudflared import answering

HOST = "photos.example.com"
CATCH_ALL: Rule = {"service": "http_status:404"}


HOSTS = st.sampled_from(
    ["example.com", "mealie.example.com", "deep.photos.example.com", "*.example.com", "*.com", "*.photos.example.com"]
)
PATHS = st.sampled_from(["", "", "^/api", "share", r"\.(jpg|heic)$"])
EXTRAS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"originRequest": {}}, {"originRequest": {"noTLSVerify": True, "x": [1, None]}}, {"id": ""}]
)


@st.composite
def foreign(draw: st.DrawFn, hosts: st.SearchStrategy[str] = HOSTS) -> Rule:
    """An unmanaged rule, told from all others by its service."""
    host, path = draw(hosts), draw(PATHS)
    number = draw(st.integers(0, 10**6))
    return {"hostname": host, **({"path": path} if path else {}), "service": f"http://a{number}", **draw(EXTRAS)}


HALF_CATCH_ALL = st.builds(
    lambda path, host: {**host, "path": path, "service": "http://x"},
    st.just("^/api"),
    st.sampled_from([{}, {"hostname": "*"}, {"hostname": ""}]),
)
LISTS = st.lists(foreign() | HALF_CATCH_ALL, max_size=6).map(lambda rules: [*rules, CATCH_ALL])
OURS = st.sampled_from(
    [
        [{"hostname": HOST, "service": "http://ours"}],
        [{"hostname": HOST, "service": "http://ours", "path": "^/api"}, {"hostname": HOST, "service": "http://ours2"}],
        [{"hostname": HOST, "service": "http://ours"}, {"hostname": "immich.example.com", "service": "http://ours2"}],
    ]
)
REQUESTS = [
    (host, path)
    for host in (
        HOST,
        "immich.example.com",
        "mealie.example.com",
        "deep.photos.example.com",
        "example.com",
        "elsewhere.com",
        "x.org",
    )
    for path in ("/", "/api/x", "/share/1", "/a.heic", "/apix.jpg")
]


def keys(rules: list[Rule]) -> set[tuple[str, str]]:
    return set(map(key, rules))


@given(LISTS, OURS)
def test_only_requests_for_the_host_move(ingress: list[Rule], wanted: list[Rule]) -> None:
    settled = Places(ingress, wanted).settled()
    hosts = {host for host, _ in keys(wanted)}
    for host, path in REQUESTS:
        if host in hosts:
            assert answering(settled, host, path) == answering([*wanted, CATCH_ALL], host, path)
        else:
            assert answering(settled, host, path) is answering(ingress, host, path)
    assert [rule for rule in settled if rule not in wanted] == ingress
    assert fault(settled) == ""


@given(LISTS, OURS)
def test_settled_is_settled(ingress: list[Rule], wanted: list[Rule]) -> None:
    settled = Places(ingress, wanted).settled()
    again = Places(settled, wanted, keys(wanted))
    assert (again.settled(), again.ours, again.covering) == (settled, sorted(again.ours, key=settled.index), [])


@given(LISTS, OURS)
def test_removing_restores_the_list(ingress: list[Rule], wanted: list[Rule]) -> None:
    settled = Places(ingress, wanted).settled()
    assert Places(settled, [], keys(wanted)).settled() == ingress


@given(st.lists(foreign(HOSTS | st.just(HOST)), max_size=6).map(lambda rules: [*rules, CATCH_ALL]), OURS)
def test_an_adopted_and_restored_route_answers_as_before(ingress: list[Rule], wanted: list[Rule]) -> None:
    found = Places(ingress, wanted, adopt=True)
    settled, taken = found.settled(), found.adopted
    for host, path in REQUESTS:
        if host in {name for name, _ in keys(wanted)}:
            assert answering(settled, host, path) in wanted
    back = Places(settled, [], keys(wanted), returning=taken).settled()
    # A rule that got no requests, behind a wildcard, comes back before it.
    assume(not Places(ingress, taken, keys(taken)).covering)
    for host, path in REQUESTS:
        assert answering(back, host, path) == answering(ingress, host, path)


@given(LISTS, OURS, OURS)
def test_a_new_set_takes_the_place_of_the_one_before(ingress: list[Rule], old: list[Rule], new: list[Rule]) -> None:
    settled = Places(Places(ingress, old).settled(), new, keys(old)).settled()
    assert [rule for rule in settled if rule in ingress] == ingress
    assert sorted(map(spoken, settled)) == sorted(map(spoken, [*ingress, *new]))


@pytest.mark.parametrize(
    ("pattern", "takes"),
    [
        ("", True),
        ("*", True),
        (HOST, True),
        ("*.example.com", True),
        ("*.com", True),
        ("Photos.Example.com", True),  # its punycode form, which cloudflared compares too, is in lower case
        ("*.photos.example.com", False),
        ("*.otos.example.com", False),
        ("example.com", False),
        ("mealie.example.com", False),
    ],
)
def test_what_covers_a_host(pattern: str, *, takes: bool) -> None:
    assert covers({"hostname": pattern, "path": "^/x", "service": "s"}, HOST) is takes


@pytest.mark.parametrize(
    ("pattern", "host", "takes"),
    [
        # As the real cloudflared 2026.8.2 answers (`cloudflared tunnel ingress rule`).
        ("A.Example.org", "a.example.org", True),
        ("*.Example.org", "a.example.org", False),
        ("bücher.example.com", "xn--bcher-kva.example.com", True),
        ("Bücher.example.com", "xn--bcher-kva.example.com", True),
        ("*.bücher.de", "a.xn--bcher-kva.de", False),
        ("straße.de", "xn--strae-oqa.de", True),
        ("straße.de", "strasse.de", False),
        ("a.org.", "a.org", False),
        ("My_Host.example.org", "my_host.example.org", False),
        ("a.org/api", "a.org", False),
        ("*a.org", "aa.org", False),
    ],
)
def test_hosts_match_as_in_cloudflared(pattern: str, host: str, *, takes: bool) -> None:
    rule = {"hostname": pattern, "service": "s"}
    assert covers(rule, host) is takes
    assert (answering([rule, CATCH_ALL], host, "/") is rule) is takes


def test_a_rule_in_another_spelling_of_the_host_is_unmanaged_and_restored_in_place() -> None:
    ours: dict[str, Any] = {"hostname": HOST, "service": "http://ours"}
    theirs = {"hostname": "Photos.Example.com", "service": "http://theirs"}
    ingress = [{"hostname": "*.com", "path": "^/x", "service": "x"}, theirs, {"hostname": "*.com", "service": "y"}]
    places = Places([*ingress, CATCH_ALL], [ours])
    assert places.strangers == [theirs]
    settled = Places([*ingress, CATCH_ALL], [ours], adopt=True).settled()
    assert theirs not in settled
    back = Places(settled, [], [key(ours)], returning=[theirs]).settled()
    assert back.index(theirs) < back.index(ingress[2])
    assert answering(back, HOST, "/") is theirs


def test_an_identical_rule_without_a_note_is_unmanaged() -> None:
    ours: dict[str, Any] = {"hostname": HOST, "service": "http://ours"}
    assert Places([ours, CATCH_ALL], [ours]).strangers == [ours]
    assert Places([ours, CATCH_ALL], [ours], adopt=True).adopted == [ours]
    assert Places([ours, CATCH_ALL], [ours], [key(ours)]).strangers == []


def test_a_name_that_can_not_be_one_covers_nothing() -> None:
    assert not covers({"hostname": f"{'ü' * 80}.example.com", "service": "s"}, HOST)


def test_the_sibling_of_a_host_takes_none_of_its_requests() -> None:
    """Two stacks' rules for one host have two paths: they must not push each other about forever."""
    sibling = {"hostname": HOST, "path": "^/b", "service": "http://b"}
    ours = {"hostname": HOST, "path": "^/a", "service": "http://a"}
    ingress = [sibling, ours, CATCH_ALL]
    assert Places(ingress, [ours], [key(ours)], [key(sibling)]).settled() == ingress
    assert Places(ingress, [sibling], [key(sibling)], [key(ours)]).settled() == ingress


def test_drift_is_mended_in_place() -> None:
    ours: dict[str, Any] = {"hostname": HOST, "service": "http://ours"}
    other = {"hostname": "mealie.example.com", "service": "http://m"}
    drifted = [{**ours, "service": "http://else", "originRequest": {"noTLSVerify": True}}, other, CATCH_ALL]
    assert Places(drifted, [ours], [key(ours)]).settled() == [ours, other, CATCH_ALL]


def test_what_cloudflare_adds_is_no_drift() -> None:
    ours: dict[str, Any] = {"hostname": HOST, "service": "http://ours"}
    ingress = [{**ours, "id": "1", "originRequest": {}}, CATCH_ALL]
    assert Places(ingress, [ours], [key(ours)]).settled() == ingress
    assert not is_same({**ours, "path": "^/x"}, ours)


def test_our_rule_twice_becomes_once() -> None:
    ours = {"hostname": HOST, "service": "http://ours"}
    assert Places([ours, ours, CATCH_ALL], [ours], [key(ours)]).settled() == [ours, CATCH_ALL]


def test_an_unmanaged_rule_for_the_host_is_found_beside_the_managed_one() -> None:
    ours, theirs = ({"hostname": HOST, "service": f"http://{name}"} for name in ("ours", "theirs"))
    for ingress in ([ours, theirs, CATCH_ALL], [theirs, ours, CATCH_ALL]):
        assert Places(ingress, [ours], [key(ours)]).strangers == [theirs]


@pytest.mark.parametrize(
    ("ingress", "words"),
    [
        ([CATCH_ALL], ""),
        ([{"hostname": "*", "path": "^/a", "service": "s"}, CATCH_ALL], ""),
        ([], "does not end in"),
        ([{"hostname": HOST, "service": "s"}], "does not end in"),
        ([{"path": "^/a", "service": "s"}], "does not end in"),
        ([{"hostname": "*", "service": "s"}, CATCH_ALL], "before its last"),
    ],
)
def test_a_list_that_cloudflared_would_not_take(ingress: list[Rule], words: str) -> None:
    assert bool(words) == bool(fault(ingress))
    assert words in fault(ingress)


def test_which_sets_would_fight() -> None:
    assert overlap((HOST, ""), (HOST, "^/a"))
    assert overlap((HOST, "^/a"), (HOST, "^/a"))
    assert not overlap((HOST, "^/a"), (HOST, "^/b"))
    assert not overlap((HOST, ""), ("mealie.example.com", ""))
