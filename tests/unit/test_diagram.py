"""What the picture of a stack shows, for each kind of stack; and that graphviz draws it."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.kubernetes import Ref
from components.ownership import Ownership
from components.plan import Found
from components.public_access import FoundAtCloudflare
from ops import recorded
from ops.checks import CHECKS
from ops.checks.check import DoesNotApply, NotChecked, Passed, Result
from ops.diagram import __main__ as command
from ops.diagram.dot import svg
from ops.diagram.flow import flow
from ops.diagram.graph import Edge, Graph, Node, State, Whose
from ops.diagram.mermaid import mermaid
from ops.diagram.resources import Resource, of_state
from ops.diagram.states import PARTS, with_states
from ops.recorded import RecordError, verdict
from ops.verify import Verdict, as_json
from tests.accounts import household
from tests.drawn import of, of_lab, resources_of
from tests.objects import SERVERS
from tests.unit.configured import ON_HOST, configured
from tests.unit.recording import COMPUTED, STACK, TUNNEL_TOKEN, deployed
from tests.unit.test_cloudflare_components import ACCESS, ADDRESS, CONTROLLER, ORIGIN, OWN, SHARED, ZONE, on
from tests.unit.test_command_lines import texts
from tests.unit.well import settings as with_everything
from text.finding import Finding, Severity

NONE: dict[str, Any] = {"kind": "none"}
GATEWAY: dict[str, Any] = {"kind": "gateway", "gateway": "public", "gatewayNamespace": "gateways"}
NFS: dict[str, Any] = {"kind": "nfs", "server": "nas.lan", "path": "/export/photos"}
CSI: dict[str, Any] = {"kind": "csi", "driver": "smb.csi.k8s.io", "volumeHandle": "a", "immichVolumeHandle": "b"}
WELL: Result = Passed("well")
THEIRS = "(not managed here)"


def way(graph: Graph, start: str) -> list[str]:
    """The parts along the first edge of each node, from a start to Immich's Deployment."""
    there, passed = next(node for node in graph.nodes if node.part == start), [start]
    while there.part != "deployment":
        end = next(edge.end for edge in graph.edges if edge.start == there.id)
        there = node(graph, end)
        passed.append(there.part)
    return passed


def node(graph: Graph, id_: str) -> Node:
    (found,) = (node for node in graph.nodes if node.id == id_)
    return found


def simple(**more: Any) -> Graph:
    return of(deployed(configured(**more), Found(SERVERS)))


# the traffic


@pytest.mark.parametrize(
    ("cloudflare", "between"),
    [
        (SHARED, ["record", "tunnel", "service"]),
        (SHARED | CONTROLLER, ["record", "tunnel", "controller", "route", "service"]),
        (SHARED | ACCESS, ["record", "access", "tunnel", "service"]),
        (OWN | CONTROLLER, ["record", "tunnel", "connector", "controller", "route", "service"]),
        (OWN | ACCESS, ["record", "access", "tunnel", "connector", "service"]),
        (ADDRESS, ["record", "target", "controller", "route", "service"]),
        (ADDRESS | ACCESS, ["record", "access", "target", "controller", "route", "service"]),
    ],
    ids=["shared", "to the controller", "guarded", "own", "own, guarded", "record", "record, guarded"],
)
def test_the_public_access_by_cloudflare(cloudflare: dict[str, Any], between: list[str]) -> None:
    assert way(of(on(cloudflare)), "internet") == ["internet", *between, "deployment"]


def test_past_the_route_the_controller_is_a_way_of_its_own() -> None:
    assert way(of(on(SHARED)), "controller") == ["controller", "route", "service", "deployment"]


