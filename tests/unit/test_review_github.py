"""One comment on a pull request, and the label that allows, on a stand-in of GitHub's REST API."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients import retry
from review import __main__ as command
from review import github as review_github
from review.comment import LIMIT, marker
from review.github import GitHub, GitHubError, Occasion, Origin
from tests.mutations import WRONG_BODIES, mutated
from tests.unit.test_review_markdown import PARSER
from text.visible import visible_lines

REPOSITORY = "coultonf/immich-icloud"
TOKEN = "ghs_the-workflows-own"  # noqa: S105 (it opens nothing)
BOT = {"login": "github-actions[bot]"}
SHA, OTHER = "a" * 40, "b" * 40
TEXT = f"{marker('homelab')}\n\nIt passes.\n"
ORIGIN = Origin("stranger", "main", SHA)


def comment(number: int, body: str | None, user: Mapping[str, str] | None = BOT) -> dict[str, Any]:
    return {"id": number, "body": body, "user": user}


def pull(number: int, *labels: str, sha: str = SHA, **more: Any) -> dict[str, Any]:
    return {"number": number, "labels": [{"name": name} for name in labels], "head": {"sha": sha}, **more}


@dataclass
class Server:
    """A repository at GitHub, by the paths of the REST API, with its pages of a hundred."""

    lists: dict[str, list[Any]] = field(default_factory=dict)
    things: dict[str, Any] = field(default_factory=dict)
    refuses: int = 0
    busy: int = 0
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.refuses:
            return httpx.Response(self.refuses, json={"message": "Resource not accessible\nby integration"})
        path = request.url.path.partition(REPOSITORY)[2]
        if self.busy:
            self.busy -= 1
            return httpx.Response(502, html="<html>")
        if request.method != "GET":
            return httpx.Response(200, json={"id": 1})
        if path in self.things:
            return httpx.Response(200, json=self.things[path])
        page, size = int(request.url.params["page"]), int(request.url.params["per_page"])
        assert size == 100
        return httpx.Response(200, json=self.lists[path][(page - 1) * size : page * size])

    @property
    def github(self) -> GitHub:
        return asking(self)

    @property
    def written(self) -> list[tuple[str, str, str]]:
        """Method, path and body of each write."""
        return [
            (one.method, one.url.path.partition(REPOSITORY)[2], json.loads(one.content)["body"])
            for one in self.asked
            if one.method != "GET"
        ]


def asking(answer: Callable[[httpx.Request], httpx.Response]) -> GitHub:
    return GitHub(REPOSITORY, httpx.Client(base_url="https://api.github.com", transport=httpx.MockTransport(answer)))


@pytest.fixture(autouse=True)
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(retry, "wait", seconds.append)
    return seconds


def test_a_read_is_repeated_while_github_is_busy(waited: list[float]) -> None:
    server = Server(things={"/pulls/7": pull(7, "allow")}, busy=2)
    assert server.github.labels(7) == {"allow"}
    server.busy = 100
    with pytest.raises(GitHubError, match="GitHub is busy"):
        server.github.labels(7)
    assert len(waited) == 5


@pytest.mark.parametrize(
    "lost",
    [
        httpx.Response(502, html="<html>"),
        httpx.Response(403, headers={"Retry-After": "3"}),
        httpx.Response(429, headers={"X-RateLimit-Remaining": "0"}),
        httpx.Response(403, headers={"X-RateLimit-Remaining": "0"}),
        httpx.Response(200, html="<html>Sign in"),
        httpx.Response(302, headers={"Location": "mailto:ann@example.com"}),
        httpx.Response(302, headers={"Location": "/login"}),
    ],
)
def test_a_comment_whose_answer_is_lost_is_made_once(lost: httpx.Response) -> None:
    server = Server(lists={"/issues/7/comments": []})

    def lose_the_first_write(request: httpx.Request) -> httpx.Response:
        answer = server(request)
        if request.method != "POST":
            return answer
        server.lists["/issues/7/comments"].append(comment(1, **json.loads(request.content)))
        return lost

    assert asking(lose_the_first_write).comment(7, TEXT) == "The comment on pull request 7 says so already."
    assert [method for method, *_ in server.written] == ["POST"]


def test_a_list_without_an_end_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review_github, "_PAGES", 20)
    full = [comment(number, "other") for number in range(100)]
    with pytest.raises(GitHubError, match="no end"):
        asking(lambda _: httpx.Response(200, json=full)).comment(7, TEXT)


def test_the_first_comment_is_made() -> None:
    server = Server(lists={"/issues/7/comments": [comment(1, "a person's", {"login": "ann"}), comment(2, None)]})
    assert server.github.comment(7, TEXT) == "Pull request 7 has its comment."
    assert server.written == [("POST", "/issues/7/comments", TEXT)]


def test_it_is_updated_afterwards_however_many_there_are() -> None:
    others = [comment(number, "something else", {"login": "ann"}) for number in range(250)]
    server = Server(lists={"/issues/7/comments": [*others, comment(999, f"{marker('homelab')}\r\n\r\nIt fails.")]})
    assert server.github.comment(7, TEXT) == "The comment on pull request 7 is updated."
    assert server.written == [("PATCH", "/issues/comments/999", TEXT)]


def test_a_full_last_page_is_followed_by_an_empty_one() -> None:
    server = Server(lists={"/issues/7/comments": [comment(number, "other") for number in range(100)]})
    server.github.comment(7, TEXT)
    assert [method for method, *_ in server.written] == ["POST"]


def test_what_is_reported_already_is_not_said_again() -> None:
    server = Server(lists={"/issues/7/comments": [comment(5, TEXT.replace("\n", "\r\n"))]})
    assert server.github.comment(7, TEXT) == "The comment on pull request 7 says so already."
    assert server.written == []


@pytest.mark.parametrize(
    "found",
    [
        comment(5, TEXT, {"login": "mallory"}),
        comment(5, TEXT, None),
        comment(5, f"> {TEXT}"),
        comment(5, f"look:\n{TEXT}"),
        comment(5, TEXT.replace("homelab", "other")),
    ],
    ids=["another's", "a deleted user's", "a quotation", "not at its top", "another stack's"],
)
def test_only_ours_is_updated(found: dict[str, Any]) -> None:
    server = Server(lists={"/issues/7/comments": [found]})
    server.github.comment(7, TEXT)
    assert [method for method, *_ in server.written] == ["POST"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no marker", "does not begin with its marker"),
        ("", "does not begin with its marker"),
        (f"{TEXT}{'a' * LIMIT}", f"Allowed: {LIMIT}"),
    ],
)
def test_only_a_comment_of_this_project_is_posted(text: str, said: str) -> None:
    server = Server()
    with pytest.raises(GitHubError, match=said):
        server.github.comment(7, text)
    assert server.asked == []


def relayed(server: Server, content: str | bytes = TEXT, origin: Origin = ORIGIN) -> list[str]:
    return list(server.github.relay(origin, content if isinstance(content, bytes) else content.encode()))


def test_a_forks_comment_goes_to_the_pull_request_that_is_at_that_commit() -> None:
    server = Server(lists={"/pulls": [pull(8, sha=OTHER), pull(9)], "/issues/9/comments": []})
    assert relayed(server) == ["Pull request 9 has its comment."]
    assert dict(server.asked[0].url.params) == {
        "state": "open",
        "head": "stranger:main",
        "per_page": "100",
        "page": "1",
    }
    ((method, path, body),) = server.written
    assert (method, path) == ("POST", "/issues/9/comments")
    assert body.splitlines() == [
        marker("homelab"),
        "",
        "> Generated by this pull request's own code, from commit aaaaaaa of `stranger`'s fork, and not verified.",
        "",
        "```",
        "It passes.",
        "```",
    ]


def test_a_forks_comment_goes_nowhere_once_the_branch_has_moved_on() -> None:
    server = Server(lists={"/pulls": [pull(8, sha=OTHER)]})
    assert relayed(server) == [f"No open pull request is at {SHA} of stranger: nothing to comment on."]
    assert server.written == []


@pytest.mark.parametrize(
    "text",
    [
        "@coultonf look: `@all` a@b &#64;all &commat;all\r\n",
        "[a link](https://example.com) https://example.com www.example.com <https://example.com>",
        "![an image](https://example.com/a.png) <img src=https://example.com/a.png>",
        "```\n[out of it](https://example.com)\n````\n</details><a href=https://example.com>",
        "a [reference] #1 other/repository#2\n\n[reference]: https://example.com",
        "\u202e\x1b]8;;https://example.com\x07link",
    ],
    ids=["mention", "link", "image", "fence", "reference", "unseen"],
)
def test_a_forks_comment_is_text(text: str) -> None:
    server = Server(lists={"/pulls": [pull(9)], "/issues/9/comments": []})
    relayed(server, f"{marker('homelab')}\n{text}", Origin("x`<@all>", "main", SHA))
    ((_, _, body),) = server.written
    ours, *code = [token for token in PARSER.parse(body) if token.type in {"inline", "fence", "html_block"}][1:]
    assert [child.type for child in ours.children or ()] == ["text", "code_inline", "text"]
    assert "of `xall`'s fork" in ours.content
    assert [(token.type, token.content.strip()) for token in code] == [("fence", visible_lines(text).strip())]


@pytest.mark.parametrize(
    "content",
    ["no marker", f"{marker('a')} @all\nb", TEXT + "a" * LIMIT, b"\xff\xfe"],
    ids=["none", "more", "long", "bytes"],
)
def test_a_forks_file_that_is_no_comment(content: str | bytes) -> None:
    server = Server(lists={"/pulls": [pull(9)], "/issues/9/comments": []})
    with pytest.raises(GitHubError):
        relayed(server, content)
    assert server.written == []


def test_labels() -> None:
    server = Server(things={"/pulls/7": pull(7, "allow-data-loss", "bug")})
    assert server.github.labels(7) == {"allow-data-loss", "bug"}


def test_labels_of_the_pull_request_whose_merge_brought_a_commit() -> None:
    merged = {"merged_at": "2026-11-26T14:00:00Z", "merge_commit_sha": SHA}
    pulls = [
        pull(7, "bug", **merged),
        pull(8, "allow-data-loss", merged_at=None, merge_commit_sha=SHA),
        pull(9, "allow-data-loss", **(merged | {"merge_commit_sha": OTHER})),
    ]
    server = Server(lists={f"/commits/{SHA}/pulls": pulls})
    assert server.github.labels_of_commit(SHA) == {"bug"}


def test_a_commit_is_named_by_its_full_hash() -> None:
    server = Server()
    with pytest.raises(GitHubError, match=r"^'main/\.\./\.\.' is no commit's full hash$"):
        server.github.labels_of_commit("main/../..")
    assert server.asked == []


def test_a_refusal_is_one_line_without_the_token() -> None:
    with pytest.raises(GitHubError) as refused:
        Server(refuses=403).github.labels(7)
    assert str(refused.value) == (
        f"GitHub refuses GET /repos/{REPOSITORY}/pulls/7: 403 Resource not accessible by integration"
    )


def test_no_answer_is_one_line() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    with pytest.raises(GitHubError, match=r"^GitHub can't be asked \(GET /repos/.*/pulls/7\): no route$"):
        asking(silent).labels(7)


@pytest.mark.parametrize("missing", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_what_the_environment_lacks(missing: str) -> None:
    environment = {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": REPOSITORY, missing: ""}
    with pytest.raises(GitHubError, match=f"^{missing} is not set$"):
        GitHub.of(environment)


@pytest.mark.parametrize(
    ("event", "origin"),
    [
        (
            {"head_repository": {"owner": {"login": "ann"}}, "head_branch": "b", "head_sha": SHA},
            Origin("ann", "b", SHA),
        ),
        ({"head_repository": None, "head_branch": "b", "head_sha": SHA}, Origin("", "b", SHA)),
    ],
    ids=["a fork", "a fork that is gone"],
)
def test_where_a_workflow_came_from(event: dict[str, Any], origin: Origin) -> None:
    assert Occasion.model_validate({"workflow_run": event}).origin == origin


def test_an_occasion_that_has_none_of_it() -> None:
    with pytest.raises(GitHubError, match="name it with --pull"):
        _ = Occasion.of({}).pull
    with pytest.raises(GitHubError, match="workflow_run"):
        _ = Occasion.of({}).origin


def answering(body: bytes) -> GitHub:
    return asking(lambda _: httpx.Response(200, content=body))


PULL = pull(7, "allow", merged_at="2026-11-27T00:00:00Z", merge_commit_sha=SHA)
READS: list[tuple[Any, Callable[[GitHub], object]]] = [
    ([comment(1, TEXT)], lambda github: github.comment(7, TEXT)),
    ([PULL], lambda github: github.labels_of_commit(SHA)),
    ([PULL], lambda github: list(github.relay(ORIGIN, TEXT.encode()))),
    (PULL, lambda github: github.labels(7)),
]


@pytest.mark.parametrize(("right", "read"), READS, ids=["comments", "commit", "relay", "labels"])
def test_an_answer_that_is_wrong_somewhere_is_read_rightly_or_said(
    right: Any, read: Callable[[GitHub], object]
) -> None:
    bodies = [*WRONG_BODIES.values(), *(json.dumps(whole).encode() for _, whole in mutated(right))]
    for body in bodies:
        with suppress(GitHubError):
            read(answering(body))


def test_an_event_that_is_wrong_somewhere_is_read_rightly_or_said(tmp_path: Path) -> None:
    run = {"head_repository": {"owner": {"login": "ann"}}, "head_branch": "b", "head_sha": SHA}
    event = {"pull_request": {"number": 7, "head": {"sha": SHA}}, "workflow_run": run}
    bodies = [*WRONG_BODIES.values(), *(json.dumps(whole).encode() for _, whole in mutated(event))]
    for body in bodies:
        (tmp_path / "event.json").write_bytes(body)
        with suppress(GitHubError):
            occasion = Occasion.of({"GITHUB_EVENT_PATH": str(tmp_path / "event.json")})
            assert isinstance(occasion.pull, int)
            assert isinstance(occasion.last_line + occasion.origin.owner, str)


# The commands, as workflows call them.


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """GitHub, for a workflow of pull request 7."""
    made = Server(
        lists={"/issues/7/comments": [], f"/commits/{SHA}/pulls": []}, things={"/pulls/7": pull(7, "allow-data-loss")}
    )
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": SHA}}}))
    real: Callable[..., httpx.Client] = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **given: real(**given, transport=httpx.MockTransport(made)))
    for name, value in {
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_API_URL": "https://github.example.com/api",
    }.items():
        monkeypatch.setenv(name, value)
    yield made
    assert all(one.headers["authorization"] == f"Bearer {TOKEN}" for one in made.asked)
    assert {one.url.host for one in made.asked} <= {"github.example.com"}


def status(*words: str, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    monkeypatch.setattr("sys.argv", ["review", *words])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as end:
        command.main()
    return end.value.code


def test_post(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "review.md").write_text(TEXT)
    assert status("post", str(tmp_path / "review.md"), monkeypatch=monkeypatch) == 0
    assert [body for *_, body in server.written] == [f"{TEXT}\nOf commit aaaaaaa.\n"]
    said = capsys.readouterr()
    assert said.err == "Pull request 7 has its comment.\n"
    assert TOKEN not in said.out + said.err


@pytest.mark.parametrize(
    ("words", "printed"),
    [([], "--allow-data-loss\n"), (["--pull", "7"], "--allow-data-loss\n"), (["--commit", SHA], "")],
)
@pytest.mark.usefixtures("server")
def test_allowance(
    words: list[str], printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status("allowance", *words, monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == printed


def test_a_refusal_allows_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refuses = 404
    assert status("allowance", monkeypatch=monkeypatch) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.startswith("error: GitHub refuses")) == ("", True)


def test_a_file_that_is_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: Server
) -> None:
    (tmp_path / "review.md").write_text(TEXT, "utf-16")
    assert status("post", str(tmp_path / "review.md"), monkeypatch=monkeypatch) == 1
    assert (capsys.readouterr().err, server.written) == ("error: the file is no text\n", [])


def test_a_file_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: Server
) -> None:
    assert status("post", "nowhere.md", monkeypatch=monkeypatch) == 1
    assert capsys.readouterr().err == "error: [Errno 2] No such file or directory: 'nowhere.md'\n"
    assert server.written == []


@pytest.mark.parametrize("words", [[], ["rehearse", "a/b", "main"], ["rehearse", "homelab"], ["post"]])
def test_wrong_usage(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert status(*words, monkeypatch=monkeypatch) == 2


# the issue of a stack


VERIFY = "<!-- immich-icloud verify homelab -->"
FAULT = {
    "name": "last-sync",
    "result": "failed",
    "evidence": "icloud-sync-anna-1: **no** @room `left`",
    "code": "sync-failed",
    "cause": "what the sync says",
    "command": "make sync-now STACK=homelab ACCOUNT=anna",
}
UNKNOWN = FAULT | {"name": "dns", "result": "not checked", "evidence": "no answer"}
PASSED = FAULT | {"result": "passed"}


def kept(
    server: Server, tmp_path: Path, verified: str | dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, Any]]:
    """What is written when a night's run has printed this."""
    file = tmp_path / "verify.json"
    file.write_text(verified if isinstance(verified, str) else json.dumps(verified))
    monkeypatch.setattr(GitHub, "of", lambda _: server.github)
    monkeypatch.setattr("sys.argv", ["review", "issue", "homelab", str(file)])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 0
    return [
        json.loads(one.content) | {"path": one.url.path.partition(REPOSITORY)[2]}
        for one in server.asked
        if one.method != "GET"
    ]


