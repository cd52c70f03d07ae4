"""The commands that a person runs on a stack's cluster, on fakes of cluster and stream."""

import json
import os
import signal
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest
from websocket import ABNF, WebSocketConnectionClosedException, WebSocketTimeoutException

from clients.jobs import JobError
from clients.kubernetes import ClusterRefusedError, Manifest, Ref
from components import account_pod, directory, photo_sync
from ops import command
from ops.command import CommandError, Stack
from ops.conversation import END, Typed, converse, keyboard
from ops.icloud_login import icloud_login
from ops.mark_disk import mark_disk
from ops.notify_test import notify_test
from ops.stack import StackError
from ops.sync_now import sync_now
from settings import Settings
from settings.notifications import Notifications
from tests.accounts import APPLE_ID, PASSWORD, household
from tests.fake_jobs import COMPLETE, FAILED, RUNNING, WAITING, Jobs, ended, step
from tests.objects import STACK, manifest

DONE = step(ended(0), COMPLETE)
LOG = tuple(
    f"2026-11-26T10:00:00.00000000{n}Z {text}" for n, text in enumerate(("Downloaded a.jpg", "anna: 1 fetched"))
)


def stack(api: Jobs, settings: Settings | None = None) -> Stack:
    """A stack that is deployed."""
    made = Stack("test", settings or household(), api)
    assert made.ownership.stack == STACK
    planned = photo_sync.sync(made.settings, made.ownership)
    for account in planned.accounts if planned else ():
        cron_job = deepcopy(account.cron_job)
        cron_job["metadata"]["uid"] = "cron"
        api.objects[Ref.of(cron_job)] = cron_job
    return made


def job_at_work(account: str, conditions: list[Manifest] | None = None) -> Manifest:
    labels, status = {"labels": {account_pod.ACCOUNT: account}}, {"conditions": conditions or []}
    return manifest("batch/v1", "Job", f"icloud-sync-{account}-1", "photo-sync", metadata=labels, status=status)


BOTH = household({"name": "anna"}, {"name": "ben"})
TOLD = Notifications.model_validate({"urls": ["json://127.0.0.1:1/x"]})
TOLD_LINE = "2026-11-26T10:00:01.000000000Z sent: all is well"
SENT = '{"code":"sent","message":"a test was sent"}'
NOT_SENT = '{"code":"not-sent","message":"notifications.urls[0] could not be reached"}'
AT_WORK = (
    "Job icloud-sync-anna-1 is running for account anna. Follow it with "
    "`kubectl logs --follow --namespace photo-sync job/icloud-sync-anna-1`, or wait until it ends"
)


@pytest.mark.parametrize(
    ("settings", "asked", "words"),
    [
        (BOTH, None, "ACCOUNT=... is needed, as there are several: anna, ben"),
        (BOTH, "anne", "ACCOUNT=anne is not known. Accounts of STACK=test: anna, ben"),
        (
            household().model_copy(update={"photo_sync": household().photo_sync.model_copy(update={"accounts": ()})}),
            None,
            "STACK=test has no accounts. Name one in immich-icloud:photoSync.accounts, then `make up STACK=test`",
        ),
    ],
)
def test_which_account(settings: Settings, asked: str | None, words: str) -> None:
    with pytest.raises(CommandError) as error:
        stack(Jobs(DONE), settings).account(asked)
    assert str(error.value) == words


def test_the_only_account_need_not_be_named() -> None:
    assert stack(Jobs(DONE)).account(None).name == "anna"
    assert stack(Jobs(DONE), BOTH).account("ben").name == "ben"


# make sync-now


def test_a_sync_is_followed_to_its_end() -> None:
    api, said = Jobs(step(RUNNING), DONE, lines=LOG), list[str]()
    sync_now(stack(api), None, said.append)
    assert [words for words in said if "Downloaded" in words or "fetched" in words] == [
        "Downloaded a.jpg",
        "anna: 1 fetched",
    ]
    assert said[-2] == "The sync of account anna is complete."
    assert said[-1].startswith("Immich is not told, as immichApiKey is not stored")


