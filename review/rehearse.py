"""A change rehearsed without its cluster: what it started from is deployed, then what it makes of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from engine.run import Diagnostic, Run
from ops.stack import file_of
from review import libraries, stack_file
from review.comment import Review
from review.embedded import Embedded, Side
from review.libraries import LOCK
from review.markdown import code
from review.repository import Repository, RepositoryError, deployed, judging
from settings import yaml_text
from settings.yaml_text import YamlError

Say = Callable[[str], None]

_HOW = (
    "What {base} has was deployed to an embedded control plane, with stand-ins of Immich and Cloudflare, and then this "
    "change, unless something stands in its way: by the same stack file, but for its cluster and its secrets."
)
_UNTOUCHED = "No program, dependency or stack file is among what it touches, so nothing was deployed to find out."
_LINKED = "is a symbolic link or a submodule, whose content is not compared. Commit the files themselves"


@dataclass(frozen=True)
class Change:
    """What is to be rehearsed.

    Attributes:
        stack: the stack.
        base: what the change is compared with, as someone named it.
        allowed: whether what the change policy refuses is let pass.

    """

    stack: str
    base: str
    allowed: bool

    @property
    def review(self) -> Review:
        """A review without findings."""
        command = f"make review BASE={self.base} STACK={self.stack}"
        return Review(self.stack, "rehearsal", command, allowed=self.allowed)


def rehearse(
    change: Change, repository: Repository, control_plane: Callable[[], AbstractContextManager[Embedded]], say: Say
) -> Review:
    """Rehearse what differs between the merge base and the working tree.

    Args:
        change: what is to be rehearsed.
        repository: the clone, with the change in its working tree.
        control_plane: gets the place to deploy to; called only where something is deployed.
        say: tells how far it is.

    Raises:
        RepositoryError: when the base can't be found.
        StackError: when there is no such stack.
        LabError: when the rehearsal itself does not come up.

    """
    file = file_of(change.stack, repository.tree)
    name = file.name
    commit = repository.merge_base(change.base)
    if linked := repository.leading_away(name):
        return replace(change.review, problems=tuple(f"{path} {_LINKED}" for path in linked))
    if not deployed(repository.changed(commit), name):
        return replace(change.review, notes=(_UNTOUCHED,))
    try:
        head = Side(repository.tree, stack_file.rehearsed(yaml_text.text_of(file)))
    except (YamlError, stack_file.StackFileError) as error:
        return replace(change.review, problems=(f"{name} {error}",))
    with control_plane() as place:
        if problems := place.problems(head):
            return replace(change.review, problems=problems)
        say("starting the control plane")
        place.start()
        base = _deploy_base(place, repository, commit, name, say)
        say("previewing the change")
        preview = place.run("preview", head)
        found = judge(change, base, preview)
        if found.passes:  # what is refused for real is refused here
            say("deploying the change")
            found = replace(found, deployed=place.run("up", head, preview.protected_removals))
        return found


def _deploy_base(place: Embedded, repository: Repository, commit: str, name: str, say: Say) -> Run | None:
    text = repository.file(commit, name)
    if text is None:
        return None
    tree = place.base / "tree"
    try:
        side = Side(tree, stack_file.rehearsed(text))
        repository.extract(commit, tree)
        if LOCK in repository.changed(commit):
            say("installing the libraries that the change started from")
            side = replace(side, python=libraries.install(tree, tree.with_name("libraries")))
    except stack_file.StackFileError as error:
        return Run("up", diagnostics=[Diagnostic("error", f"{name} {error}")])
    except (libraries.LibrariesError, RepositoryError) as error:
        return Run("up", diagnostics=[Diagnostic("error", str(error))])
    say("deploying what the change started from")
    return place.run("up", side)


def noted(review: Review, repository: Repository, base: str) -> Review:
    """Note where a change touches what judges it: its review is then its own.

    Raises:
        RepositoryError: when the base can't be found.

    """
    touched = judging(repository.changed(repository.merge_base(base)))
    note = f"This change touches what judges it: {', '.join(map(code, touched))}. Read that first."
    return replace(review, notes=(note, *review.notes)) if touched else review


def judge(change: Change, base: Run | None, preview: Run) -> Review:
    """Put together what the runs came to.

    Args:
        change: what was rehearsed.
        base: the deployment of what the change started from; None where the stack is new.
        preview: the preview of the change.

    """
    notes = [_HOW.format(base=code(change.base))]
    if base is None:
        notes.append(f"In {code(change.base)} there is no stack {code(change.stack)}: all of it is new.")
    elif not base.succeeded:
        notes.append(f"What {code(change.base)} has can't be deployed itself: {code(' '.join(base.errors))}")
    else:
        # Read back from a cluster, inputs may lack what it leaves out: what main states is exact.
        stated = {(step.type, step.name): step.after for step in base.steps}
        before = [replace(step, before=stated.get((step.type, step.name), step.before)) for step in preview.steps]
        preview = replace(preview, steps=before)
    unguarded = base is not None and not base.succeeded
    return replace(change.review, notes=tuple(notes), preview=preview, unguarded=unguarded)