def verdict(*checks: dict[str, Any], passed: bool = False) -> dict[str, Any]:
    return {"stack": "homelab", "passed": passed, "checks": list(checks)}


def issues(*found: dict[str, Any]) -> Server:
    return Server(lists={"/issues": list(found)})


OPEN = comment(7, f"{VERIFY}\n\nsomething")
OTHERS = (
    comment(1, f"{VERIFY}\n\nby a person", {"login": "ann"}),
    OPEN | {"number": 2, "pull_request": {}},
    comment(3, None),
)


@pytest.mark.parametrize(
    ("open_already", "path"), [(OTHERS, "/issues"), ((*OTHERS, OPEN), "/issues/7")], ids=["first", "again"]
)
def test_one_issue_says_what_verify_found(
    open_already: tuple[dict[str, Any], ...], path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [{"number": one["id"], **one} for one in open_already]
    (written,) = kept(issues(*found), tmp_path, verdict(FAULT, UNKNOWN, PASSED), monkeypatch)
    assert written["path"] == path
    assert written["body"].startswith(f"{VERIFY}\n")
    assert written["body"].count("last-sync") == 1, "what passed is no news"
    for text in ("sync-failed", FAULT["command"], "dns"):
        assert text in written["body"]
    shown = "".join(
        child.content
        for token in PARSER.parse(written["body"])
        for child in token.children or ()
        if child.type == "text"
    )
    assert "@room" not in shown


@pytest.mark.parametrize("printed", ["", "error: the cluster can't be reached", "{}", '{"passed": true}'])
def test_a_verify_that_did_not_finish_is_no_good_news(
    printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (written,) = kept(issues(), tmp_path, printed, monkeypatch)
    assert (written["path"], "did not finish" in written["body"]) == ("/issues", True)


def test_the_issue_is_closed_once_all_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [{"number": one["id"], **one} for one in (*OTHERS, OPEN)]
    (written,) = kept(issues(*found), tmp_path, verdict(PASSED, passed=True), monkeypatch)
    assert (written["path"], written["state"]) == ("/issues/7", "closed")
    assert kept(issues(*found[:-1]), tmp_path, verdict(PASSED, passed=True), monkeypatch) == []


def test_an_issue_is_never_longer_than_github_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (written,) = kept(issues(), tmp_path, verdict(*[FAULT | {"evidence": "ü" * 2000}] * 40), monkeypatch)
    assert len(written["body"].encode()) <= LIMIT