def test_it_is_a_run_of_the_cron_job_as_kubectl_would_make_it() -> None:
    api = Jobs(DONE)
    deployed = stack(api, BOTH)
    sync_now(deployed, "ben", lambda _: None)
    (name,) = api.jobs
    job = api.objects[Ref("batch/v1", "Job", name, "photo-sync")]
    template = api.objects[Ref("batch/v1", "CronJob", "icloud-sync-ben", "photo-sync")]["spec"]["jobTemplate"]
    assert name.startswith("icloud-sync-ben-manual-")
    (tried,), (stated,) = (spec["template"]["spec"]["containers"] for spec in (job["spec"], template["spec"]))
    differ = [one["name"] for one, other in zip(tried["env"], stated["env"], strict=True) if one != other]
    assert differ == ["RETRY_AFTER"], "who waits at a terminal is told at once that Apple cannot be reached"
    assert {"name": "RETRY_AFTER", "value": ""} in tried["env"]
    assert {**tried, "env": ()} == {**stated, "env": ()}
    assert job["metadata"]["labels"] == template["metadata"]["labels"]
    assert job["metadata"]["annotations"] == {"cronjob.kubernetes.io/instantiate": "manual"}
    assert job["metadata"]["ownerReferences"] == [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "icloud-sync-ben", "uid": "cron", "controller": True}
    ]


def test_with_notifications_the_sync_is_started_at_once_and_both_logs_are_shown() -> None:
    settings = household().model_copy(update={"notifications": TOLD})
    done = {"terminated": {"exitCode": 0}}
    first = {"initContainerStatuses": [{"name": "icloudpd", "state": done}], **WAITING}
    both = first | {"containerStatuses": [{"name": "notify", "state": done}]}
    api, said = Jobs(step(first), step(both, COMPLETE), lines=(LOG[0], "quiet", TOLD_LINE)), list[str]()
    sync_now(stack(api, settings), None, said.append)
    assert [words for words in said if words in ("Downloaded a.jpg", "sent: all is well")] == [
        "Downloaded a.jpg",
        "sent: all is well",
    ]
    (made,) = api.made
    (sync,) = made["spec"]["template"]["spec"]["initContainers"]
    assert {"name": "RETRY_AFTER", "value": ""} in sync["env"]


def test_a_test_of_the_notifications_fails_where_it_does_not_arrive() -> None:
    settings = household().model_copy(update={"notifications": TOLD})
    said = list[str]()
    notify_test(stack(Jobs(step(ended(0, SENT), COMPLETE)), settings), None, said.append)
    assert said[-1] == "a test was sent"
    with pytest.raises(JobError, match="could not be reached"):
        notify_test(stack(Jobs(step(ended(1, NOT_SENT), FAILED)), settings), None, said.append)


@pytest.mark.parametrize("told", [None, Notifications.model_validate({"heartbeat": "http://h"})])
def test_there_is_nothing_to_test_without_urls(told: Notifications | None) -> None:
    settings = household().model_copy(update={"notifications": told})
    with pytest.raises(CommandError, match=r"--stack test .*notifications\.urls.* STACK=test"):
        notify_test(stack(Jobs(DONE), settings), None, lambda _: None)


@pytest.mark.parametrize("perform", [sync_now, icloud_login])
def test_nothing_is_begun_while_a_job_is_at_work_on_the_account(perform: Any) -> None:
    api = Jobs(DONE)
    deployed = stack(api)
    working = job_at_work("anna")
    api.objects[Ref.of(working)] = working
    with pytest.raises(CommandError) as error:
        perform(deployed, None)
    assert str(error.value) == AT_WORK
    assert api.writes == []


