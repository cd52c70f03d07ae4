"""What a webhook of the cluster changes in this stack's objects is the webhook's: no later `up` changes it back."""

from collections.abc import Iterator

import pytest

from clients.kubernetes import Manifest, Ref
from ops.checks.check import Passed
from ops.checks.drift import DRIFT
from ops.verify import verify
from tests.rehearsal.conftest import DEPLOYMENT, JOB, Bench, MakeBench, changed
from tests.rehearsal.obeying import stack
from tests.rehearsal.webhook import MIRROR, SIDECAR, VALIDATED, install_prometheus_operator, mirroring
from text.finding import Finding

RULES = Ref("monitoring.coreos.com/v1", "PrometheusRule", "icloud-sync", "photo-sync")


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Iterator[Bench]:
    bench = make_bench("found", photos=True)
    with mirroring(bench.cluster):
        yield bench


def limit_range(namespace: str) -> Manifest:
    """Defaults for all containers of a namespace, as homelabs have them."""
    limits = [{"type": "Container", "default": {"memory": "512Mi"}, "defaultRequest": {"cpu": "20m"}}]
    metadata = {"name": "defaults", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": limits}}


def images(bench: Bench, ref: Ref) -> list[str]:
    spec = bench.get(ref)["spec"]
    pod = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["spec"]
    return [one["image"] for one in (*pod.get("initContainers", []), *pod["containers"])]


def cron_jobs(bench: Bench) -> list[Ref]:
    return [Ref.of(one) for one in bench.cluster.list(Ref("batch/v1", "CronJob", "", "photo-sync"))]


def test_alerts_need_the_prometheus_operator(bench: Bench) -> None:
    bench.set(lambda settings: settings.update(monitoring={}))
    run = bench.run("preview")
    assert changed(run) == []
    assert "immich-icloud:monitoring: the API server has no PrometheusRule" in run.errors[0]
    install_prometheus_operator(bench.cluster)


def test_second_up_changes_nothing_that_a_webhook_wrote(bench: Bench) -> None:
    bench.cluster.apply(limit_range("immich"), "somebody")
    bench.up()
    bench.cluster.apply(limit_range("photo-sync"), "somebody")
    job = bench.get(JOB)["metadata"]["uid"]
    assert cron_jobs(bench)
    assert SIDECAR["image"] in images(bench, cron_jobs(bench)[0])
    assert bench.get(RULES)["metadata"]["annotations"][VALIDATED] == "true"
    assert changed(bench.up()) == []
    assert bench.get(JOB)["metadata"]["uid"] == job
    assert all(image.startswith(MIRROR) for ref in (JOB, DEPLOYMENT, *cron_jobs(bench)) for image in images(bench, ref))


def test_verify_reports_none_of_it_as_drift(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", bench.cloudflare)
    monkeypatch.chdir(bench.project)
    assert isinstance(verify(stack(bench), None)[DRIFT], Passed)
    bench.cluster.patch(cron_jobs(bench)[0], {"spec": {"schedule": "0 3 1 * *"}}, "kubectl-patch")
    found = verify(stack(bench), None)[DRIFT]
    assert isinstance(found, Finding)
    assert "spec.schedule is 0 3 1 * *" in found.text


def test_a_setting_that_changes_is_written_beside_it(bench: Bench) -> None:
    bench.set(lambda settings: settings["photoSync"].update(schedule="15 3 * * *"))
    run = bench.up()
    assert {operation for operation, _ in changed(run)} == {"update"}
    (cron_job,) = cron_jobs(bench)
    assert bench.get(cron_job)["spec"]["schedule"] == "15 3 * * *"
    assert SIDECAR["image"] in images(bench, cron_job)
    assert changed(bench.up()) == []