@pytest.mark.parametrize(
    ("route", "between"),
    [
        ({"kind": "ingress"}, ["controller", "route"]),
        (GATEWAY, ["controller", "route"]),
        (NONE, []),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else "",
)
def test_an_unmanaged_route(route: dict[str, Any], between: list[str]) -> None:
    graph = simple(cloudflare=NONE, route=route)
    assert way(graph, "internet") == ["internet", "record", *between, "service", "deployment"]
    assert node(graph, "way").lines == ("published by other means", "immich.example.com")


def test_a_gateway_is_in_its_own_namespace() -> None:
    graph = simple(route=GATEWAY)
    assert node(graph, "controller").lines == ("Gateway public", THEIRS)
    assert node(graph, "controller").group == "namespace gateways"
    assert node(graph, "route").lines == ("HTTPRoute", "immich")


def test_whose_things_are() -> None:
    graph = of_lab()
    of_whom = {whose: {node.part for node in graph.nodes if node.whose is whose} for whose in Whose}
    assert of_whom == {
        Whose.OURS: {"record", "route", "cron_job", "directory_job", "claim", "volume", "disk", "library"},
        Whose.HELD: {"tunnel", "deployment", "settings"},
        Whose.OTHERS: {"internet", "controller", "service", "icloud"},
    }
    assert {group.label: group.whose for group in graph.groups} == {
        "Cloudflare": Whose.OTHERS,
        "namespace ingress-nginx (not managed here)": Whose.OTHERS,
        "namespace immich (patched: labels)": Whose.HELD,
        "namespace photo-sync": Whose.OURS,
    }
    assert node(graph, "deployment").lines[1:] == (
        "immich-server",
        "(patched: volume, mount, startup check)",
    )


def test_an_own_tunnel_is_drawn_as_managed() -> None:
    graph = of(on(OWN))
    assert (node(graph, "tunnel").lines, node(graph, "tunnel").whose) == (("Tunnel immich",), Whose.OURS)
    assert node(graph, "connector").group == "namespace cloudflared"


# the photos


@pytest.mark.parametrize(
    ("storage", "lines", "whose"),
    [
        (ON_HOST, ("photos", "/var/mnt/photos", "on talos-1"), Whose.OURS),
        (ON_HOST | {"kind": "local"}, ("photos", "/var/mnt/photos", "on talos-1"), Whose.OURS),
        (NFS, ("photos", "nas.lan:/export/photos", THEIRS), Whose.OTHERS),
        (CSI, ("photos", "smb.csi.k8s.io", "a", THEIRS), Whose.OTHERS),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else "",
)
def test_the_photos_way(storage: dict[str, Any], lines: tuple[str, ...], whose: Whose) -> None:
    graph = simple(storage=storage)
    mounted = [] if storage["kind"] == "hostPath" else ["immich_volume", "immich_claim"]
    assert way(graph, "claim") == ["claim", "volume", "disk", *mounted, "deployment"]
    assert (node(graph, "disk").lines, node(graph, "disk").whose) == (lines, whose)
    assert graph.edges.count(Edge((mounted or ["disk"])[-1], "deployment", "read-only at /external/icloud")) == 1
    assert Edge("directory_job", "disk", "makes and marks") in graph.edges
    assert "icloud" not in {node.id for node in graph.nodes}, "nobody's photos are fetched"


def test_a_mount_that_immichs_chart_states() -> None:
    graph = simple(immich={"mount": {"kind": "chart", "path": "/photos"}})
    lines = ("Deployment immich/immich-server", "(not managed here; the chart has the mount)")
    assert (node(graph, "deployment").lines, node(graph, "deployment").whose) == (lines, Whose.OTHERS)
    assert Edge("disk", "deployment", "read-only at /photos") in graph.edges


def test_each_account_fetches_its_own_photos() -> None:
    graph = of(deployed(household({"name": "anna"}, {"name": "ben"}), Found(SERVERS)))
    for name in ("anna", "ben"):
        cron_job = f"cron_job icloud-sync-{name}"
        assert node(graph, cron_job).lines == ("CronJob", f"icloud-sync-{name}", "0 2 1 * *")
        assert {Edge("icloud", cron_job), Edge(cron_job, "claim")} <= set(graph.edges)


def test_what_was_made_by_hand_is_reported() -> None:
    ingress = Ref("networking.k8s.io/v1", "Ingress", "immich-ingress", "immich")
    graph = of(deployed(configured(), Found(SERVERS), Ownership(STACK, frozenset({ingress}), adopting=True)))
    assert node(graph, "route").lines == ("Ingress", "immich-ingress", "(adopted)")


# what is not there


@pytest.fixture(scope="module")
def whole() -> tuple[Resource, ...]:
    """All of a stack with everything that one can have."""
    owned = {**ON_HOST, "kind": "local", "owner": {"uid": 1000, "gid": 1000}}
    settings = with_everything(storage=owned, cloudflare=OWN | ACCESS)
    there = FoundAtCloudflare(ZONE)
    return resources_of(deployed(settings, Found(SERVERS, cloudflare=there, origin=ORIGIN)))


def test_no_secret_is_in_the_picture() -> None:
    """Where the state had each of them in plain text."""
    settings = with_everything(cloudflare=OWN | ACCESS, notifications={"urls": ["ntfys://hush5@ntfy.sh/photos"]})
    stack = deployed(settings, Found(SERVERS, cloudflare=FoundAtCloudflare(ZONE), origin=ORIGIN))
    secrets = {text for one in stack.resources for name in one.secrets for text in texts(one.inputs[name]) if text}
    secrets |= {stack.outputs[name] for name in stack.secret_outputs}
    assert secrets > {TUNNEL_TOKEN, "ntfys://hush5@ntfy.sh/photos", *COMPUTED["ZeroTrustAccessServiceToken"].values()}
    drawn = repr(of(stack))
    assert [secret for secret in secrets if secret in drawn] == []


@given(gone=st.sets(st.integers(1, 50)))
def test_a_stack_that_lacks_something_is_drawn_without_it(whole: tuple[Resource, ...], gone: set[int]) -> None:
    assert len(whole) <= 51, "each may be gone"
    graph = flow([one for place, one in enumerate(whole) if place not in gone])
    ids = [node.id for node in graph.nodes]
    assert len(set(ids)) == len(ids)
    assert {id_ for edge in graph.edges for id_ in (edge.start, edge.end)} <= set(ids)
    assert way(graph, "internet")[-2:] == ["service", "deployment"]


def test_removed_entries() -> None:
    settled = resources_of(on(SHARED | CONTROLLER))
    removed = {"TunnelRules": {"rules": [], "tunnel_id": "7c0de5ad"}}
    graph = flow([replace(one, inputs=removed.get(one.kind, one.inputs)) for one in settled])
    assert way(graph, "internet") == ["internet", "record", "tunnel", "controller", "route", "service", "deployment"]


# the state


STORED: list[dict[str, Any]] = [
    {"type": "pulumi:providers:kubernetes", "urn": "urn::cluster", "inputs": {"kubeconfig": "/home/anna/.kube"}},
    {"type": "kubernetes:batch/v1:Job", "urn": "urn:pulumi:lab::x::a$b::old", "delete": True},
    {"type": "kubernetes:batch/v1:Job", "urn": "urn:pulumi:lab::x::a$b::new", "inputs": {"kind": "Job"}},
    {"type": "immich-icloud:index:PhotoStack", "urn": "urn:pulumi:lab::x::a$b::whole"},
]


def test_a_states_resources_without_providers_and_what_waits_to_be_deleted() -> None:
    assert list(of_state(STORED)) == [
        Resource("kubernetes:batch/v1:Job", "new", {"kind": "Job"}),
        Resource("immich-icloud:index:PhotoStack", "whole"),
    ]


# with a verdict


def judged(results: dict[str, Result]) -> Verdict:
    return {check: results.get(check.name, WELL) for check in CHECKS}


def failed(evidence: str = "seen") -> Finding:
    return Finding("broken", Severity.PROBLEM, evidence, "do", cause="why", snippet="spec: {}")


def test_every_check_has_its_place_in_the_picture() -> None:
    assert set(PARTS) == {check.name for check in CHECKS}
    local = simple(storage=ON_HOST | {"kind": "local"})
    drawn = {node.part for graph in (of_lab(), of(on(OWN | ACCESS)), local) for node in graph.nodes}
    assert {part for parts in PARTS.values() for part in parts} <= drawn


def test_the_worst_result_counts_and_is_named() -> None:
    told = judged({"service": NotChecked("no answer"), "ping": failed(), "last-sync": NotChecked("never ran")})
    graph = with_states(of_lab(), told)
    assert (node(graph, "service").state, node(graph, "service").lines[-1]) == (State.FAILED, "failed: ping")
    (cron_job,) = (node for node in graph.nodes if node.part == "cron_job")
    assert (cron_job.state, cron_job.lines[-1]) == (State.NOT_CHECKED, "not checked: last-sync")
    assert (node(graph, "disk").state, node(graph, "disk").lines) == (State.PASSED, node(of_lab(), "disk").lines)
    assert node(graph, "controller").state is None, "no check looks at it"


def test_what_does_not_apply_has_no_state() -> None:
    graph = with_states(of_lab(), judged(dict.fromkeys(PARTS, DoesNotApply("not here"))))
    assert {node.state for node in graph.nodes} == {None}


def test_a_verdict_is_read_as_it_was_written() -> None:
    told = judged({"dns": failed(), "https": NotChecked("no answer"), "access": DoesNotApply("not here")})
    assert verdict(as_json("test", told)) == ("test", told)


@pytest.mark.parametrize("text", ["", "[]", '{"checks": []}', '{"stack": "x", "checks": [{"name": "dns"}]}'])
def test_what_is_no_verdict_is_refused(text: str) -> None:
    with pytest.raises(RecordError, match="that is no result of this version's `make verify ARGS=--json`"):
        recorded.verdict(text)


def test_an_unknown_result_is_refused() -> None:
    told = json.loads(as_json("test", judged({})))
    told["checks"][0]["result"] = "perhaps"
    with pytest.raises(RecordError, match="perhaps"):
        verdict(json.dumps(told))


# the command


def refused(*words: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["make diagram", *words])
        with pytest.raises(SystemExit) as ended:
            command.main()
    return str(ended.value.code)


def test_what_can_not_be_drawn_is_an_error_of_one_line(tmp_path: Path) -> None:
    assert refused("nowhere").startswith("error: STACK=nowhere: there is no Pulumi.nowhere.yaml.")
    file = tmp_path / "verify.json"
    assert refused("homelab", "--verify", str(file)).startswith("error: [Errno 2] No such file")
    file.write_text(as_json("attic", judged({})))
    expected = f"error: {file} is a result of STACK=attic, not of STACK=homelab"
    assert refused("homelab", "--verify", str(file)) == expected
    file.write_bytes(b"\xff\xfe{")
    assert refused("homelab", "--verify", str(file)).startswith("error: that is no result of this version's")


# drawn


def drawn_text(element: ET.Element) -> list[str]:
    return [text.text or "" for text in element.iter("{http://www.w3.org/2000/svg}text")]


def parts_of(picture: str, kind: str) -> dict[str, ET.Element]:
    """The elements of a kind, by their titles, which are the graph's ids."""
    groups = ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}g")  # noqa: S314 (our own)
    found = [group for group in groups if group.get("class") == kind]
    return {group.findtext("{http://www.w3.org/2000/svg}title", ""): group for group in found}


def test_graphviz_draws_every_node_edge_and_frame() -> None:
    graph = with_states(of_lab(), judged({"route": failed(), "tunnel": NotChecked("no answer")}))
    picture = svg(graph)
    nodes = parts_of(picture, "node")
    assert {id_: drawn_text(element) for id_, element in nodes.items()} == {
        node.id: list(node.lines) for node in graph.nodes
    }
    assert {title: drawn_text(element) for title, element in parts_of(picture, "edge").items()} == {
        f"{edge.start}->{edge.end}": [edge.label] if edge.label else [] for edge in graph.edges
    }
    assert [text for element in parts_of(picture, "cluster").values() for text in drawn_text(element)] == [
        group.label for group in graph.groups
    ]
    fills = {id_: element.find("{http://www.w3.org/2000/svg}path") for id_, element in nodes.items()}
    colours = {id_: path.get("fill") for id_, path in fills.items() if path is not None}
    assert colours["route"] == "#f8c9c4"
    assert colours["tunnel"] == "#fdf0c0"
    assert colours["service"] == "#d3edd3"
    assert colours["controller"] == "#ffffff"


def test_mermaid_has_every_node_in_its_frame_and_every_edge() -> None:
    graph = with_states(of_lab(), judged({"route": failed()}))
    text = mermaid(graph)
    (inside,) = re.findall(r"  subgraph namespace_immich \[.*?\]\n(.*?)\n  end\n", text, re.DOTALL)
    assert [line.split("[")[0].strip() for line in inside.splitlines()] == [
        "route", "service", "deployment", "library", "settings",
    ]  # fmt: skip
    assert '    route["Ingress<br>immich-ingress<br>failed: route"]\n' in text
    assert text.count(" --> ") == len(graph.edges)
    assert '  disk -- "read-only at /external/icloud" --> deployment\n' in text
    assert "  class route failed\n" in text


LABELS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(LABELS)
def test_no_label_ends_itself(label: str) -> None:
    graph = Graph((Node("a", (label,), Whose.OURS, "disk"),), (Edge("a", "a", label),), ())
    node_line, edge_line = mermaid(graph).splitlines()[1:3]
    assert re.fullmatch(r'  a\["[^"<>&]+"\]', node_line)
    assert re.fullmatch(r'  a -- "[^"<>&]+" --> a', edge_line)


def test_graphviz_draws_labels_as_they_are() -> None:
    labels = ['a "quoted" \\N <b>&amp;', "back\\slash\\", "ö → 😀"]
    nodes = tuple(Node(f"node {place}", (label,), Whose.OURS, "disk") for place, label in enumerate(labels))
    drawn = parts_of(svg(Graph(nodes, (), ())), "node").values()
    assert [drawn_text(element) for element in drawn] == [[label] for label in labels]
