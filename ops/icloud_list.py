"""`make icloud-list`: what an account has at Apple, for `library` and `albums` in the settings."""

from clients import jobs
from components import list_icloud
from ops.account_jobs import idle_cron_job
from ops.command import Say, Stack, main, say


def icloud_list(stack: Stack, asked: str | None, say: Say = say) -> None:
    """List an account's libraries, and the albums of its own one.

    Raises:
        CommandError: when there is no such account, or it is not deployed; when one of its Jobs runs.
        JobError: when Apple does not tell.
        ClusterError: when the API server refuses or does not answer.

    """
    account = stack.account(asked)
    idle_cron_job(stack, account)
    jobs.run(stack.api, list_icloud.job(account, stack.settings, stack.ownership), say, say)


if __name__ == "__main__":
    main(icloud_list)
