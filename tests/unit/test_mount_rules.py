"""What preflight says when the photos' mount passes from this stack to Immich's chart and back."""

import contextvars
from copy import deepcopy

import pulumi
import pytest

import preflight
from clients.kubernetes import Manifest, Ref
from components.ownership import Ownership
from components.plan import Found, Plan, plan
from preflight import mount_rules
from preflight.facts import Answers
from providers.fragment import Remainder, Trial
from settings import Settings, load_connections
from tests.objects import ARGOCD, BY_HAND, STACK, deployment, in_pod, managed
from tests.stack_files import as_text
from tests.unit.configured import configured

WHERE = "Deployment immich/immich-server"
VALUES = "what `make chart-values STACK=test` prints"
NO_MOUNT = "container immich-server has no mount at /external/icloud"
TWICE = f'{WHERE}: "{ARGOCD}" states volumes[icloud-import], too'


def planned(mount: str = "chart", *, library: bool = False) -> Plan:
    found = plan(configured(immich={"mount": mount}), Found("immich-server"), Ownership(STACK))
    if not library:
        return found
    key = {"immichApiKey": "key"}
    shown = configured(immich={"mount": mount}).model_dump(by_alias=True, exclude_unset=True) | key
    return plan(Settings.model_validate(shown), Found("immich-server"), Ownership(STACK))


def mounted(manager: str = "") -> Manifest:
    """Immich as the values make it, by whom."""
    live, ours = deployment(), planned().mount["spec"]["template"]["spec"]
    pod = live["spec"]["template"]["spec"]
    pod["volumes"] += deepcopy(ours["volumes"])
    pod["initContainers"] = deepcopy(ours["initContainers"])
    pod["containers"][0]["volumeMounts"] += ours["containers"][0]["volumeMounts"]
    if manager:
        fields: Manifest = {"f:volumes": {'k:{"name":"icloud-import"}': {"f:name": {}}}}
        live["metadata"]["managedFields"].append(managed(manager, in_pod(fields)))
    return live


def with_old_guard() -> Manifest:
    live = mounted()
    live["spec"]["template"]["spec"]["initContainers"][0]["image"] = "busybox:1.36"
    return live


# entries -> chart


def test_a_chart_that_states_it_may_have_it() -> None:
    for ours in (False, True):
        given = Answers(remainder=Remainder(mounted(), ours=ours))
        assert mount_rules.problems(planned(library=True), given) == []
        assert mount_rules.warnings(planned(library=True), given) == []
        kept = f"{WHERE} keeps its mount of the photos: another manager states it, too"
        assert mount_rules.news(planned(library=True), given) == ([kept] if ours else [])


@pytest.mark.parametrize("library", [False, True])
def test_a_mount_that_nobody_else_states_is_not_given_up(library: bool) -> None:  # noqa: FBT001
    given = Answers(remainder=Remainder(deployment(), ours=True))
    assert mount_rules.problems(planned(library=library), given) == [
        f"{WHERE}: this stack would give up its mount of the photos, and nobody else states it yet: {NO_MOUNT} then. "
        "Immich's next scan would trash every photo. Set immich-icloud:immich.mount back to entries, and hand it over "
        f"in this order: 1. put {VALUES} into the values of Immich's chart; 2. let ArgoCD sync it with syncOptions: "
        "[ServerSideApply=true], or the cluster does not know that the chart states it, too; "
        "3. set immich-icloud:immich.mount to chart"
    ]
    assert mount_rules.warnings(planned(library=library), given) == []
    assert mount_rules.news(planned(library=library), given) == []


def test_what_kubectl_holds_beside_us_is_nobodys_either() -> None:
    given = Answers(remainder=Remainder(mounted(), ours=True, by_hand="volumes[icloud-import]"))
    (problem,) = mount_rules.problems(planned(), given)
    assert "kubectl has set volumes[icloud-import], and that goes, too, then" in problem


