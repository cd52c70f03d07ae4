"""The Lease of a tunnel: one at a time, whatever a holder's clock says, and each stack's notes."""

from collections.abc import Callable

import pytest

from clients.kubernetes import Answer, ClusterError, ClusterRefusedError, Manifest, UnreachableError
from clients.lease import Lease, LostError
from clients.tunnel_lease import Share, lease_of, note, share, shares
from tests.fake_cluster import FakeCluster

TUNNEL = "7c0de5ad-0b0e-4b1e-9a5e-0d15ea5e0001"
LEASE = lease_of(TUNNEL).ref
PHOTOS = Share(frozenset({("photos.example.com", "")}), ({"hostname": "photos.example.com", "service": "http://was"},))
ALBUM = Share(frozenset({("album.example.com", "^/a"), ("album.example.com", "^/b")}))


class Clock:
    """A fake clock, which moves only while a caller waits; `meanwhile` happens then."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.now = 0.0
        self.meanwhile = meanwhile

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()


def lease(cluster: FakeCluster, stack: str = "p/one", clock: Clock | None = None) -> Lease:
    clock = clock or Clock()
    return Lease(cluster, lease_of(TUNNEL), stack, clock, clock.wait)


def live(cluster: FakeCluster) -> Manifest:
    return cluster.objects[LEASE]


def dead(cluster: FakeCluster) -> None:
    """Leave the Lease as a process that is killed does: held forever."""
    with lease(cluster, "p/dead").held():
        held = cluster.get(LEASE)
    assert held
    cluster.objects[LEASE] = held


def test_it_is_a_lease_that_others_can_read() -> None:
    cluster = FakeCluster()
    with lease(cluster).held():
        spec = live(cluster)["spec"]
        assert spec["holderIdentity"].startswith("p/one_")
        assert spec["leaseDurationSeconds"] == 45
        assert spec["renewTime"].endswith("Z")
        assert LEASE.path == f"/apis/coordination.k8s.io/v1/namespaces/default/leases/immich-icloud-tunnel-{TUNNEL}"


def test_the_lease_is_deleted_with_the_last_rule() -> None:
    cluster = FakeCluster()
    with lease(cluster).held() as held:
        note(held, PHOTOS)
    assert live(cluster)["spec"]["holderIdentity"] == ""
    with lease(cluster).held() as held:
        note(held, Share())
    assert cluster.objects == {}


def test_each_stack_notes_its_own() -> None:
    cluster = FakeCluster()
    with lease(cluster, "p/one").held() as held:
        note(held, PHOTOS)
        assert share(held) == PHOTOS
    with lease(cluster, "p/two").held() as held:
        assert share(held) == Share()
        note(held, ALBUM)
    assert shares(lease(cluster)) == {"p/one": PHOTOS, "p/two": ALBUM}
    with lease(cluster, "p/one").held() as held:
        note(held, Share())
    assert shares(lease(cluster)) == {"p/two": ALBUM}


def test_notes_leave_other_annotations_alone() -> None:
    cluster = FakeCluster()
    with lease(cluster).held() as held:
        note(held, PHOTOS)
    live(cluster)["metadata"]["annotations"]["team"] = "home"
    with lease(cluster).held() as held:
        note(held, ALBUM)
    assert live(cluster)["metadata"]["annotations"]["team"] == "home"


@pytest.mark.parametrize(
    "notes", ["", "{", "[]", "null", '{"p/one": 1}', '{"p/one": {}}', '{"p/one": {"rules": [1], "found": []}}']
)
def test_notes_that_were_changed_by_hand_are_a_sentence(notes: str) -> None:
    cluster = FakeCluster()
    with lease(cluster).held() as held:
        note(held, PHOTOS)
    live(cluster)["metadata"]["annotations"]["immich-icloud/tunnel-rules"] = notes
    with pytest.raises(ClusterError, match="kubectl -n default edit lease"):
        shares(lease(cluster))
    with pytest.raises(ClusterError, match="kubectl -n default edit lease"), lease(cluster).held() as held:
        dict(shares(held))
    assert live(cluster)["metadata"]["annotations"]["immich-icloud/tunnel-rules"] == notes


def test_a_lease_without_a_spec_has_no_holder() -> None:
    cluster = FakeCluster()
    with lease(cluster).held() as held:
        note(held, PHOTOS)
    del live(cluster)["spec"]
    with lease(cluster, "p/two").held() as held:
        assert shares(held) == {"p/one": PHOTOS}


def test_who_comes_second_waits_for_the_first() -> None:
    cluster = FakeCluster()
    first = lease(cluster).held()
    held = first.__enter__()
    note(held, PHOTOS)
    clock = Clock()

    def finished() -> None:
        if clock.now == 7:
            first.__exit__(None, None, None)

    clock.meanwhile = finished
    with lease(cluster, "p/two", clock).held() as second:
        assert clock.now == 7
        assert shares(second) == {"p/one": PHOTOS}


@pytest.mark.parametrize("written", ["", "1999-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"])
def test_who_was_killed_is_waited_for_as_long_as_the_lease_lasts_whatever_the_clock(written: str) -> None:
    cluster = FakeCluster()
    dead(cluster)
    live(cluster)["spec"]["renewTime"] = written or live(cluster)["spec"]["renewTime"]
    clock = Clock()
    with lease(cluster, "p/two", clock).held():
        assert clock.now == 46


def test_who_renews_keeps_it() -> None:
    cluster = FakeCluster()
    with lease(cluster, "p/one").held() as held:
        clock = Clock(lambda: note(held, PHOTOS))
        with pytest.raises(ClusterError) as error, lease(cluster, "p/two", clock).held():
            pytest.fail("two hold it")
    assert str(error.value) == ("the stack p/one is changing rules of the same tunnel. Wait for it, then try again")
    assert 120 < clock.now < 125


def test_a_holder_that_lost_it_writes_nothing() -> None:
    cluster = FakeCluster()
    with lease(cluster, "p/one").held() as slow:
        note(slow, PHOTOS)
        with lease(cluster, "p/two", Clock()).held() as second:
            note(second, ALBUM)
            before = live(cluster)
            with pytest.raises(LostError) as error:
                note(slow, Share())
            assert live(cluster) == before
            assert str(error.value) == (
                f"Lease default/immich-icloud-tunnel-{TUNNEL} was changed while this stack, p/one, held it: another "
                "stack may be changing rules of the same tunnel. Wait for it, then try again"
            )
    assert shares(lease(cluster)) == {"p/one": PHOTOS, "p/two": ALBUM}


def test_who_lost_it_does_not_give_it_up_for_another() -> None:
    cluster = FakeCluster()
    lost = lease(cluster).held()
    lost.__enter__()
    with lease(cluster, "p/two").held() as second:
        lost.__exit__(None, None, None)
        note(second, ALBUM)
        assert live(cluster)["spec"]["holderIdentity"].startswith("p/two_")


def test_a_lease_that_was_deleted_is_lost() -> None:
    cluster = FakeCluster()
    with lease(cluster).held() as held:
        cluster.objects.clear()
        with pytest.raises(LostError):
            note(held, PHOTOS)
    assert cluster.objects == {}


@pytest.mark.parametrize("verb", ["create", "replace"])
def test_who_is_overtaken_in_taking_it_waits(verb: str) -> None:
    cluster = FakeCluster()
    if verb == "replace":
        with lease(cluster).held() as held:
            note(held, PHOTOS)

    def overtake(step: str) -> None:
        if step == f"before {verb}":
            cluster.step = lambda _: None
            dead(cluster)

    cluster.step = overtake
    clock = Clock()
    with lease(cluster, "p/two", clock).held():
        assert live(cluster)["spec"]["holderIdentity"].startswith("p/two_")
    assert clock.now > 45


@pytest.mark.parametrize("refusal", [ClusterRefusedError(403, "leases is forbidden"), UnreachableError("no answer")])
def test_a_cluster_that_refuses_is_told(refusal: ClusterError, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Answer:
        raise refusal

    cluster = FakeCluster()
    monkeypatch.setattr(cluster, "create", refuse)
    with pytest.raises(type(refusal), match=str(refusal)), lease(cluster).held():
        pytest.fail("it is not held")


def test_an_error_inside_gives_it_up() -> None:
    cluster = FakeCluster()

    def interrupted() -> None:
        with lease(cluster).held() as held:
            note(held, PHOTOS)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert live(cluster)["spec"]["holderIdentity"] == ""
