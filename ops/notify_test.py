"""`make notify-test`: a message to each of notifications.urls, from the pod that would send it."""

from clients import jobs
from components import photo_sync
from ops.command import CommandError, Say, Stack, main, say
from settings import PROJECT
from text.command import Command, ConfigSet


def notify_test(stack: Stack, _account: str | None, say: Say = say) -> None:
    """Send a test, and say which URLs it did not reach.

    Raises:
        CommandError: when no notifications are configured.
        JobError: when it does not reach all of them.
        ClusterError: when the API server refuses or does not answer.

    """
    if not (stack.settings.notifications and stack.settings.notifications.urls):
        raise CommandError(
            f"STACK={stack.name} has no {PROJECT}:notifications.urls. Store one: "
            f"`{ConfigSet(stack.name, f'{PROJECT}:notifications.urls[0]')}`, then `{Command('up', stack.name)}`"
        )
    result = jobs.run(stack.api, photo_sync.notification_test(stack.settings, stack.ownership), say)
    say(result.message if result else "The test was sent.")


if __name__ == "__main__":
    main(notify_test)