def test_no_library_without_its_photos() -> None:
    given = Answers(remainder=Remainder(deployment()))
    (problem,) = mount_rules.problems(planned(library=True), given)
    assert problem.startswith(f"{WHERE}: {NO_MOUNT}, and immich-icloud:immich.mount says that the chart states it. ")
    assert f"Put {VALUES} into the values of Immich's chart and let ArgoCD sync" in problem
    assert problem.endswith("whose disk is not made yet, `up` comes first, with immich-icloud:immich.mount: entries")


def test_where_nothing_depends_on_it_the_way_on_is_told() -> None:
    given = Answers(remainder=Remainder(deployment()))
    assert mount_rules.problems(planned(), given) == []
    assert mount_rules.warnings(planned(), given) == [
        f"{WHERE}: {NO_MOUNT}. Put {VALUES} into the values of Immich's chart, and let ArgoCD sync"
    ]


def test_an_older_guard_is_worth_a_word() -> None:
    given = Answers(remainder=Remainder(with_old_guard()))
    assert mount_rules.problems(planned(library=True), given) == []
    assert mount_rules.warnings(planned(), given) == [
        f"{WHERE}: its guard require-photo-disk is an older one. Put {VALUES} into the values of Immich's chart"
    ]


# chart -> entries


def test_what_both_state_alike_stays_when_the_chart_lets_go() -> None:
    both = Answers(trials={Ref.of(deployment()): Trial(mounted(ARGOCD), shared=TWICE)})
    assert mount_rules.problems(planned("entries"), both) == []
    assert mount_rules.warnings(planned("entries"), both) == [
        f"{TWICE}, and the same. Take it out there, and it stays. Or leave it there, with "
        "immich-icloud:immich.mount: chart"
    ]


def test_a_mount_that_shows_the_photos_is_not_taken_out_first() -> None:
    refused = Answers(trials={Ref.of(deployment()): Trial(mounted(ARGOCD), ("two owners",))})
    (problem,) = mount_rules.problems(planned("entries"), refused)
    assert problem.startswith(f'immich-icloud:immich.mount: Immich shows the photos by the mount of "{ARGOCD}"')
    assert f"put {VALUES} into the values of Immich's chart" in problem


@pytest.mark.parametrize("live", [deployment(), mounted(BY_HAND), mounted(STACK)], ids=["none", "kubectl", "ours"])
def test_any_other_problem_of_ours_is_told_by_itself(live: Manifest) -> None:
    refused = Answers(trials={Ref.of(live): Trial(live, ("a problem",))})
    assert mount_rules.problems(planned("entries"), refused) == []


# removal


@pytest.mark.parametrize("mount", ["chart", {"kind": "chart", "path": "/mnt/icloud"}])
def test_removal_tells_what_the_chart_still_mounts(monkeypatch: pytest.MonkeyPatch, mount: object) -> None:
    (warning,) = said_of_removal(monkeypatch, {"immich": {"mount": mount}})
    assert "take what `make chart-values` prints out of the chart's values" in warning


@pytest.mark.parametrize("immich", [{}, {"mount": "entries"}, {"mount": {"path": "/mnt/icloud"}}, "broken"])
def test_removal_of_a_mount_of_ours_needs_no_word(monkeypatch: pytest.MonkeyPatch, immich: object) -> None:
    assert said_of_removal(monkeypatch, {"immich": immich}) == []


def said_of_removal(monkeypatch: pytest.MonkeyPatch, settings: Manifest) -> list[str]:
    """What the program warns of, with these settings in its configuration."""
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    cluster = {"kubeconfig": "~/.kube/config", "context": "c", "identifier": "i"}
    values = {f"immich-icloud:{key}": as_text(value) for key, value in {"cluster": cluster, **settings}.items()}

    def run() -> None:
        pulumi.runtime.set_all_config(values)
        preflight.of_removal(load_connections())

    contextvars.copy_context().run(run)
    return said