@pytest.mark.parametrize("perform", [sync_now, icloud_login])
def test_what_a_killed_sign_in_left_is_named_with_the_command_that_removes_it(perform: Any) -> None:
    api = Jobs(DONE)
    deployed, left = stack(api), job_at_work("anna")
    left["metadata"]["name"] = "icloud-login-anna-3f2a1b"
    api.objects[Ref.of(left)] = left
    with pytest.raises(CommandError) as error:
        perform(deployed, None)
    assert "make icloud-login" in str(error.value)
    assert str(error.value).endswith(": `kubectl delete job --namespace photo-sync icloud-login-anna-3f2a1b`")


@pytest.mark.parametrize("other", [job_at_work("anna", COMPLETE), job_at_work("anna", FAILED), job_at_work("ben")])
def test_completed_or_unmanaged_pods_block_nothing(other: Manifest) -> None:
    api = Jobs(DONE)
    api.objects[Ref.of(other)] = other
    sync_now(stack(api), None, lambda _: None)


@pytest.mark.parametrize("perform", [sync_now, icloud_login])
def test_an_account_that_is_not_deployed_yet(perform: Any) -> None:
    with pytest.raises(CommandError, match="the cluster has no CronJob for account anna yet: `make up STACK=test`"):
        perform(Stack("test", household(), Jobs(DONE)), None)


def test_a_sync_that_fails_says_why() -> None:
    report = '{"code":"no-mark","message":"the photo disk is not there"}'
    api = Jobs(step(RUNNING), step(ended(1, report), FAILED))
    said: list[str] = []
    with pytest.raises(JobError, match=r"^the photo disk is not there$"):
        sync_now(stack(api), None, said.append)
    assert not any("complete" in words for words in said)


# make icloud-login


class Stream:
    """A stand-in for the stream of a command in a pod: frames, silences and ends as a test tells."""

    def __init__(self, *events: Any) -> None:
        self.events, self.sent, self.closed = list(events), list[bytes](), False

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def send(self, content: bytes, opcode: int) -> None:
        assert opcode == ABNF.OPCODE_BINARY
        self.sent.append(content)

    def recv_data_frame(self, *, control_frame: bool) -> tuple[int, ABNF]:
        assert control_frame
        event = self.events.pop(0)
        if callable(event):
            event = event()
        if isinstance(event, BaseException):
            raise event
        code, data = event
        return code, ABNF(data=data)

    def close(self) -> None:
        self.closed = True


def out(text: str | bytes) -> tuple[int, bytes]:
    return ABNF.OPCODE_BINARY, b"\x01" + (text.encode() if isinstance(text, str) else text)


def error(text: str) -> tuple[int, bytes]:
    return ABNF.OPCODE_BINARY, b"\x02" + text.encode()


def ends(code: int) -> tuple[int, bytes]:
    status: dict[str, Any] = {"status": "Success"}
    if code:
        causes = [{"reason": "ExitCode", "message": str(code)}]
        status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
    return ABNF.OPCODE_BINARY, b"\x03" + json.dumps(status).encode()


SILENCE = WebSocketTimeoutException()
CLOSES = (ABNF.OPCODE_CLOSE, b"")


def talk(stream: Any, *typed: str) -> tuple[int | None, str]:
    lines, shown = Typed(), list[str]()
    for line in typed:
        lines.put(line)
    return converse(stream, lines, shown.append), "".join(shown)


@pytest.mark.parametrize("code", [0, 1, 137])
def test_a_command_is_shown_as_it_comes_and_ends_with_its_code(code: int) -> None:
    stream = Stream(out("Enter code: "), SILENCE, out("\nfine\n"), error("hm\n"), ends(code))
    assert talk(stream) == (code, "Enter code: \nfine\nhm\n")
    assert stream.closed


def test_a_character_in_two_pieces() -> None:
    first, second = "•".encode()[:1], "•".encode()[1:]
    assert talk(Stream(out(first), out(second), ends(0))) == (0, "•")


