"""What the soak compares: the photo disk's id everywhere, and what may not be replaced."""

from tests.soak.dump import OWNER, Dump, goes_by_itself


def test_ids_of_the_disk_have_to_agree() -> None:
    ids = {"ConfigMap immich/icloud-directory": "2-b", "disk icloud-photos/.immich-icloud": "2-b"}
    assert Dump({}, {}, ids).disagreements() == []
    for one in ids:
        for other in ("1-a", ""):
            assert len(Dump({}, {}, ids | {one: other}).disagreements()) == len(ids)


def test_what_is_gone_or_another_one_was_replaced() -> None:
    before = Dump({}, {"Service immich/immich-server": "a", "Secret immich/other": "b"}, {})
    after = Dump({}, {"Service immich/immich-server": "a2"}, {})
    assert before.replaced(after) == ["Service immich/immich-server", "Secret immich/other"]


def test_a_namespace_of_the_stack_is_known_by_its_mark() -> None:
    things = {
        "Namespace /photo-sync": {"metadata": {"annotations": {OWNER: "a"}}},
        "Namespace /immich": {"metadata": {}},
    }
    found = Dump(things, {}, {})
    assert found.is_in_own_namespace("ServiceAccount photo-sync/default")
    assert not found.is_in_own_namespace("ServiceAccount immich/default")
    assert not found.is_in_own_namespace("PersistentVolume /photos")


def test_only_a_killed_commands_job_goes_by_itself() -> None:
    assert goes_by_itself({"kind": "Job", "spec": {"ttlSecondsAfterFinished": 300}})
    assert not goes_by_itself({"kind": "Job", "spec": {}})
    assert not goes_by_itself({"kind": "ConfigMap"})
