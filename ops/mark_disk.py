"""`make mark-disk`: a person inspects a directory and confirms that it is the photo disk."""

from collections.abc import Callable

from clients import disk_identity, jobs
from clients.disk_identity import Identity
from clients.kubernetes import ClusterError
from clients.result import Result
from components import directory
from components.photo_disk import MARK
from observe.existing import read_existing
from ops.command import CommandError, Say, Stack, main, say
from text.command import Command

_HAS = {
    "none": "It has no marker file.",
    "old": "Its marker file is one of 0.2, which is equal on every disk.",
}


def mark_disk(stack: Stack, _account: str | None = None, ask: Callable[[str], str] = input, say: Say = say) -> None:
    """Show what stands in the photo directory's place, ask whether it is the right one, and mark it with a new id.

    The disk gets its id first, then the cluster: until the command has come to its end, the disk is refused at worst.

    Raises:
        CommandError: when the answer is not the directory's path, or what was found can't be read.
        JobError: when there is no directory, when it changed between look and mark, or when a pod does not come up.
        ClusterError: when the API server refuses or does not answer.

    """
    storage, settings = stack.settings.storage, stack.settings
    place = directory.place(storage)
    places = directory.identity(stack.namespace, settings.immich.namespace, stack.ownership)
    holds = disk_identity.known(stack.api, places, stack.ownership.other_names)
    say(f"Looking at {place}. Many files take minutes to count.")
    sight = jobs.run(
        stack.api, directory.look(storage, stack.namespace, _node(stack)), say, lambda fact: say(f"  {fact}")
    )
    if sight is None or not (sight.id and sight.filesystem and sight.fingerprint):
        raise CommandError("what the look found could not be read, so nothing was marked. Try again")
    marked = sight.id == holds.id
    if marked:
        former = stack.ownership.other_names
        disk_identity.settle(
            stack.api, places, former=former, marked=True
        )  # where an earlier run of this command was killed
        say(f"{place} is marked as the photo disk already ({MARK}). Marked again, every copy of it is another disk.")
    else:
        say(
            f"{_HAS.get(sight.id, 'It has the marker file of another disk.')} Once marked, photos are written to it. "
            "Immich treats it as complete, and moves photos that are missing on it to its trash. Every disk that was "
            "marked before is refused from then on. Mark it only if it is the disk with the photos, or a new one for "
            "them."
        )
    try:
        answer = ask(f"Type {place} to mark it: ")
    except EOFError:
        answer = ""
    if answer.strip() != place:
        if marked:
            say("Nothing was changed.")
            return
        raise CommandError(f"that is not {place}: nothing was marked")
    _mark(stack, sight, holds.next(), say)
    say(f"{place} is marked. Immich's pod starts by itself. A sync that was refused runs at its next time.")


def _node(stack: Stack) -> str:
    seen = read_existing(stack.api, stack.settings)
    return seen.node if seen else ""


def _mark(stack: Stack, sight: Result, new: Identity, say: Say) -> None:
    storage, settings = stack.settings.storage, stack.settings
    folders = settings.photo_sync.import_folders
    places = directory.identity(stack.namespace, settings.immich.namespace, stack.ownership)
    jobs.run(
        stack.api, directory.mark(storage, folders, stack.namespace, stack.ownership, sight, new.id, _node(stack)), say
    )
    try:
        disk_identity.write(stack.api, places, Identity(new.id, marked=True), stack.ownership.other_names)
    except ClusterError as error:
        again = Command("mark-disk", stack.name)
        raise CommandError(
            f"the disk has a new id, and the cluster does not know it: {error}. Again: {again}"
        ) from None


if __name__ == "__main__":
    main(mark_disk)
