"""The workflows of GitHub Actions: what they run is tested elsewhere; who may do what, is tested here."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import review.__main__ as review
from lab.engine import SOURCE

PLACE = SOURCE / ".github"
FILES = {path.stem: path for path in sorted((PLACE / "workflows").glob("*.yaml"))}
# "on" is YAML's true.
WORKFLOWS: dict[str, dict[Any, Any]] = {
    name: yaml.load(path.read_text(), yaml.CSafeLoader) for name, path in FILES.items()
}
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"]]
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"
# Unreviewed packages have no business beside the cluster, with its passphrase.
RENOVATE = "startsWith(github.head_ref, 'renovate/')"
TALKS_TO_GITHUB = r"\.venv/bin/python -m review (allowance|issue|post|relay)\b.*"


def job_of(workflow: str, job: str) -> dict[str, Any]:
    found: dict[str, Any] = WORKFLOWS[workflow]["jobs"][job]
    return found


def steps(workflow: str, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job_of(workflow, job).get("steps", [])
    return found


def commands() -> Iterator[str]:
    for workflow, job in JOBS:
        for step in steps(workflow, job):
            if "run" in step:
                yield "\n".join(line for line in step["run"].splitlines() if not line.startswith("#"))


def allowed(workflow: str, job: str) -> dict[str, str]:
    permissions: dict[str, str] = job_of(workflow, job)["permissions"]
    return permissions


def test_these_are_all() -> None:
    assert list(WORKFLOWS) == ["audit", "comment", "deploy", "node", "preview", "test", "verify"]


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_step_is_one_command_of_this_project(command: str) -> None:
    """Logic in YAML is not tested."""
    if command.startswith("echo '::notice"):
        return
    assert "\n" not in command
    found = re.fullmatch(r"make (?P<target>[a-z./-]+)( .*)?|\.venv/bin/python -m (?P<module>[a-z.]+) .*", command)
    assert found, command
    if target := found["target"]:
        makefile = (SOURCE / "Makefile").read_text().replace("$(READY):", ".venv/.ready:")
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target
    else:
        assert importlib.util.find_spec(found["module"]), found["module"]


@pytest.mark.parametrize("command", sorted({one for one in commands() if re.search(r"(make|-m) review ", one)}))
def test_reviews_are_asked_for_as_they_can_be(command: str) -> None:
    allowed = command.replace("$(cat allowed.txt)", "--allow-data-loss").partition(" > ")[0]
    words = shlex.split(allowed)
    if words[0] == "make":
        given = dict(word.split("=", 1) for word in words[2:])
        words = ["rehearse", given["STACK"], given["BASE"], *given["ARGS"].split()]
    else:
        words = words[3:]
    asked = review._parser().parse_args(words)  # noqa: SLF001 (how the command line is read)
    assert asked.command == words[0]


@pytest.mark.parametrize("path", [*FILES.values(), *PLACE.glob("actions/*/action.yaml")], ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(path: Any) -> None:
    """A tag can be moved, as has happened; the comment is what Renovate and people read."""
    uses = re.findall(r"uses: (.*)", path.read_text())
    ours = [one for one in uses if one.startswith("./")]
    assert all((SOURCE / one).exists() for one in ours)
    for one in set(uses) - set(ours):
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one), one


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_is_allowed_that_a_job_does_not_ask_for(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {}
    jobs = WORKFLOWS[name]["jobs"]
    assert "concurrency" in WORKFLOWS[name] or name == "deploy"
    assert [job for job in jobs if "concurrency" in jobs[job]] == (["deploy"] if name == "deploy" else [])


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_a_job_asks_for_no_more_than_it_uses(workflow: str, job: str) -> None:
    """The repository itself is never written to; pull requests and issues only by a job that posts."""
    writes = {scope for scope, access in allowed(workflow, job).items() if access == "write"}
    posts = any(re.search(r"-m review (post|relay)\b", step.get("run", "")) for step in steps(workflow, job))
    reports = any(re.search(r"-m review issue\b", step.get("run", "")) for step in steps(workflow, job))
    assert writes == {scope for scope, needed in (("pull-requests", posts), ("issues", reports)) if needed}


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_a_job_ends_and_leaves_no_credentials_in_its_checkout(workflow: str, job: str) -> None:
    if "uses" in job_of(workflow, job):  # a workflow of this repository, whose jobs do
        return
    assert job_of(workflow, job)["timeout-minutes"] <= 90
    for step in steps(workflow, job):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_the_token_goes_only_to_what_talks_to_github(workflow: str, job: str) -> None:
    """Not to `make`, which runs what a pull request changed."""
    assert "github.token" not in str({**job_of(workflow, job), "steps": None})
    for step in steps(workflow, job):
        if "github.token" in str(step):
            assert re.fullmatch(TALKS_TO_GITHUB, step.get("run", "")) or "/download-artifact@" in step["uses"]


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_what_we_wrote_sends_no_fork_beside_the_cluster(workflow: str, job: str) -> None:
    """A fork that rewrites the workflow may: who approves its run has to read it (docs/github.md)."""
    text = str(job_of(workflow, job))
    if "secrets." in text or "vars.HOMELAB_RUNNER }}" in text:
        triggers = WORKFLOWS[workflow][True]
        pushed = set(triggers) == {"push"} and triggers["push"] == {"branches": ["main"]}
        # What a schedule runs is the default branch's.
        assert pushed or set(triggers) == {"schedule"} or job_of(workflow, job)["if"].endswith(f"&& {SAME_REPOSITORY}")


def test_a_fork_s_code_meets_no_event_that_has_secrets() -> None:
    assert all("pull_request_target" not in workflow[True] for workflow in WORKFLOWS.values())
    # There, only the text of a fork's rehearsal is read; what runs is main's.
    assert "secrets." not in FILES["comment"].read_text()
    assert not any("ref" in step.get("with", {}) for step in steps("comment", "comment"))


def test_a_fork_s_files_lie_in_a_folder_of_their_own() -> None:
    """Their names are the fork's: none may be one of the runner's own temporary files."""
    (unpacked,) = (
        step["with"]["path"] for step in steps("comment", "comment") if "/download-art" in step.get("uses", "")
    )
    assert unpacked == "${{ runner.temp }}/comment"
    assert any('"$RUNNER_TEMP/comment/comment.md"' in step.get("run", "") for step in steps("comment", "comment"))


def test_either_the_cluster_is_asked_or_it_is_rehearsed() -> None:
    """Each pull request gets exactly one of both."""
    preview, rehearsal = job_of("preview", "preview")["if"], job_of("preview", "rehearsal")["if"]
    assert preview == f"vars.HOMELAB_RUNNER != '' && !{RENOVATE} && {SAME_REPOSITORY}"
    denied = preview.replace("!= ''", "== ''").replace("!starts", "starts").replace("name == git", "name != git")
    assert rehearsal == denied.replace("&&", "||")
    assert "secrets." not in str(job_of("preview", "rehearsal"))


def test_main_is_deployed_once_it_is_tested_and_then_verified() -> None:
    deploy = job_of("deploy", "deploy")
    assert (deploy["needs"], deploy["environment"]) == ("test", "homelab")
    made = [step["run"].split()[1] for step in deploy["steps"] if step.get("run", "").startswith("make ")]
    assert made == [".venv/.ready", "up", "verify"]
    # One that was interrupted leaves a lock.
    assert deploy["concurrency"] == {"group": "deploy", "cancel-in-progress": False}
    assert deploy["if"] == "vars.HOMELAB_RUNNER != ''"
    assert job_of("deploy", "not-deployed")["if"] == "vars.HOMELAB_RUNNER == ''"