def test_what_is_typed_is_handed_over() -> None:
    lines = Typed()

    def types() -> tuple[int, bytes]:
        lines.put("123456\n")
        return out("Enter code: ")

    stream = Stream(types, SILENCE, ends(0))
    assert converse(stream, lines, lambda _: None) == 0  # type: ignore[arg-type]
    assert stream.sent == [b"\x00123456\n"]


@pytest.mark.parametrize("end", [CLOSES, WebSocketConnectionClosedException(), ConnectionResetError()])
def test_a_connection_that_breaks(end: Any) -> None:
    stream = Stream(out("Enter "), end)
    assert talk(stream) == (None, "Enter ")
    assert stream.closed


def test_the_keyboard_says_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        typed = keyboard()
        os.write(writing, b"123456\n")
        assert typed.get(timeout=10) == "123456\n"
        os.close(writing)
        assert typed.get(timeout=10) == END


class SigningIn(Jobs):
    """A cluster whose pod's command is a stream."""

    def __init__(self, stream: Stream | BaseException) -> None:
        super().__init__(step(RUNNING))
        self.stream = stream
        self.commands: list[Sequence[str]] = []

    def execute(self, pod: Ref, container: str, command: Sequence[str]) -> Any:
        assert (pod.kind, container) == ("Pod", "icloudpd")
        self.commands.append(command)
        if isinstance(self.stream, BaseException):
            raise self.stream
        return self.stream


def test_signing_in_leaves_nothing_behind() -> None:
    report = '{"code":"signed-in","message":"account anna is signed in"}\n'
    # It comes in any parts, and a prompt has no line of its own.
    said_there = [out("a line\nEnter {"), out("code: "), out("\n" + report[:4]), out(report[4:]), ends(0)]
    api, said = SigningIn(Stream(*said_there)), list[str]()
    shown: list[str] = []
    icloud_login(stack(api), None, Typed(), shown.append, said.append)
    assert "".join(shown) == "a line\nEnter {code: \n"
    assert said[-1] == "Account anna is signed in."
    assert not api.jobs
    told = str(api.commands) + str(said)
    assert PASSWORD not in told
    assert APPLE_ID not in told


@pytest.mark.parametrize(
    ("stream", "error", "words"),
    [
        (Stream(ends(1)), CommandError, "^account anna is not signed in$"),
        (Stream(ends(0)), CommandError, "^account anna is not signed in$"),
        (Stream(out('{"code":"busy","message":"another run"}\n'), ends(1)), CommandError, "^another run$"),
        (Stream(CLOSES), CommandError, "the connection to Pod photo-sync/icloud-login-anna-.* broke"),
        (Stream(KeyboardInterrupt()), KeyboardInterrupt, "^$"),
        (KeyboardInterrupt(), KeyboardInterrupt, "^$"),
    ],
)
def test_not_signing_in_leaves_nothing_behind(stream: Any, error: type[BaseException], words: str) -> None:
    api = SigningIn(stream)
    with pytest.raises(error, match=words):
        icloud_login(stack(api), None, Typed(), lambda _: None, lambda _: None)
    assert not api.jobs


# make mark-disk

PATH = "/var/mnt/photos"
FACTS = ("It is a mount of its own", "Files: 2, 3 MiB")


NONE = "none"  # the disk has no marker file


def report_of(id_: str) -> str:
    """What a look reports of a disk with this id."""
    return json.dumps(
        {"code": "marked", "message": "x", "id": id_, "filesystem": "12-3", "fingerprint": "45-6"},
        separators=(",", ":"),
    )


def looked(report: str = report_of(NONE)) -> Jobs:
    """A cluster in which each Job says these facts, and reports this."""
    lines = tuple(f"2026-11-26T10:00:00.00000000{n}Z {text}" for n, text in enumerate((*FACTS, report)))
    return Jobs(step(ended(0, report), COMPLETE), lines=lines)


def looks_again(api: Jobs, id_: str) -> None:
    """The next look finds this id."""
    api.steps, api.lines = looked(report_of(id_)).steps, looked(report_of(id_)).lines


