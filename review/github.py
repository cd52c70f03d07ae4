"""One comment on a pull request, one issue of a stack, and the label that allows losses, by GitHub's REST API.

Source: GitHub's documentation of its REST API, version 2022-11-28.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from clients import retry
from clients.deadline import within
from clients.public_trust import public_trust
from clients.retry import TransientError, again
from review.comment import LIMIT, MARKER
from review.issue import Issue
from review.markdown import fence
from text.visible import VisibleError

T = TypeVar("T")

_VERSION: Final = "2022-11-28"
_TIMEOUT: Final = 30  # seconds, of one read and of a whole answer
_PAGE: Final = 100
_PAGES: Final = 1000  # of one list: more than any repository's
# Who workflows speak as. A comment of another author with the marker is not this project's.
_US: Final = "github-actions[bot]"
_SHORT: Final = 7  # digits of a commit's hash, of which GitHub makes a link
_TOKEN: Final = re.compile(r"[!-~]+")  # what a header may hold
_SHA: Final = re.compile(r"[0-9a-f]{40}")


class GitHubError(VisibleError):
    """GitHub refuses, or does not answer, or the environment lacks something. `str()` is one line for the user."""


class UnansweredError(GitHubError, TransientError):
    """GitHub gave no answer, or none that tells whether a write was done."""


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


class Occasion(BaseModel):
    """What has started a workflow, as GitHub itself tells it."""

    pull_request: "_Pull | None" = None
    workflow_run: "_Run | None" = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read it from where GitHub Actions puts it; empty anywhere else.

        Raises:
            GitHubError: when it is not there, or is none of GitHub's.

        """
        file = environment.get("GITHUB_EVENT_PATH")
        try:
            return cls.model_validate_json(Path(file).read_bytes()) if file else cls()
        except (OSError, ValidationError) as error:
            raise GitHubError(f"the event of GITHUB_EVENT_PATH can't be read: {_place(error)}") from None

    @property
    def pull(self) -> int:
        """Number of the pull request that has started it.

        Raises:
            GitHubError: when none has.

        """
        if self.pull_request is None:
            raise GitHubError("no pull request has started this: name it with --pull")
        return self.pull_request.number

    @property
    def last_line(self) -> str:
        """What a comment ends with: which commit it speaks of, where a pull request has started this."""
        commit = self.pull_request.head.sha if self.pull_request else ""
        return f"\nOf commit {commit[:_SHORT]}.\n" if _SHA.fullmatch(commit) else ""

    @property
    def origin(self) -> Origin:
        """What the workflow ran on that came before.

        Raises:
            GitHubError: when none did.

        """
        run = self.workflow_run
        if run is None:
            raise GitHubError("no workflow came before this one: relay belongs into one that runs on workflow_run")
        owner = run.head_repository.owner if run.head_repository else None
        return Origin(owner.login if owner else "", run.head_branch, run.head_sha)


# What is read of GitHub's answers; an answer of another shape is none of GitHub's.


class _User(BaseModel):
    login: str


class _Made(BaseModel):
    id: int


class _Comment(_Made):
    user: _User | None
    body: str | None = None


class _Issue(BaseModel):
    number: int
    user: _User | None
    body: str | None = None
    pull_request: object = None


class _Label(BaseModel):
    name: str


class _Head(BaseModel):
    sha: str = ""


class _Pull(BaseModel):
    number: int
    head: _Head
    labels: list[_Label] = []
    merged_at: str | None = None
    merge_commit_sha: str | None = None


class _Fork(BaseModel):
    owner: _User | None = None


