"""No pod of this stack is without a NetworkPolicy, and those that only mount the disk reach nothing."""

from pathlib import Path

import pytest

from components import images, sign_in_page
from preflight.selectors import matches
from settings import parse
from tests.stack_files import VALID, configuration, secrets
from tests.stated import objects


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_each_pod_of_a_stack_has_one_policy_in_its_namespace(file: Path) -> None:
    settings = parse(configuration(file), secrets(file))
    made = list(objects(settings))
    measured = getattr(getattr(settings.cloudflare, "cloudflared", None), "metrics_from", None)
    policies = [one for one in made if one["kind"] == "NetworkPolicy"]
    for manifest in made:
        spec = manifest.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template", {})
        if "labels" not in template.get("metadata", {}):
            assert manifest["kind"] not in {"Job", "CronJob"}, "no NetworkPolicy can select it"
            continue  # entries of Immich's
        labels, namespace = template["metadata"]["labels"], manifest["metadata"]["namespace"]
        selecting = [
            one["spec"]
            for one in policies
            if one["metadata"]["namespace"] == namespace and matches(one["spec"]["podSelector"], labels)
        ]
        # One more lets the connector in to a page to sign in. Where it is stated, Prometheus is let in to it.
        has_a_page = sign_in_page.LABEL in labels
        assert len(selecting) == 1 + has_a_page, manifest["metadata"]
        is_measured = manifest["kind"] == "Deployment" and measured is not None
        assert any(one.get("ingress") for one in selecting) is (has_a_page or is_measured)
        assert all("Ingress" in one["policyTypes"] for one in selecting)
        if all(container["image"] == images.BUSYBOX for container in template["spec"]["containers"]):
            assert selecting[0]["policyTypes"] == ["Ingress", "Egress"], "a Job of the disk"
            assert not selecting[0].get("egress")
