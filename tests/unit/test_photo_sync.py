"""What fetches photos, as it is stated in the cluster, on Pulumi's mocks."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components import images, pod_security
from components.ownership import Ownership
from components.photo_sync import arrangement, fetching, sync
from components.plan import Found, plan
from components.pod_security import Level
from tests.accounts import APPLE_ID, PASSWORD, household
from tests.objects import SERVERS, STACK
from tests.unit.recording import Recording, deployed

IMMICH = Found(SERVERS)
NFS = {"kind": "nfs", "server": "nas.lan", "path": "/export/photos", "owner": {"uid": 1000, "gid": 1001}}


@pytest.fixture(scope="module")
def stack() -> Recording:
    return deployed(household({"name": "anna"}, {"name": "ben"}), IMMICH)


def pod(stack: Recording, account: str = "anna") -> dict[str, Any]:
    spec = stack.one("CronJob", f"icloud-sync-{account}").inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return dict(spec)


def environment(stack: Recording, account: str) -> dict[str, str]:
    (container,) = pod(stack, account)["containers"]
    return {pair["name"]: pair["value"] for pair in container["env"] if "value" in pair}


def test_without_accounts_nothing_is_fetched() -> None:
    base = household()
    nobody = base.model_copy(update={"photo_sync": base.photo_sync.model_copy(update={"accounts": ()})})
    stack = deployed(nobody, IMMICH)
    assert [stack.all(kind) for kind in ("CronJob", "Secret")] == [[], []]
    assert [one.inputs["metadata"]["name"] for one in stack.all("NetworkPolicy")] == ["photo-disk"]
    assert plan(nobody, IMMICH, Ownership(STACK)).outputs.accounts is None


def test_each_account_has_what_is_its_own(stack: Recording) -> None:
    for account in ("anna", "ben"):
        volumes = {volume["name"]: volume for volume in pod(stack, account)["volumes"]}
        cookies = stack.one("PersistentVolumeClaim", f"icloud-cookies-{account}")
        secret = stack.one("Secret", f"icloud-credentials-{account}")
        assert volumes["photos"]["persistentVolumeClaim"]["claimName"] == "icloud-photos"
        assert volumes["cookies"]["persistentVolumeClaim"]["claimName"] == cookies.inputs["metadata"]["name"]
        assert volumes["credentials"]["secret"]["secretName"] == secret.inputs["metadata"]["name"]


def test_the_first_account_imports_to_the_folder_that_immich_knows_and_others_beside_it(stack: Recording) -> None:
    assert environment(stack, "anna")["FOLDER"] == "icloud-import"
    assert environment(stack, "ben")["FOLDER"] == "icloud-import-ben"
    (job,) = stack.one("Job").inputs["spec"]["template"]["spec"]["containers"]
    assert {"name": "FOLDERS", "value": "icloud-import icloud-import-ben"} in job["env"]


def test_it_runs_monthly_once_at_a_time_and_never_again_by_itself(stack: Recording) -> None:
    spec = stack.one("CronJob", "icloud-sync-anna").inputs["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("0 2 1 * *", "Etc/UTC", "Forbid")
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 3)
    job = spec["jobTemplate"]["spec"]
    assert (job["backoffLimit"], job["template"]["spec"]["restartPolicy"]) == (0, "Never")
    assert job["activeDeadlineSeconds"] == 3 * 24 * 3600


def test_the_schedule_is_in_the_households_time() -> None:
    elsewhere = deployed(household(timeZone="Europe/Berlin", schedule="0 4 * * sun"), IMMICH)
    spec = elsewhere.one("CronJob").inputs["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("0 4 * * sun", "Europe/Berlin")
    assert environment(elsewhere, "anna")["TZ"] == "Europe/Berlin"


def test_it_runs_as_the_owner_of_the_directory_and_can_do_little(stack: Recording) -> None:
    spec = pod(stack)
    whole, (container,) = spec["securityContext"], spec["containers"]
    assert (whole["runAsUser"], whole["runAsGroup"], whole["runAsNonRoot"]) == (1000, 1001, True)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod_security.needed(spec) == "restricted"
    assert spec["automountServiceAccountToken"] is False
    assert container["resources"]["limits"]["memory"]


OWNER = {"uid": 1000, "gid": 1001}
ON_NODE = {"node": "n", "path": "/var/mnt/photos"}
HANDLES = {"driver": "smb.csi.k8s.io", "volumeHandle": "a", "immichVolumeHandle": "b"}


@pytest.mark.parametrize(
    "storage",
    [{"kind": "hostPath"} | ON_NODE, {"kind": "local"} | ON_NODE, NFS, {"kind": "csi"} | HANDLES],
    ids=lambda storage: storage["kind"],
)
def test_no_pod_that_mounts_the_photos_has_the_kubelet_rewrite_their_groups(storage: dict[str, Any]) -> None:
    planned = plan(household(storage=storage | {"owner": OWNER}), IMMICH, Ownership(STACK))
    assert "fsGroup" not in str([*(managed.manifest for managed in planned.managed_objects()), *planned.fragments()])


def test_the_secret_can_be_read_without_a_group_of_its_own(stack: Recording) -> None:
    (secret,) = (volume["secret"] for volume in pod(stack)["volumes"] if "secret" in volume)
    assert secret["defaultMode"] == 0o444
    assert len(pod(stack)["containers"]) == 1


def test_icloudpd_finds_room_to_unpack_itself(stack: Recording) -> None:
    (container,) = pod(stack)["containers"]
    (tmp,) = [volume for volume in pod(stack)["volumes"] if volume["name"] == "tmp"]
    assert tmp["emptyDir"] == {"sizeLimit": "256Mi"}
    assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]  # noqa: S108
    assert environment(stack, "anna")["TMPDIR"] == "/tmp"  # noqa: S108
    assert container["workingDir"] == "/tmp"  # noqa: S108


@pytest.mark.parametrize(("storage", "level"), [(None, "privileged"), (NFS, "restricted")], ids=["hostPath", "nfs"])
def test_the_namespace_lets_it_in_and_no_more(storage: dict[str, Any] | None, level: Level) -> None:
    stack = deployed(household(storage=storage), IMMICH)
    assert stack.one("Namespace").inputs["metadata"]["labels"] == pod_security.labels(level)


def test_on_a_node_that_is_a_control_plane_it_may_run_where_the_photos_are(stack: Recording) -> None:
    assert pod(stack)["tolerations"][0]["key"] == "node-role.kubernetes.io/control-plane"
    assert "tolerations" not in pod(deployed(household(storage=NFS), IMMICH))


def test_credentials_are_secret_and_only_in_their_secret(stack: Recording) -> None:
    secret = stack.one("Secret", "icloud-credentials-anna")
    assert secret.inputs["stringData"] == {"appleId": APPLE_ID, "password": PASSWORD}
    assert "stringData" in secret.secrets
    others = str([resource.inputs for resource in stack.resources if resource.kind != "Secret"])
    assert PASSWORD not in others
    assert APPLE_ID not in others


def test_nothing_comes_in_and_only_names_and_https_go_out(stack: Recording) -> None:
    policy = stack.one("NetworkPolicy", "icloud-sync").inputs["spec"]
    ports = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == []
    assert policy["egress"] == [{"ports": ports}, {"ports": [{"protocol": "TCP", "port": 443}]}]
    for account in ("anna", "ben"):
        template = stack.one("CronJob", f"icloud-sync-{account}").inputs["spec"]["jobTemplate"]["spec"]["template"]
        assert policy["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()


@pytest.mark.parametrize("storage_class", [None, "local-path"])
def test_cookies_lie_on_a_volume_of_the_clusters_choice(storage_class: str | None) -> None:
    cookie_volume = {"storageClass": storage_class} if storage_class else {}
    stack = deployed(household(cookieVolume=cookie_volume), IMMICH)
    claim = stack.one("PersistentVolumeClaim", "icloud-cookies-anna").inputs
    assert claim["spec"].get("storageClassName") == storage_class
    assert claim["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true", "its first pod may be a month away"


def test_the_sync_comes_after_directory_claim_and_credentials(stack: Recording) -> None:
    cron_job = stack.one("CronJob", "icloud-sync-anna")
    for earlier in (
        stack.one("Job"),
        stack.one("PersistentVolumeClaim", "icloud-photos"),
        stack.one("Secret", "icloud-credentials-anna"),
        stack.one("NetworkPolicy", "icloud-sync"),
    ):
        assert stack.comes_after(cron_job, earlier), earlier.name


def test_preflight_is_asked_about_each_object(stack: Recording) -> None:
    named = {
        (managed.ref.kind, managed.ref.name)
        for managed in plan(household(), IMMICH, Ownership(STACK)).managed_objects()
    }
    made = {(r.kind, r.inputs["metadata"]["name"]) for r in stack.resources if r.type.startswith("kubernetes:")}
    assert {pair for pair in made if not pair[1].endswith("-ben")} <= named


def test_the_space_that_stays_free_is_told_in_mebibytes() -> None:
    assert environment(deployed(household(minFreeSpace="50G"), IMMICH), "anna")["FLOOR"] == "47683"


def test_what_to_do_about_a_session_that_is_over_names_stack_and_account(stack: Recording) -> None:
    assert environment(stack, "ben")["LOGIN"] == "make icloud-login STACK=test ACCOUNT=ben"
    assert environment(stack, "ben")["UP"] == "make up STACK=test"


def test_outputs() -> None:
    settings = household({"name": "anna"}, {"name": "ben"}, timeZone="Europe/Berlin")
    assert plan(settings, IMMICH, Ownership(STACK)).outputs.accounts == [
        {
            "name": name,
            "folder": f"/external/icloud/{folder}",
            "cron_job": f"photo-sync/icloud-sync-{name}",
            "schedule": "0 2 1 * * (Europe/Berlin)",
        }
        for name, folder in (("anna", "icloud-import"), ("ben", "icloud-import-ben"))
    ]


def test_the_script_has_no_secrets_in_it() -> None:
    """It is part of the CronJob, which everybody reads who may look at the namespace."""
    script = Path(__file__).parents[2] / "components" / "sync.sh"
    assert '<"$CREDENTIALS/password"' in script.read_text()
    assert "--password " not in script.read_text()


def test_an_account_can_have_another_client() -> None:
    settings = household({"name": "anna"}, {"name": "ben", "client": "rclone", "albums": ["Summer"]})
    planned = sync(settings, Ownership(STACK))
    assert planned
    templates = [account.cron_job["spec"]["jobTemplate"]["spec"]["template"] for account in planned.accounts]
    containers = [template["spec"]["containers"][0] for template in templates]
    assert [container["image"] for container in containers] == [images.ICLOUDPD, images.RCLONE]
    assert containers[1]["command"][-4:] == ["with_rclone", "/usr/local/bin/rclone", "PrimarySync", "Summer"]
    assert arrangement(planned.accounts[1].cron_job) == "icloud-import-ben rclone albums"
    (chosen,) = planned.network_policy["spec"]["podSelector"]["matchExpressions"]
    labels = [template["metadata"]["labels"][chosen["key"]] for template in templates]
    assert (chosen["operator"], chosen["values"]) == ("In", labels)


def test_the_container_that_fetches_is_known_beside_those_of_others() -> None:
    ours = {"name": "icloudpd", "env": [{"name": "MARK"}, {"name": "FOLDER", "value": "icloud-import"}]}
    others = [{"name": "bare"}, {"name": "proxy", "env": [{"name": "TZ"}]}]
    assert fetching({"initContainers": [*others, ours], "containers": others}) == ours
    assert fetching({"containers": [*others, ours]}) == ours


@pytest.mark.parametrize("keys", [{"sizes": ["original"]}, {"livePhotos": "none"}, {"recent": 1}, {"untilFound": 1}])
def test_what_only_icloudpd_has_is_refused_with_rclone(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="rclone"):
        household({"name": "anna", **keys}, client="rclone")
    assert household({"name": "anna", "client": "icloudpd", **keys}, client="rclone").photo_sync.client == "rclone"
