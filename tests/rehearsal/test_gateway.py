"""A route on Gateway API, held against its published definitions: an API server that validates it for real."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from hypothesis import given

from clients.kubernetes import ClusterRefusedError, Ref
from settings import Settings
from tests.accepted import accepted, asked
from tests.rehearsal.conftest import PHOTO_SYNC, Bench, Change, MakeBench, changed, until
from text.encoding import encoded

ROUTE = Ref("gateway.networking.k8s.io/v1", "HTTPRoute", "immich", "immich")
DEFINITION = Ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", "httproutes.gateway.networking.k8s.io")


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Iterator[Bench]:
    """All of it by who may do nothing else than `up` needs."""
    made = make_bench("gateway")
    with made.by_role_of_up():
        yield made


@pytest.fixture(autouse=True)
def as_it_was(bench: Bench) -> Iterator[None]:
    yield
    bench.reset_settings()


def on(**route: Any) -> Change:
    """A route on a Gateway, with nothing but this beside its kind and namespace."""
    return lambda settings: settings.update(route={"kind": "gateway", "gatewayNamespace": "gateways", **route})


def refused(bench: Bench) -> str:
    run = bench.run("preview")
    assert not run.succeeded
    assert changed(run) == []
    return " ".join(run.errors)


def test_the_published_definitions_validate(bench: Bench) -> None:
    """Of a route without a port the definition's own rule speaks: it is no mere schema that accepts all."""
    rule = {"backendRefs": [{"name": "immich-server"}]}
    metadata = {"name": "wrong", "namespace": "immich"}
    route = {"apiVersion": ROUTE.api_version, "kind": "HTTPRoute", "metadata": metadata, "spec": {"rules": [rule]}}
    with pytest.raises(ClusterRefusedError, match="Must have port for Service reference"):
        bench.cluster.create(route, "somebody")


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ({"gateway": "public", "sectionName": "web"}, "the Gateway gateways/public has no listener web"),
        ({"gateway": "privat"}, "the cluster has no Gateway gateways/privat. It has: gateways/lan, gateways/public"),
        ({"gateway": "public", "sectionName": "http"}, "admits no routes from namespace immich"),
    ],
    ids=["wrong section", "no Gateway", "another namespace"],
)
def test_a_gateway_that_would_not_take_the_route_fails_the_preview(
    bench: Bench, route: dict[str, Any], words: str
) -> None:
    bench.set(on(**route))
    assert words in refused(bench)


def other_route(bench: Bench, name: str, rule: dict[str, Any]) -> Ref:
    """Make a route for the stack's host, as another client would."""
    parents = [{"name": "public", "namespace": "gateways"}]
    spec = {"hostnames": ["immich.coultonf.com"], "parentRefs": parents, "rules": [rule]}
    metadata = {"name": name, "namespace": "immich"}
    route = {"apiVersion": ROUTE.api_version, "kind": "HTTPRoute", "metadata": metadata, "spec": spec}
    bench.cluster.create(route, "somebody")
    return Ref.of(route)


def test_a_gateway_without_a_controller_is_a_warning_with_the_message_of_the_definition(bench: Bench) -> None:
    outpost = {"matches": [{"path": {"type": "PathPrefix", "value": "/outpost.goauthentik.io"}}]}
    redirect = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}
    beside = [other_route(bench, name, rule) for name, rule in (("outpost", outpost), ("redirect", redirect))]
    bench.set(on(gateway="unserved"))
    run = bench.run("preview")
    for route in beside:  # of the same host, and no rivals
        bench.delete(route)
    assert run.succeeded, run.errors
    assert any("gateways/unserved is not served: Waiting for controller" in warning for warning in run.warnings)


def test_the_route_is_made_as_it_is_stated(bench: Bench) -> None:
    bench.up()
    spec = bench.get(ROUTE)["spec"]
    parents = [(one["namespace"], one["name"], one.get("sectionName")) for one in spec["parentRefs"]]
    assert parents == [("gateways", "public", "https"), ("gateways", "lan", None)]
    assert spec["hostnames"] == ["immich.coultonf.com"]
    (rule,) = spec["rules"]
    assert [(one["name"], one["port"]) for one in rule["backendRefs"]] == [("immich-server", 3001)]
    assert rule["timeouts"] == {"request": "0s"}


def test_a_second_up_changes_nothing(bench: Bench) -> None:
    assert changed(bench.up()) == []


def test_another_section_is_an_update_in_place(bench: Bench) -> None:
    made = bench.get(ROUTE)["metadata"]["uid"]
    bench.set(on(gateway="public", sectionName="https", labels={"external-dns": "public"}))
    assert [operation for operation, _ in changed(bench.up())] == ["update"]
    live = bench.get(ROUTE)
    assert (live["metadata"]["uid"], live["metadata"]["labels"]) == (made, {"external-dns": "public"})
    assert len(live["spec"]["parentRefs"]) == 1


def test_down_leaves_nothing(bench: Bench) -> None:
    bench.destroy()
    assert bench.cluster.list(Ref(ROUTE.api_version, "HTTPRoute", "")) == []
    assert bench.cluster.get(PHOTO_SYNC) is None


# 10,000 in `make soak`.
MANY = hypothesis.settings().max_examples
COUNT = MANY if MANY > 100 else 40
LARGEST = 1_500_000  # bytes: etcd takes 1.5 MiB


@pytest.fixture(scope="module")
def admitted() -> set[bytes]:
    """What the API server has accepted already."""
    return set()


@hypothesis.settings(max_examples=COUNT, suppress_health_check=list(hypothesis.HealthCheck))
@given(settings=accepted())
def test_what_settings_accept_the_api_server_accepts(bench: Bench, admitted: set[bytes], settings: Settings) -> None:
    """In dry runs; here, as this world knows the most kinds. What the API server refuses has to be a validator's."""
    for manifest in asked(settings):
        body = encoded(manifest)
        assert len(body) < LARGEST
        if body not in admitted:
            bench.cluster.apply(manifest, "somebody", dry_run=True, force=True)
            admitted.add(body)


def test_preview_reports_a_missing_api(bench: Bench) -> None:
    bench.delete(DEFINITION)
    until(lambda: not bench.cluster.serves(ROUTE.api_version, "HTTPRoute"), "the API server has no HTTPRoute")
    with bench.by_role_of_up():  # of which a part has gone with the namespace
        assert "has no HTTPRoute" in refused(bench)
