"""What runs for an account in the cluster."""

from clients.kubernetes import Manifest, Ref
from components import photo_sync
from ops.command import CommandError, Stack
from settings.photo_sync import Account


def idle_cron_job(stack: Stack, account: Account) -> Manifest:
    """Find the CronJob of an account none of whose Jobs runs: two at once would overwrite each other's session.

    Raises:
        CommandError: when there is no CronJob; when a Job runs, with how to watch it.

    """
    namespace = stack.namespace
    cron_job = stack.api.get(Ref("batch/v1", "CronJob", photo_sync.cron_job_name(account.name), namespace))
    if cron_job is None:
        raise CommandError(f"the cluster has no CronJob for account {account.name} yet: `make up STACK={stack.name}`")
    labelled = f"{photo_sync.ACCOUNT}={account.name}"
    for job in stack.api.list(Ref("batch/v1", "Job", "", namespace), labelSelector=labelled):
        if not _is_over(job):
            name = job["metadata"]["name"]
            raise CommandError(
                f"Job {name} is at work on account {account.name}. Watch it with "
                f"`kubectl logs --follow --namespace {namespace} job/{name}`, or wait until it ends"
            )
    return cron_job


def _is_over(job: Manifest) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(c["status"] == "True" and c["type"] in {"Complete", "Failed"} for c in conditions)
