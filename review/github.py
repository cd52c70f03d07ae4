"""The one comment on a pull request, and the label that allows what the guards refuse, by GitHub's REST API.

Source: GitHub's documentation of its REST API, version 2022-11-28.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from review.comment import LIMIT, MARKER
from review.markdown import fence
from text.visible import VisibleError

_VERSION: Final = "2022-11-28"
_PAGE: Final = 100
# Who workflows speak as. Somebody else's comment with our marker is not ours.
_US: Final = "github-actions[bot]"
_SHORT: Final = 7  # digits of a commit's hash, of which GitHub makes a link
_SHA: Final = re.compile(r"[0-9a-f]{40}")


class GitHubError(VisibleError):
    """GitHub refuses, or does not answer, or the environment lacks something. `str()` is one line for the user."""


@dataclass(frozen=True)
class Origin:
    """What a workflow ran on that was started from a fork's pull request.

    Attributes:
        owner: who owns the fork.
        branch: the branch there.
        commit: its commit that the workflow ran on.

    """

    owner: str
    branch: str
    commit: str


@dataclass(frozen=True)
class Occasion:
    """What has started a workflow, as GitHub itself tells it."""

    event: Mapping[str, Any]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read it from where GitHub Actions puts it; empty anywhere else."""
        file = environment.get("GITHUB_EVENT_PATH")
        return cls(json.loads(Path(file).read_text()) if file else {})

    @property
    def pull(self) -> int:
        """Number of the pull request that has started it.

        Raises:
            GitHubError: when none has.

        """
        number = self.event.get("pull_request", {}).get("number")
        if not isinstance(number, int):
            raise GitHubError("no pull request has started this: name it with --pull")
        return number

    @property
    def last_line(self) -> str:
        """What a comment ends with: which commit it speaks of, where a pull request has started this."""
        commit = self.event.get("pull_request", {}).get("head", {}).get("sha", "")
        return f"\nOf commit {commit[:_SHORT]}.\n" if _SHA.fullmatch(commit) else ""

    @property
    def origin(self) -> Origin:
        """What the workflow ran on that came before.

        Raises:
            GitHubError: when none did.

        """
        run = self.event.get("workflow_run")
        if not run:
            raise GitHubError("no workflow came before this one: relay belongs into one that runs on workflow_run")
        fork = run.get("head_repository") or {}
        return Origin(fork.get("owner", {}).get("login", ""), run["head_branch"], run["head_sha"])


class GitHub:
    """One repository."""

    def __init__(self, repository: str, client: httpx.Client) -> None:
        """Nothing is asked yet; `client` knows the API's address and the token."""
        self._repository, self._client = f"/repos/{repository}", client

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Connect as the environment says.

        Raises:
            GitHubError: when something is missing there.

        """
        for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY"):
            if not environment.get(name):
                raise GitHubError(f"{name} is not set")
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {environment['GITHUB_TOKEN']}",
            "X-GitHub-Api-Version": _VERSION,
        }
        url = environment.get("GITHUB_API_URL", "https://api.github.com")
        return cls(environment["GITHUB_REPOSITORY"], httpx.Client(base_url=url, headers=headers, timeout=30))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def comment(self, pull: int, text: str) -> str:
        """Make a pull request's comment, or update the one with the same first line.

        Args:
            pull: the pull request's number.
            text: the comment; its first line is its marker.

        Raises:
            GitHubError: when the text is none of ours, or GitHub refuses.

        """
        marker = text.partition("\n")[0]
        if not MARKER.fullmatch(marker):
            raise GitHubError("the file is no review: it does not begin with its marker")
        if len(text.encode()) > LIMIT:
            raise GitHubError(f"the comment has {len(text.encode())} bytes. Allowed: {LIMIT}")
        for one in self._pages(f"/issues/{pull}/comments"):
            if one["user"] and one["user"]["login"] == _US and (one["body"] or "").splitlines()[:1] == [marker]:
                if one["body"].splitlines() == text.splitlines():
                    return f"The comment on pull request {pull} says so already."
                self._ask("PATCH", f"/issues/comments/{one['id']}", {"body": text})
                return f"The comment on pull request {pull} is updated."
        self._ask("POST", f"/issues/{pull}/comments", {"body": text})
        return f"Pull request {pull} has its comment."

    def relay(self, origin: Origin, content: bytes) -> Iterator[str]:
        """Comment on the open pull requests that a fork's branch is in, as it is now.

        Nothing of the content is trusted: it may come from the fork's own program. Where it goes is said by GitHub.

        Raises:
            GitHubError: when the text can't be a comment, or GitHub refuses.

        """
        text = _disarmed(content, origin)
        head = {"state": "open", "head": f"{origin.owner}:{origin.branch}"}
        pulls = [one for one in self._pages("/pulls", head) if one["head"]["sha"] == origin.commit]
        if not pulls:
            yield f"No open pull request is at {origin.commit} of {origin.owner}: nothing to comment on."
        for one in pulls:
            yield self.comment(one["number"], text)

    def labels(self, pull: int) -> set[str]:
        """Read a pull request's labels.

        Raises:
            GitHubError: when GitHub refuses.

        """
        return _labels([self._ask("GET", f"/pulls/{pull}")])

    def labels_of_commit(self, commit: str) -> set[str]:
        """Read the labels of the pull requests whose merge brought a commit.

        Raises:
            GitHubError: when it is no commit's hash, or GitHub refuses.

        """
        if not _SHA.fullmatch(commit):
            raise GitHubError(f"{commit!r} is no commit's full hash")
        pulls = self._pages(f"/commits/{commit}/pulls")
        return _labels(one for one in pulls if one["merged_at"] and one["merge_commit_sha"] == commit)

    def _pages(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[Any]:
        page = 1
        while True:
            items = self._ask("GET", path, query={**(query or {}), "per_page": str(_PAGE), "page": str(page)})
            yield from items
            if len(items) < _PAGE:
                return
            page += 1

    def _ask(
        self, method: str, path: str, body: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None
    ) -> Any:
        try:
            answer = self._client.request(method, f"{self._repository}{path}", json=body, params=query)
        except httpx.HTTPError as error:
            raise GitHubError(f"GitHub can't be asked ({method} {self._repository}{path}): {error}") from None
        if answer.is_success:
            return answer.json()
        raise GitHubError(f"GitHub refuses {method} {self._repository}{path}: {answer.status_code}{_words(answer)}")


def _words(answer: httpx.Response) -> str:
    try:
        told = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f" {' '.join(str(told).split())}"


def _labels(pulls: Iterable[Any]) -> set[str]:
    return {label["name"] for pull in pulls for label in pull["labels"]}


def _disarmed(content: bytes, origin: Origin) -> str:
    """A stranger's text with whose it is said, as text: no link, no image, nobody's name that GitHub would call."""
    try:
        marker, _, rest = content.decode().partition("\n")
    except UnicodeDecodeError:
        raise GitHubError("the file is no text") from None
    owner = re.sub(r"[^A-Za-z0-9-]", "", origin.owner)
    at = origin.commit[:_SHORT]
    note = (
        f"\n> Made by this pull request's own code, of commit {at} in `{owner}`'s fork. Nobody else has checked it.\n"
    )
    return f"{marker}\n{note}\n{fence(rest.strip())}\n"
