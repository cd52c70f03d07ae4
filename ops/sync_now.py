"""`make sync-now`: one run of an account's CronJob at once, followed to its end."""

from copy import deepcopy

from clients import jobs
from clients.kubernetes import Manifest
from components import photo_sync
from ops.account_jobs import idle_cron_job
from ops.command import Say, Stack, main, say
from ops.compare import compare
from ops.library_scan import scan_library

_INSTANTIATED = "cronjob.kubernetes.io/instantiate"


def sync_now(stack: Stack, asked: str | None, say: Say = say) -> None:
    """Run the sync of an account, show its log as it comes, and say how it ended.

    Raises:
        CommandError: when there is no such account, when it has no CronJob, when it is being synchronised, or when
            Immich lacks photos that the disk has then.
        JobError: when the sync fails, with its last output, or when the disk is gone after it.
        ImmichError: when Immich can't be told to scan its library.
        ClusterError: when the API server refuses or does not answer.

    """
    account = stack.account(asked)
    cron_job = idle_cron_job(stack, account)
    jobs.run(stack.api, manual_run(cron_job), say, say)
    say(f"The sync of account {account.name} is complete.")
    if scan_library(stack, account, say):
        compare(stack, account, say)


def manual_run(cron_job: Manifest) -> Manifest:
    """Build a Job of a CronJob, as `kubectl create job --from` does (source: its create_job.go).

    But for one thing: it does not try again hours later, as someone waits for it.
    """
    template, metadata = deepcopy(cron_job["spec"]["jobTemplate"]), cron_job["metadata"]
    for variable in photo_sync.fetching(template["spec"]["template"]["spec"]).get("env", []):
        if variable["name"] == photo_sync.RETRY_AFTER:
            variable["value"] = ""
    stated = template.get("metadata", {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "generateName": f"{metadata['name']}-manual-",
            "namespace": metadata["namespace"],
            "labels": stated.get("labels", {}),
            "annotations": {**stated.get("annotations", {}), _INSTANTIATED: "manual"},
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "CronJob",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": template["spec"],
    }


if __name__ == "__main__":
    main(sync_now)
