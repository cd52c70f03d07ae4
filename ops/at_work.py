"""Whether a Job of an account runs."""

from components import photo_sync
from ops.command import CommandError, Stack
from providers.cluster_api import Manifest, Ref
from settings.photo_sync import Account


def refuse_while_at_work(stack: Stack, account: Account) -> None:
    """See that no Job of an account runs: two at once would overwrite each other's session.

    Raises:
        CommandError: when one does, with how to watch it.

    """
    namespace = stack.namespace
    for job in stack.api.list(
        Ref("batch/v1", "Job", "", namespace), labelSelector=f"{photo_sync.ACCOUNT}={account.name}"
    ):
        if not _is_over(job):
            name = job["metadata"]["name"]
            raise CommandError(
                f"Job {name} is at work on account {account.name}. Watch it with "
                f"`kubectl logs --follow --namespace {namespace} job/{name}`, or wait until it ends"
            )


def _is_over(job: Manifest) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(c["status"] == "True" and c["type"] in {"Complete", "Failed"} for c in conditions)
