"""`make mark-disk`: somebody looks at a directory and says that it is the photo disk."""

from collections.abc import Callable

from clients import jobs
from clients.kubernetes import OBJECT_MANAGER, Ref
from clients.result import Code
from components import directory
from components.photo_disk import MARK
from ops.command import CommandError, Say, Stack, main, say


def mark_disk(stack: Stack, _account: str | None = None, ask: Callable[[str], str] = input, say: Say = say) -> None:
    """Show what stands in the photo directory's place, ask whether it is the right one, and mark it.

    Raises:
        CommandError: when the answer is not the directory's path, or what was found can't be read.
        JobError: when there is no directory, when it changed between look and mark, or when a pod does not come up.
        ClusterError: when the API server refuses or does not answer.

    """
    storage = stack.settings.storage
    place = directory.place(storage)
    say(f"Looking at {place}. Many files take minutes to count.")
    found = jobs.run(stack.api, directory.look(storage, stack.namespace), say, lambda fact: say(f"  {fact}"))
    if found and found.code == Code.MARKED:
        say(f"{place} is marked as the photo disk already ({MARK}). Nothing was changed.")
        return
    if found is None or not found.fingerprint:
        raise CommandError("what the look found could not be read, so nothing was marked. Try again")
    say(
        "It has no mark. With one, photos are written to it and Immich takes it for all that there is: what is missing "
        "in it, Immich trashes. Mark it only if it is the disk with the photos, or a new one for them."
    )
    try:
        answer = ask(f"Type {place} to mark it: ")
    except EOFError:
        answer = ""
    if answer.strip() != place:
        raise CommandError(f"that is not {place}: nothing was marked")
    jobs.run(stack.api, directory.mark(storage, stack.namespace, found.fingerprint), say)
    record = directory.record(stack.namespace, stack.ownership)
    if stack.api.get(Ref.of(record)) is None:  # so that no `up` makes another directory when the disk is gone
        stack.api.create(record, OBJECT_MANAGER)
    say(f"{place} is marked. Immich's pod starts by itself. A sync that was refused runs at its next time.")


if __name__ == "__main__":
    main(mark_disk)
