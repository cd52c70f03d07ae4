"""No pod of this stack is without a NetworkPolicy, and those that only mount the disk reach nothing."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from clients.kubernetes import Manifest
from clients.result import Code, Result
from components import directory, disk_check, sign_in, sign_in_page
from components.connector import Origin
from components.ownership import Ownership
from components.plan import Found, Plan, plan
from preflight.selectors import matches
from settings import Settings, parse
from settings.cloudflare import OwnTunnel
from tests.accounts import household
from tests.objects import SERVERS, STACK
from tests.stack_files import VALID, configuration, secrets
from tests.stated import objects

OWNERSHIP = Ownership(STACK)
SIGHT = Result(code=Code.UNMARKED, message="", id="none", filesystem="1-1", fingerprint="1-1")
SETTINGS = household().model_copy(update={"cloudflare": OwnTunnel(kind="ownTunnel")})


def planned(settings: Settings) -> Plan:
    return plan(settings, Found(SERVERS, origin=Origin("immich", {"app": "immich"}, 2283)), OWNERSHIP)


def disk_jobs(settings: Settings) -> Iterator[Manifest]:
    yield planned(settings).directory_job.manifest
    yield directory.look(settings.storage, settings.photo_sync.namespace)
    yield directory.mark(settings.storage, [], settings.photo_sync.namespace, OWNERSHIP, SIGHT, "1-aa")
    yield disk_check.job(settings, OWNERSHIP)


def policies_of(pod: Manifest, whole: Plan) -> list[Manifest]:
    every = [one.manifest for one in whole.managed_objects() if one.manifest["kind"] == "NetworkPolicy"]
    return [one["spec"] for one in every if matches(one["spec"]["podSelector"], pod["metadata"]["labels"])]


def test_jobs_of_the_disk_have_no_network() -> None:
    for job in disk_jobs(SETTINGS):
        (policy,) = policies_of(job["spec"]["template"], planned(SETTINGS))
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert not policy.get("ingress")
        assert not policy.get("egress")
        assert job["metadata"]["namespace"] == "photo-sync"


def test_every_other_pod_accepts_no_connections() -> None:
    whole = planned(SETTINGS)
    (account,) = SETTINGS.photo_sync.accounts
    assert whole.sync
    assert whole.connector
    pods = [
        whole.sync.accounts[0].cron_job["spec"]["jobTemplate"]["spec"]["template"],
        sign_in.job(account, SETTINGS, OWNERSHIP, date(2026, 11, 27))["spec"]["template"],
        whole.connector.deployment["spec"]["template"],
    ]
    for pod in pods:
        (policy,) = policies_of(pod, whole)
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert not policy.get("ingress")


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_each_pod_of_a_stack_has_one_policy_in_its_namespace(file: Path) -> None:
    made = list(objects(parse(configuration(file), secrets(file))))
    policies = [one for one in made if one["kind"] == "NetworkPolicy"]
    for manifest in made:
        spec = manifest.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template", {})
        if "labels" not in template.get("metadata", {}):
            assert manifest["kind"] not in {"Job", "CronJob"}, "no NetworkPolicy can select it"
            continue  # entries of Immich's
        labels, namespace = template["metadata"]["labels"], manifest["metadata"]["namespace"]
        selecting = [
            one
            for one in policies
            if one["metadata"]["namespace"] == namespace and matches(one["spec"]["podSelector"], labels)
        ]
        # One more lets the connector in to a page to sign in.
        assert len(selecting) == 1 + (sign_in_page.LABEL in labels), manifest["metadata"]
