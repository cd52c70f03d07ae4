"""`python -m review`: what a change would do, as one comment on its pull request.

    rehearse STACK BASE [--comment FILE] [--allow-data-loss]   without the cluster: `make review BASE=main`
    preview STACK [--base BASE] [--comment FILE] [--allow-data-loss]   on the cluster, by the released Pulumi CLI
    post FILE [--pull N]                                       make the pull request's comment, or update it
    relay FILE                                                 the same in a `workflow_run` workflow, for a fork
    issue STACK FILE                                           open, update or close the issue of what verify found
    allowance [--pull N | --commit SHA]                        print --allow-data-loss where the label allows it

The comment goes to FILE, or to stdout; in a workflow to its summary, too. The last four talk to GitHub with
GITHUB_TOKEN, and know repository and pull request from what GitHub Actions has in the environment.

Exit status: 0 fine, 1 refused by a guard or red, 2 wrong usage, 130 interrupted.
"""

import argparse
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from rich.console import Console

from engine import change_policy
from lab import toolchain
from lab.errors import LabError
from ops import deploy
from ops.stack import StackError
from review import comment
from review.comment import Review
from review.embedded import Embedded, embedded
from review.github import GitHub, GitHubError, Occasion, decoded
from review.issue import address, issue
from review.rehearse import Change, noted, rehearse
from review.repository import Repository, RepositoryError
from text.command import Command
from text.visible import visible_lines

# What a review leaves that is killed: the comment of an earlier commit must not stay.
_UNFINISHED: Final = "the review did not finish. Its log has the reason"
_INTERRUPTED: Final = 130  # the shell's status of a program that Ctrl-C ended

console = Console(highlight=False, stderr=True)


def _say(words: str) -> None:
    console.print(visible_lines(words), markup=False, soft_wrap=True)


def _rehearse(asked: argparse.Namespace) -> bool:
    """Deploy what the change started from, then the change, to an embedded control plane."""
    change = Change(asked.stack, asked.base, asked.allow_data_loss)
    place = partial(_control_plane, asked.stack)
    return _reviewed(change.review, asked, lambda: rehearse(change, Repository(Path.cwd()), place, _say))


def _control_plane(stack: str) -> AbstractContextManager[Embedded]:
    return embedded(stack, toolchain.ensure(console))


def _preview(asked: argparse.Namespace) -> bool:
    """Preview the stack on its cluster."""
    command = str(Command("preview", asked.stack))
    review = Review(asked.stack, "preview", command, allowed=asked.allow_data_loss)
    return _reviewed(review, asked, lambda: replace(review, preview=deploy.preview(asked.stack)))


def _reviewed(review: Review, asked: argparse.Namespace, find: Callable[[], Review]) -> bool:
    """Review, and tell what is found. Until then, the comment says that the review did not finish."""
    if asked.comment:
        asked.comment.write_text(comment.write(replace(review, problems=(_UNFINISHED,))))
    return _told(_found(review, asked.base, find), asked)


def _found(review: Review, base: str | None, find: Callable[[], Review]) -> Review:
    """What is found, or else the review with why nothing is: the comment of an earlier commit must not stay."""
    try:
        found = find()
        return noted(found, Repository(Path.cwd()), base) if base else found
    except (LabError, OSError, RepositoryError, StackError) as error:
        return replace(review, problems=(str(error),))
    except Exception:  # noqa: BLE001 (a fault of the review's own must not leave a passing comment)
        traceback.print_exc()
        return replace(review, problems=("the review itself failed. Its log has the traceback: please report it",))


def _told(review: Review, asked: argparse.Namespace) -> bool:
    text = comment.write(review)
    if asked.comment:
        asked.comment.write_text(text)
    else:
        sys.stdout.write(text)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a") as file:
            file.write(text)
    for problem in review.problems:
        _say(f"error: {problem}")
    if review.refused and not review.allowed:
        _say(change_policy.refusal(review.refused, review.command))
    return review.passes


def _post(asked: argparse.Namespace) -> bool:
    """Make the pull request's comment, or update it."""
    occasion = Occasion.of(os.environ)
    with GitHub.of(os.environ) as github:
        _say(github.comment(asked.pull or occasion.pull, decoded(asked.file.read_bytes()) + occasion.last_line))
    return True


def _relay(asked: argparse.Namespace) -> bool:
    """Make or update the comment for a fork, whose own workflow may not."""
    origin = Occasion.of(os.environ).origin
    with GitHub.of(os.environ) as github:
        for line in github.relay(origin, asked.file.read_bytes()):
            _say(line)
    return True


def _issue(asked: argparse.Namespace) -> bool:
    """Open, update or close the issue about a stack, by what `make verify ARGS=--json` printed."""
    with GitHub.of(os.environ) as github:
        _say(github.keep_issue(issue(asked.stack, asked.file, address(os.environ))))
    return True


def _allowance(asked: argparse.Namespace) -> bool:
    """Print the option that the pull request's label stands for."""
    with GitHub.of(os.environ) as github:
        labels = (
            github.labels_of_commit(asked.commit)
            if asked.commit
            else github.labels(asked.pull or Occasion.of(os.environ).pull)
        )
    if change_policy.LABEL in labels:
        sys.stdout.write(f"{change_policy.ALLOWED}\n")
    return True


_COMMANDS: Final[dict[str, Callable[[argparse.Namespace], bool]]] = {
    "rehearse": _rehearse,
    "preview": _preview,
    "post": _post,
    "relay": _relay,
    "issue": _issue,
    "allowance": _allowance,
}


def _stack(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise argparse.ArgumentTypeError(f"{name!r} is no name of a stack")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="review", description="What a change would do, as a comment.")
    commands = parser.add_subparsers(required=True, dest="command")
    described = {name: commands.add_parser(name, help=command.__doc__) for name, command in _COMMANDS.items()}
    for name in ("rehearse", "preview", "issue"):
        described[name].add_argument("stack", type=_stack)
    for name in ("rehearse", "preview"):
        described[name].add_argument("--comment", type=Path, metavar="FILE", help="Where the comment goes.")
        described[name].add_argument(change_policy.ALLOWED, action="store_true", help=change_policy.HELP)
    described["preview"].add_argument("--base", help="Name what the change touches, since here, of what judges it.")
    described["rehearse"].add_argument("base", help="What the change is compared with: a branch, or a commit.")
    for name in ("post", "relay", "issue"):
        described[name].add_argument("file", type=Path)
    described["post"].add_argument("--pull", type=int, metavar="N", help="The pull request's number.")
    which = described["allowance"].add_mutually_exclusive_group()
    which.add_argument("--pull", type=int, metavar="N", help="The pull request's number.")
    which.add_argument("--commit", metavar="SHA", help="A commit that a pull request brought.")
    return parser


def _stop(_signal: int, _frame: object) -> NoReturn:
    # Only the cleanup is left, which must not be interrupted.
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Run one command; expected faults are one line."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, _stop)
    asked = _parser().parse_args()
    try:
        sys.exit(not _COMMANDS[asked.command](asked))
    except (GitHubError, LabError, OSError, RepositoryError, StackError) as error:
        _say(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        _say("Interrupted; nothing is left of the review.")
        # Not sys.exit: a thread of the engine's client may still wait for the engine that was just ended.
        os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