class _Run(BaseModel):
    head_branch: str
    head_sha: str
    head_repository: _Fork | None = None


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
        token = environment["GITHUB_TOKEN"].strip()
        if not _TOKEN.fullmatch(token):  # else an error would show it
            raise GitHubError("GITHUB_TOKEN is malformed: a token is one line of letters, digits and signs")
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": _VERSION,
        }
        url = environment.get("GITHUB_API_URL", "https://api.github.com")
        client = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT, verify=public_trust())
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # none goes with the next request
        return cls(environment["GITHUB_REPOSITORY"], client)

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
            GitHubError: when the text is not this project's, or GitHub refuses.

        """
        marker = text.partition("\n")[0]
        if not MARKER.fullmatch(marker):
            raise GitHubError("the file is no review: it does not begin with its marker")
        if len(text.encode()) > LIMIT:
            raise GitHubError(f"the comment has {len(text.encode())} bytes. Allowed: {LIMIT}")
        return again(lambda: self._comment(pull, marker, text))

    def _comment(self, pull: int, marker: str, text: str) -> str:
        for one in self._pages(f"/issues/{pull}/comments", _Comment):
            lines = (one.body or "").splitlines()
            if one.user and one.user.login == _US and lines[:1] == [marker]:
                if lines == text.splitlines():
                    return f"The comment on pull request {pull} says so already."
                self._write("PATCH", f"/issues/comments/{one.id}", {"body": text})
                return f"The comment on pull request {pull} is updated."
        self._write("POST", f"/issues/{pull}/comments", {"body": text})
        return f"Pull request {pull} has its comment."

    def keep_issue(self, wanted: Issue) -> str:
        """Have one open issue with that marker, or none.

        Raises:
            GitHubError: when GitHub refuses.

        """
        return again(lambda: self._keep_issue(wanted))

    def _keep_issue(self, wanted: Issue) -> str:
        found = next(
            (
                one.number
                for one in self._pages("/issues", _Issue, {"state": "open"})
                if one.pull_request is None
                and one.user
                and one.user.login == _US
                and (one.body or "").splitlines()[:1] == [wanted.marker]
            ),
            None,
        )
        if wanted.body is None:
            if found is None:
                return "All is well, and no issue is open."
            self._write("PATCH", f"/issues/{found}", {"state": "closed", "state_reason": "completed"})
            return f"All is well: issue {found} is closed."
        stated = {"title": wanted.title, "body": wanted.body}
        if found is None:
            self._write("POST", "/issues", stated)
            return "An issue is opened."
        self._write("PATCH", f"/issues/{found}", stated)
        return f"Issue {found} is updated."

    def relay(self, origin: Origin, content: bytes) -> Iterator[str]:
        """Comment on the open pull requests that a fork's branch is in, as it is now.

        Nothing of the content is trusted: it may come from the fork's own program. Where it goes is reported by GitHub.

        Raises:
            GitHubError: when the text can't be a comment, or GitHub refuses.

        """
        text = _disarmed(content, origin)
        head = {"state": "open", "head": f"{origin.owner}:{origin.branch}"}
        pulls = [one for one in self._pages("/pulls", _Pull, head) if one.head.sha == origin.commit]
        if not pulls:
            yield f"No open pull request is at {origin.commit} of {origin.owner}: nothing to comment on."
        for one in pulls:
            yield self.comment(one.number, text)

    def labels(self, pull: int) -> set[str]:
        """Read a pull request's labels.

        Raises:
            GitHubError: when GitHub refuses.

        """
        return _labels([self._read(f"/pulls/{pull}", _Pull)])

    def labels_of_commit(self, commit: str) -> set[str]:
        """Read the labels of the pull requests whose merge brought a commit.

        Raises:
            GitHubError: when it is no commit's hash, or GitHub refuses.

        """
        if not _SHA.fullmatch(commit):
            raise GitHubError(f"{commit!r} is no commit's full hash")
        pulls = self._pages(f"/commits/{commit}/pulls", _Pull)
        return _labels(one for one in pulls if one.merged_at and one.merge_commit_sha == commit)

    def _pages(self, path: str, item: type[T], query: Mapping[str, str] | None = None) -> Iterator[T]:
        for page in range(1, _PAGES + 1):
            paged = {**(query or {}), "per_page": str(_PAGE), "page": str(page)}
            items = self._read(path, list[item], paged)  # type: ignore[valid-type]
            yield from items
            if len(items) < _PAGE:
                return
        raise GitHubError(f"GitHub's list {self._repository}{path} has no end")

    def _read(self, path: str, type_: type[T], query: Mapping[str, str] | None = None) -> T:
        return again(lambda: self._ask("GET", path, type_, query=query))

    def _write(self, method: str, path: str, body: Mapping[str, str]) -> None:
        self._ask(method, path, _Made, body)

    @within(_TIMEOUT)
    def _ask(
        self,
        method: str,
        path: str,
        type_: type[T],
        body: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> T:
        where = f"{self._repository}{path}"
        try:
            answer = self._client.request(method, where, json=body, params=query)
        except (httpx.HTTPError, httpx.InvalidURL) as error:  # the last of where it redirects to
            raise UnansweredError(f"GitHub can't be asked ({method} {where}): {error}") from None
        if answer.is_success:
            try:
                return TypeAdapter(type_).validate_json(answer.content)
            except ValidationError as error:
                raise UnansweredError(f"what answers {where} is not GitHub's API: {_place(error)}") from None
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            raise UnansweredError(f"what answers {where} is not GitHub's API: it redirects ({answer.status_code})")
        asked = f"{method} {where}: {answer.status_code}{_words(answer)}"
        if retry.is_passing(answer.status_code) or _is_limited(answer):
            raise UnansweredError(f"GitHub is busy ({asked})", retry.retry_after(answer.headers))
        raise GitHubError(f"GitHub refuses {asked}")


def _is_limited(answer: httpx.Response) -> bool:
    """Whether it refuses only for now (source: GitHub's documentation, "Rate limits for the REST API")."""
    return answer.status_code == HTTPStatus.FORBIDDEN and (
        "Retry-After" in answer.headers or answer.headers.get("X-RateLimit-Remaining") == "0"
    )


def _words(answer: httpx.Response) -> str:
    try:
        told = answer.json()["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f" {' '.join(str(told).split())}"


def _place(error: OSError | ValidationError) -> str:
    """Say where an answer is wrong, without what stands there."""
    if isinstance(error, OSError):
        return str(error)
    first = error.errors(include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"


def _labels(pulls: Iterable[_Pull]) -> set[str]:
    return {label.name for pull in pulls for label in pull.labels}


def decoded(content: bytes) -> str:
    """Read a comment's text.

    Raises:
        GitHubError: when it is none.

    """
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise GitHubError("the file is no text") from None


def _disarmed(content: bytes, origin: Origin) -> str:
    """Untrusted text under its author's name, as text: no link, no image, no @mention."""
    marker, _, rest = decoded(content).partition("\n")
    owner = re.sub(r"[^A-Za-z0-9-]", "", origin.owner)
    at = origin.commit[:_SHORT]
    note = f"\n> Generated by this pull request's own code, from commit {at} of `{owner}`'s fork, and not verified.\n"
    return f"{marker}\n{note}\n{fence(rest.strip())}\n"
