"""How a verdict is shown and counted, and what `make verify` has to be allowed."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from clients.kubernetes import Ref
from ops import up_role
from ops.checks import CHECKS, check
from ops.checks.check import NotChecked
from ops.facts import Facts
from ops.facts.internet import Page
from ops.facts.part import Absent, Unread
from ops.verify import Verdict, as_json, is_well, show
from ops.verify_role import manifests
from tests.objects import Manifest
from tests.stated import objects
from tests.unit.test_checks import CASES, Break, held_by
from tests.unit.well import settings, well
from text.finding import Finding


def judged(facts: Facts) -> Verdict:
    return check.judged(CHECKS, facts)


def shown(facts: Facts) -> str:
    told = io.StringIO()
    show(Console(width=100, file=told), judged(facts))
    return told.getvalue()


def test_only_what_passed_or_does_not_apply_is_well() -> None:
    assert is_well(judged(well()))
    assert is_well(judged(replace(well(), page=Absent("a rehearsal"))))
    assert not is_well(judged(replace(well(), page=Unread("no answer"))))
    assert not is_well(judged(replace(well(), name=())))


def test_one_cause_is_one_fault() -> None:
    silent, plain = Page(fault="no certificate for it", untrusted=True), Page(200)
    facts = replace(well(), name=(), page=silent, plain=plain, web_socket=Page(404))
    told = {check.name: result for check, result in judged(facts).items()}
    assert [name for name, result in told.items() if isinstance(result, Finding)] == ["dns"]
    follows = NotChecked("follows from the failure of dns")
    assert (told["https"], told["http-redirect"], told["web-socket"]) == (follows, follows, follows)
    # Without the first, the next is a cause.
    told = {check.name: result for check, result in judged(replace(facts, name=well().name)).items()}
    assert [name for name, result in told.items() if isinstance(result, Finding)] == ["https"]
    assert told["web-socket"] == NotChecked("follows from the failure of https")


@pytest.mark.parametrize(("name", "stated", "breaks"), [(name, stated, breaks) for name, stated, breaks, _ in CASES])
def test_each_cause_is_one_fault(name: str, stated: Manifest, breaks: Break) -> None:
    found = [check.name for check, result in judged(breaks(well(**stated))).items() if isinstance(result, Finding)]
    # Of a disk that is full, the message was not delivered either: those are two.
    assert len(found) == (2 if name == "notifications" else 1), found


def test_checks_follow_only_earlier_ones() -> None:
    names = [check.name for check in CHECKS]
    assert all(names.index(name) < place for place, check in enumerate(CHECKS) for name in check.follows)


def test_a_program_gets_every_check_with_cause_and_command() -> None:
    told = json.loads(as_json("test", judged(replace(well(), name=(), page=Unread("no answer")))))
    assert (told["stack"], told["passed"]) == ("test", False)
    assert [one["name"] for one in told["checks"]] == [check.name for check in CHECKS]
    by_name = {one["name"]: one for one in told["checks"]}
    assert by_name["dns"]["result"] == "failed"
    assert by_name["dns"]["command"] == "dig +short immich.example.com @1.1.1.1"
    assert by_name["dns"]["cause"]
    assert by_name["https"] == {
        "name": "https",
        "looks_at": "Immich answers at the host, with a valid certificate",
        "result": "not checked",
        "evidence": "no answer",
        "code": "",
        "cause": "",
        "command": "",
        "snippet": "",
    }


def test_a_reason_for_which_checks_do_not_apply_is_reported_once() -> None:
    nowhere = Absent("no public name leads here")
    text = shown(replace(well(), page=nowhere, plain=nowhere, web_socket=nowhere))
    assert text.count(nowhere.why) == 1
    assert "not applicable: https, http-redirect, web-socket" in text


def test_people_get_a_table_and_each_command_on_a_line_of_its_own() -> None:
    _, more, breaks, _ = next(case for case in CASES if case[3] == "volume-released")
    text = shown(breaks(well(**more)))
    command = (
        """kubectl patch pv icloud-photos-shared --type=json -p '[{"op": "remove", "path": "/spec/claimRef/uid"}]'"""
    )
    assert f"  next: {command}\n" in text
    assert text.splitlines()[-1] == "25 passed, 1 failed, 1 not checked, 2 not applicable"


def test_what_belongs_into_a_file_is_shown_so_that_it_can_be_pasted() -> None:
    facts = held_by("argocd-application-controller")(well())
    text, (told,) = (
        shown(facts),
        [one for one in json.loads(as_json("test", judged(facts)))["checks"] if one["snippet"]],
    )
    assert told["name"] == "argocd"
    assert f"\n{told['snippet']}" in text


OWN: Manifest = {"kind": "ownTunnel"}
GATEWAY: Manifest = {"kind": "gateway", "gateway": "public", "gatewayNamespace": "gateways"}


@pytest.mark.parametrize("more", [{}, {"cloudflare": OWN}, {"route": GATEWAY}], ids=["shared", "own", "gateway"])
def test_the_role_reads_no_secret_and_changes_nothing(more: Manifest) -> None:
    made = manifests(settings(**more), "test")
    rules = [rule for one in made if "rules" in one for rule in one["rules"]]
    assert rules
    for rule in rules:
        forwarding = rule["resources"] == ["pods/portforward"]
        assert set(rule["verbs"]) <= ({"get", "create"} if forwarding else {"get", "list"})
        assert not {"secrets", "*"} & set(rule["resources"])
    assert {one["kind"] for one in made} == {
        "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
    }  # fmt: skip


def may(made: list[Manifest], ref: Ref, verb: str) -> bool:
    """Whether the roles allow something of one object."""
    group, resource = ref.api_version.rpartition("/")[0], ref.collection.rpartition("/")[2]
    return any(
        group in rule["apiGroups"]
        and resource in rule["resources"]
        and verb in rule["verbs"]
        and (verb == "create" or ref.name in rule.get("resourceNames", [ref.name]))
        for one in made
        if "rules" in one and one["metadata"].get("namespace") in {None, ref.namespace}
        for rule in one["rules"]
    )


ROLES: list[Manifest] = [{}, {"cloudflare": OWN}, {"route": GATEWAY}, {"immich": {"mount": "admission"}}]


@pytest.mark.parametrize("more", ROLES, ids=["shared", "own", "gateway", "admission"])
def test_the_role_of_up_writes_what_the_stack_states_and_no_other_secret(more: Manifest) -> None:
    stated = settings(**more)
    made = up_role.manifests(stated, "test")
    stack = [one for one in objects(stated) if "name" in one["metadata"]]
    assert len(stack) > 10
    for verb in ("get", "create", "patch", "delete"):
        assert [str(Ref.of(one)) for one in stack if not may(made, Ref.of(one), verb)] == []
    for verb in ("list", "watch"):  # of others of the kind, too: by that the provider knows that one is gone
        assert [str(Ref.of(one)) for one in stack if not may(made, replace(Ref.of(one), name="other"), verb)] == []
    for rule in [rule for one in made if "rules" in one for rule in one["rules"]]:
        assert not {"*"} & {*rule["resources"], *rule["verbs"], *rule["apiGroups"]}
        assert "secrets" not in rule["resources"] or "resourceNames" in rule or not {"get", "patch"} & {*rule["verbs"]}
    placed = {one["metadata"].get("namespace") for one in stack if one["kind"] == "Secret"}
    listing = [one for one in made for rule in one.get("rules", ()) if "secrets" in rule["resources"]]
    assert {one["metadata"].get("namespace") for one in listing} == placed
    everywhere = next(one["rules"] for one in made if one["kind"] == "ClusterRole")
    assert not any("secrets" in rule["resources"] for rule in everywhere)


def test_the_role_of_up_comes_with_the_namespaces_that_it_is_for() -> None:
    made = up_role.manifests(settings(cloudflare=OWN), "test")
    namespaces = {one["metadata"]["name"]: one["metadata"] for one in made if one["kind"] == "Namespace"}
    assert namespaces.keys() == {"photo-sync", "cloudflared"}
    assert {one["annotations"]["immich-icloud/stack"] for one in namespaces.values()} == {"immich-icloud/test"}
    assert {one["metadata"]["namespace"] for one in made if one["kind"] == "ServiceAccount"} == {"immich"}
