"""What runs for an account in the cluster."""

from clients.conditions import end_of_job
from clients.kubernetes import Manifest, Ref
from components import account_pod, photo_sync, sign_in
from ops.command import CommandError, Stack
from settings.photo_sync import Account
from text.command import Command


def idle_cron_job(stack: Stack, account: Account) -> Manifest:
    """Find the CronJob of an account none of whose Jobs runs: two at once would overwrite each other's session.

    Raises:
        CommandError: when there is no CronJob; when a Job runs, with how to watch or end it.

    """
    namespace = stack.namespace
    cron_job = stack.api.get(Ref("batch/v1", "CronJob", photo_sync.cron_job_name(account.name), namespace))
    if cron_job is None:
        raise CommandError(f"the cluster has no CronJob for account {account.name} yet: `{Command('up', stack.name)}`")
    labelled = f"{account_pod.ACCOUNT}={account.name}"
    for job in stack.api.list(Ref("batch/v1", "Job", "", namespace), labelSelector=labelled):
        if end_of_job(job) is None:
            raise CommandError(_at_work(job, account, namespace))
    return cron_job


def _at_work(job: Manifest, account: Account, namespace: str) -> str:
    name, made = job["metadata"]["name"], job["metadata"].get("creationTimestamp", "")
    if name.startswith(sign_in.prefix(account)):
        return (
            f"Job {name} belongs to a `make icloud-login` of account {account.name} that started at {made}. If that "
            f"command was killed, its pod stays for {sign_in.LASTS // 60} minutes. Remove it, then try again: "
            f"`kubectl delete job --namespace {namespace} {name}`"
        )
    return (
        f"Job {name} is running for account {account.name}. Follow it with "
        f"`kubectl logs --follow --namespace {namespace} job/{name}`, or wait until it ends"
    )
