"""`make icloud-login`: sign an account in at Apple, in the cluster, where its photos are fetched."""

from datetime import datetime
from zoneinfo import ZoneInfo

from clients import jobs
from clients.kubernetes import Ref
from components import sign_in
from ops.account_jobs import idle_cron_job
from ops.command import CommandError, Say, Stack, main, say
from ops.conversation import Show, Typed, UpToResult, converse, keyboard, show


def icloud_login(
    stack: Stack, asked: str | None, typed: Typed | None = None, show: Show = show, say: Say = say
) -> None:
    """Sign an account in; whoever types gives the code that Apple sends.

    Raises:
        CommandError: when there is no such account, or it is not deployed; when one of its Jobs runs; when it is
            not signed in.
        JobError: when no pod for it comes up.
        ClusterError: when the API server refuses or does not answer.

    """
    account = stack.account(asked)
    idle_cron_job(stack, account)
    today = datetime.now(ZoneInfo(stack.settings.photo_sync.time_zone)).date()
    job = sign_in.job(account, stack.settings, stack.ownership, today)
    with jobs.running(stack.api, job, say) as pod:
        say(
            f"Signing account {account.name} in at Apple. Its password comes from the stack's secrets: "
            "type only the code, when it is asked for."
        )
        place = Ref("v1", "Pod", pod["metadata"]["name"], pod["metadata"]["namespace"])
        stream = stack.api.execute(
            place, pod["spec"]["containers"][0]["name"], sign_in.command(account, stack.settings)
        )
        shown = UpToResult(show)
        code = converse(stream, typed or keyboard(), shown)
    if code is None:
        raise CommandError(f"the connection to {place} broke: account {account.name} may not be signed in. Try again")
    if code or shown.result is None:
        raise CommandError(shown.result.message if shown.result else f"account {account.name} is not signed in")
    say(shown.result.message[:1].upper() + shown.result.message[1:] + ".")


if __name__ == "__main__":
    main(icloud_login)
