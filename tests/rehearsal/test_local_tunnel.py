"""The homelab of iteration 6 as it was: its tunnel is locally managed, and the file is in git, or later unmanaged."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clients.connector_restart import annotation
from clients.kubernetes import Ref
from components.ownership import STACK_MARK
from engine.run import Run
from lab.cloudflare.world import found
from tests.rehearsal.conftest import CLAIM, VOLUME, Bench, MakeBench, changed, until

HOLDER = Ref("v1", "ConfigMap", "cloudflared-config", "cloudflared")
CONNECTOR = Ref("apps/v1", "Deployment", "cloudflared", "cloudflared")
POD = Ref("v1", "Pod", "", "cloudflared")
WORKSHOP = next(id_ for id_, tunnel in found().tunnels.items() if tunnel["name"] == "workshop")
BY_HAND = Path(__file__).with_name("reference-storage.yaml")
# With values that this stack would not choose; the last two are Immich's own.
STORAGE = (
    VOLUME,
    CLAIM,
    Ref("v1", "PersistentVolume", "icloud-photos-immich"),
    Ref("v1", "PersistentVolumeClaim", "icloud-photos", "immich"),
)
TRACKING = "argocd.argoproj.io/tracking-id"
LINES = """\
  - hostname: immich.coultonf.com
    service: http://immich-server.immich.svc.cluster.local:3001
"""


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Bench:
    made = make_bench("reference")
    for manifest in yaml.safe_load_all(BY_HAND.read_text()):
        made.cluster.create(manifest, "kubectl-create")
    until(lambda: all(made.get(ref)["status"].get("phase") == "Bound" for ref in STORAGE), "the claims are bound")
    made.set(lambda settings: settings.update(adoptExisting=True))
    return made


def owned(bench: Bench) -> Any:
    """What the owner states of the tunnel."""
    return bench.get(HOLDER)["data"], bench.get(CONNECTOR)["spec"]


def storage(bench: Bench) -> list[Any]:
    """What volumes and claims state."""
    return [bench.get(ref)["spec"] for ref in STORAGE]


def steps(run: Run) -> list[str]:
    return [step for step in run.outputs["next_steps"] if "cloudflared" in step]


def test_the_rule_is_printed_then_found_and_never_written(bench: Bench) -> None:
    before, kept = owned(bench), storage(bench)
    run = bench.up()
    assert (run.outputs["route_kind"], run.outputs["dns_target"]) == ("localTunnel", f"{WORKSHOP}.cfargotunnel.com")
    (step,) = steps(run)
    assert step.endswith(f":\n{LINES}")
    assert (owned(bench), storage(bench)) == (before, kept)
    assert bench.get(CLAIM)["metadata"]["annotations"][STACK_MARK] == "immich-icloud/reference"

    # Its owner follows the step: into git, and a restart.
    text = before[0]["config.yaml"]
    at = text.index("\n  # all the rest")
    bench.cluster.patch(HOLDER, {"data": {"config.yaml": f"{text[:at]}{LINES}{text[at:]}"}}, "argocd-controller")
    (unread,) = steps(bench.up())
    assert unread.startswith("Restart cloudflared")
    (old,) = bench.cluster.list(POD)
    bench.delete(Ref("v1", "Pod", old["metadata"]["name"], "cloudflared"))
    until(lambda: bench.get(CONNECTOR)["status"].get("readyReplicas") == 1, "cloudflared runs")
    bench.follow_cloudflared()

    before = owned(bench)
    assert steps(bench.up()) == []
    assert changed(bench.up()) == []
    bench.destroy()
    assert (owned(bench), storage(bench)) == (before, kept)
    assert [record["name"] for record in bench.account.records()] == ["mealie.coultonf.com"]


def test_an_unmanaged_file_gets_the_rule_and_is_restored(bench: Bench) -> None:
    for ref in (HOLDER, CONNECTOR):
        bench.cluster.patch(ref, {"metadata": {"annotations": {TRACKING: None}}}, "kubectl-annotate")
    text = bench.get(HOLDER)["data"]["config.yaml"].replace(LINES, "")
    bench.delete(HOLDER)
    place = {"name": HOLDER.name, "namespace": HOLDER.namespace}
    bench.cluster.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": {"config.yaml": text}}, "kubectl-create"
    )
    before, (pod,) = owned(bench), bench.cluster.list(POD)

    run = bench.up()
    assert steps(run) == []
    spliced = text.replace("  # all the rest", f"{LINES}  # all the rest")
    assert bench.get(HOLDER)["data"]["config.yaml"] == spliced
    (restarted,) = bench.cluster.list(POD)
    assert annotation("immich-icloud/reference") in restarted["metadata"]["annotations"]
    assert changed(bench.up()) == []
    assert bench.cluster.list(POD)[0]["metadata"]["uid"] == restarted["metadata"]["uid"] != pod["metadata"]["uid"]

    bench.destroy()
    assert owned(bench) == before