def marking(api: Jobs, answer: str | None) -> tuple[list[str], list[str]]:
    """What is reported, and what is asked."""
    said, asked = list[str](), list[str]()

    def ask(question: str) -> str:
        asked.append(question)
        assert all(f"  {fact}" in said for fact in FACTS), "asked before it is shown"
        if answer is None:
            raise EOFError
        return answer

    mark_disk(stack(api), None, ask, said.append)
    return said, asked


def made(api: Jobs) -> list[str]:
    return [job["spec"]["template"]["spec"]["containers"][0]["name"] for job in api.made]


RECORD = Ref("v1", "ConfigMap", "icloud-directory", "photo-sync")
MIRROR = Ref("v1", "ConfigMap", "icloud-directory", "immich")


def known(api: Jobs, id_: str) -> None:
    """Both ConfigMaps, as `up` leaves them."""
    planned = stack(api)
    for place in directory.identity("photo-sync", "immich", planned.ownership):
        api.create({**place, "data": {"id": id_, "marked": id_, "made": "true"}}, "immich-icloud")


def new_id(api: Jobs) -> str:
    """The id that the last Job has written to the disk."""
    variables = [
        one for job in api.made for one in job["spec"]["template"]["spec"]["containers"][0]["env"]
        if one["name"] == "NEW_ID"
    ]  # fmt: skip
    return str(variables[-1]["value"])


def test_a_disk_that_was_marked_is_remembered() -> None:
    """An `up` without it must not make another directory in its place."""
    api = looked()
    marking(api, PATH)
    for place in (RECORD, MIRROR):
        assert api.objects[place]["data"] == {"id": new_id(api), "marked": new_id(api)}
        assert api.objects[place]["metadata"]["annotations"]["immich-icloud/stack"] == STACK
    looks_again(api, NONE)
    marking(api, PATH)


@pytest.mark.parametrize("found", [NONE, "old", "4-ff", "3-aa"])
def test_each_mark_is_a_new_one(found: str) -> None:
    """Every disk that was marked before is another one from then on."""
    api = looked(report_of(found))
    known(api, "3-aa")
    marking(api, PATH)
    assert new_id(api).startswith("4-")
    for place in (RECORD, MIRROR):
        assert api.objects[place]["data"] == {"id": new_id(api), "marked": new_id(api), "made": "true"}


@pytest.mark.parametrize("reached", [0, 1], ids=["disk", "disk and one ConfigMap"])
def test_one_that_was_killed_is_completed_by_the_next(reached: int) -> None:
    """The disk has its id before the cluster: killed in between, the right disk is refused until it is run again."""
    api = looked()
    known(api, "3-aa")
    writes: list[str] = []

    def kill(step: str) -> None:
        if step == "before patch":
            writes.append(step)
            if len(writes) > reached:
                raise KeyboardInterrupt

    api.step = kill
    with pytest.raises(KeyboardInterrupt):
        marking(api, PATH)
    on_disk = new_id(api)
    api.step = lambda _: None
    ids = [api.objects[place]["data"]["id"] for place in (MIRROR, RECORD)]
    assert ids == [on_disk if reached else "3-aa", "3-aa"], "Immich refuses an earlier disk first"

    looks_again(api, on_disk)
    if reached:  # nothing but the ConfigMap is missing
        marking(api, None)
        assert api.objects[RECORD]["data"]["id"] == on_disk
    else:
        marking(api, PATH)
    assert api.objects[RECORD]["data"] == api.objects[MIRROR]["data"]
    assert api.objects[RECORD]["data"]["id"] == new_id(api)


def test_a_cluster_that_does_not_take_the_id_is_told() -> None:
    api = looked()
    known(api, "3-aa")

    def refuse(step: str) -> None:
        if step == "before patch":
            raise ClusterRefusedError(403, "forbidden")

    api.step = refuse
    with pytest.raises(CommandError, match="the disk has a new id, and the cluster does not know it: forbidden"):
        marking(api, PATH)


def test_one_that_was_not_is_not() -> None:
    api = looked()
    with pytest.raises(CommandError):
        marking(api, "no")
    assert RECORD not in api.objects


def test_a_disk_is_marked_by_who_types_its_path() -> None:
    api = looked()
    said, asked = marking(api, PATH)
    assert asked == [f"Type {PATH} to mark it: "]
    assert said[-1].startswith(f"{PATH} is marked.")
    assert not any("{" in words for words in said), "the report is for the program"
    assert made(api) == ["look-at-disk", "mark-disk"]
    (container,) = api.made[-1]["spec"]["template"]["spec"]["containers"]
    assert {"name": "SEEN", "value": "45-6"} in container["env"]


@pytest.mark.parametrize("answer", ["", "yes", "/var/mnt/photo", "/var/mnt", None])
def test_it_is_not_marked_by_anything_else(answer: str | None) -> None:
    api = looked()
    with pytest.raises(CommandError) as error:
        marking(api, answer)
    assert str(error.value) == f"that is not {PATH}: nothing was marked"
    assert made(api) == ["look-at-disk"]


@pytest.mark.parametrize("answer", ["", "no", None])
def test_one_that_is_marked_is_left_alone(answer: str | None) -> None:
    api = looked(report_of("3-aa"))
    known(api, "3-aa")
    said, _ = marking(api, answer)
    assert any(line.startswith(f"{PATH} is marked as the photo disk already (.immich-icloud).") for line in said)
    assert said[-1] == "Nothing was changed."
    assert made(api) == ["look-at-disk"]
    assert api.objects[RECORD]["data"]["id"] == "3-aa"


def test_what_can_not_be_looked_at_is_not_marked() -> None:
    api = Jobs(step(ended(1, f"there is no directory {PATH}"), FAILED))
    with pytest.raises(JobError, match=f"there is no directory {PATH}"):
        marking(api, PATH)
    assert made(api) == ["look-at-disk"]


@pytest.mark.parametrize("report", ["", "Files: 2", '{"code":"unmarked","message":"cut o', '{"code":"unmarked"}'])
def test_a_look_that_can_not_be_read_marks_nothing(report: str) -> None:
    api = looked(report)
    with pytest.raises(CommandError, match="what the look found could not be read, so nothing was marked"):
        marking(api, PATH)
    assert made(api) == ["look-at-disk"]


# The frame.


@pytest.fixture
def frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["command", "test", "anna"])
    monkeypatch.setattr(command, "settings_of", lambda _: household())
    monkeypatch.setattr(command, "ClusterApi", lambda _: Jobs(DONE))


@pytest.mark.usefixtures("frame")
def test_a_command_gets_stack_and_account() -> None:
    got: list[tuple[str, str | None]] = []
    command.main(lambda stack, account: got.append((stack.name, account)))
    assert got == [("test", "anna")]


@pytest.mark.usefixtures("frame")
@pytest.mark.parametrize(
    ("fault", "more"),
    [
        (CommandError("x"), ""),
        (JobError("x"), ""),
        (StackError("x"), ""),
        (CommandError("`kubectl get pods` lists them"), household().cluster.kubectl),
    ],
)
def test_an_expected_fault_is_one_line_and_the_clusters_kubectl_another(fault: Exception, more: str) -> None:
    def fail(_stack: Stack, _account: str | None) -> None:
        raise fault

    with pytest.raises(SystemExit) as end:
        command.main(fail)
    first, *others = str(end.value.code).splitlines()
    assert first == f"error: {fault}"
    assert [line.partition(": ")[2] for line in others] == [more] * bool(more)


@pytest.mark.usefixtures("frame")
def test_an_interruption_has_the_shells_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_stack: Stack, _account: str | None) -> None:
        raise KeyboardInterrupt

    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    command.main(interrupted)
    assert codes == [130]
