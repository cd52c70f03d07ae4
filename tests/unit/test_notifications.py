"""Notifications: what is sent, to whom, and what becomes of a run whose notification reached no one."""

import json
import logging
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from pydantic import ValidationError

from clients import pod_end
from clients.result import Code, Result
from components import notifications, photo_sync, pod_security, tell
from components.ownership import Ownership
from components.plan import Found
from lab.node.programs import put
from settings import Settings, SettingsError, parse
from settings.notifications import Endpoint, Notifications
from settings.stack_file import plain_leaves
from tests.accounts import household
from tests.node_stand_in import Ended, Node
from tests.objects import SERVERS, STACK
from tests.receivers import Receivers, receivers
from tests.stack_files import VALID, as_text, configuration
from tests.unit.recording import Recording, deployed

TODAY = datetime.now(UTC).date()
LOGIN = "make icloud-login STACK=test ACCOUNT=anna"
KEY = "immich-icloud:notifications"
# Of a photo, of a token, and of an Apple ID: none of them may be sent or shown.
SECRET, PHOTO = "hush5", "IMG_0042.HEIC"


def household_told(**stated: Any) -> Settings:
    told = Notifications.model_validate({"urls": ["json://127.0.0.1/hush5"], **stated})
    return household().model_copy(update={"notifications": told})


# settings


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("ntfys://ntfy.lan/photos", Endpoint("ntfy.lan", 443)),
        ("ntfy://10.0.0.7:8080/photos", Endpoint("10.0.0.7", 8080)),
        ("json://hook.home.svc.cluster.local/x", Endpoint("hook.home.svc.cluster.local", 80)),
        ("mailtos://anna:hush5@gmail.com", Endpoint("smtp.gmail.com", 587)),
        ("mailto://mail.lan?from=a@example.com&to=b@example.com", Endpoint("mail.lan", 25)),
        ("hassio://home.lan/hush5", Endpoint("home.lan", 8123)),
        ("mqtt://mq.lan/photos", Endpoint("mq.lan", 1883)),  # what needs a library is not refused for the lack of it
        ("rsyslog://log.lan", Endpoint("log.lan", 514, "UDP")),
        ("tgram://123456789:AAEhush5xxxxxxxxxxxxxxxxxxxxxxxxxxxxx/12315", Endpoint("", 443)),
    ],
)
def test_where_a_url_leads_is_what_apprise_makes_of_it(url: str, endpoint: Endpoint) -> None:
    assert list(Notifications.model_validate({"urls": [url]}).endpoints()) == [endpoint]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hush5",
        "ntfi://hush5.example/photos",
        "json://",
        "tgram://hush5",
        "mqtts://hush5:99999/photos",
        "ntfy://h/hush5,json://h/hush5",  # two
        "ntfy://h/hush5 json://h/hush5",
        "json://h/hush5\n",
        "https://example.com/hush5",
    ],
)
def test_a_url_that_apprise_cannot_read_is_refused_without_a_word_of_it(
    url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    minimal = configuration(next(file for file in VALID if file.name == "minimal.yaml"))
    with caplog.at_level(logging.DEBUG), pytest.raises(SettingsError) as refused:
        parse(minimal | {KEY: as_text({"urls": [url]})}, {KEY})
    assert [problem.partition(":")[2].split(": ")[0] for problem in refused.value.problems] == ["notifications.urls[0]"]
    assert SECRET not in str(refused.value) + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("url", ["", "hush5", "ftp://h/hush5", "https://", "http://h:99999/hush5", "http://h/hu sh5"])
def test_a_heartbeat_is_a_url_of_the_web(url: str) -> None:
    with pytest.raises(ValidationError):
        Notifications.model_validate({"heartbeat": url})


@pytest.mark.parametrize("stated", [{}, {"on": ["failure"]}, {"urls": []}])
def test_failures_are_notified_or_monitored(stated: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Notifications.model_validate(stated)


@pytest.mark.parametrize(
    ("encrypted", "plain", "named"),
    [
        ((), (), ["notifications"]),
        ((KEY,), (f"{KEY}.urls[0]", f"{KEY}.on[0]"), ["notifications.urls[0]"]),
        ((KEY,), (f"{KEY}.heartbeat",), ["notifications.heartbeat"]),
        ((KEY,), (f"{KEY}.on[0]",), []),
    ],
)
def test_urls_are_stored_encrypted_and_when_to_tell_need_not_be(
    encrypted: tuple[str, ...], plain: tuple[str, ...], named: list[str]
) -> None:
    minimal = configuration(next(file for file in VALID if file.name == "minimal.yaml"))
    stated = {"urls": ["json://h/hush5"], "heartbeat": "http://h/hush5", "on": ["failure"]}
    problems: list[str] = []
    try:
        parse(minimal | {KEY: as_text(stated)}, encrypted, plain)
    except SettingsError as refused:
        problems = refused.problems
    assert [problem.partition(":")[2].split(": ")[0] for problem in problems] == named
    assert SECRET not in str(problems)


@pytest.mark.parametrize("shown", ["on: [failure]", "'on': [failure]", "<<: {on: [failure]}"])
def test_on_is_a_text_as_for_the_engine(shown: str, tmp_path: Path) -> None:
    """For YAML 1.1, and so for Python's reader, it is the value true."""
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(f"config:\n  {KEY}:\n    {shown}\n    urls: [{{secure: v1:abc}}]\n")
    assert plain_leaves(file) == {f"{KEY}.on[0]"}


# what is deployed


@pytest.fixture(scope="module")
def told() -> Recording:
    urls = ["ntfy://10.0.0.7:8080/hush5", "mailtos://a:hush5@mail.lan", "gotifys://push.lan/hush5hush5hush5"]
    return deployed(household_told(urls=urls, heartbeat="http://kuma.watch.svc:80/api/push/hush5"), Found(SERVERS))


def pod_of(stack: Recording) -> dict[str, Any]:
    spec = stack.one("CronJob", "icloud-sync-anna").inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return dict(spec)


def test_without_notifications_nothing_of_the_pod_is_another() -> None:
    stack = deployed(household(), Found(SERVERS))
    spec = pod_of(stack)
    (container,) = spec["containers"]
    assert "initContainers" not in spec
    assert {volume["name"] for volume in spec["volumes"]} == {"photos", "cookies", "credentials", "tmp"}
    assert "VERDICT" not in str(container["env"])
    assert "keep_verdict" not in str(container["command"])
    assert [one.inputs["metadata"]["name"] for one in stack.all("Secret")] == ["icloud-credentials-anna"]


def test_the_sync_comes_first_and_the_teller_has_neither_session_nor_password_nor_photos(told: Recording) -> None:
    spec = pod_of(told)
    (sync,), (teller,) = spec["initContainers"], spec["containers"]
    assert (sync["name"], photo_sync.fetching(spec)) == ("icloudpd", sync)
    mounts = {mount["name"]: mount.get("subPath") for mount in teller["volumeMounts"]}
    assert mounts == {"verdict": None, "cookies": "told", "tmp": None}
    assert pod_security.needed(spec) == "restricted"


def test_the_urls_are_in_the_secret_alone(told: Recording) -> None:
    secret = told.one("Secret", notifications.SECRET)
    assert "stringData" in secret.secrets
    assert [r.name for r in told.resources if r is not secret and SECRET in str(r.inputs)] == []
    (teller,) = pod_of(told)["containers"]
    referred = {one["name"]: one["valueFrom"]["secretKeyRef"]["key"] for one in teller["env"] if "valueFrom" in one}
    assert referred == {"URLS": "urls", "HEARTBEAT": "heartbeat"}
    (cron_job,) = told.all("CronJob")
    assert any(name.endswith("notifications") for name in cron_job.depends_on)


def test_the_network_lets_out_to_each_receiver(told: Recording) -> None:
    tcp = {"protocol": "TCP"}
    *_, https = photo_sync._out_only({"icloudpd"})["egress"]  # noqa: SLF001
    rules = told.one("NetworkPolicy", photo_sync.NETWORK_POLICY).inputs["spec"]["egress"]
    assert rules[rules.index(https) + 1 :] == [
        {"ports": [tcp | {"port": 587}]},
        {"to": [{"ipBlock": {"cidr": "10.0.0.7/32"}}], "ports": [tcp | {"port": 8080}]},
        {
            # The port of its pods, which a policy sees, is known to the Service alone.
            "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watch"}}}],
            "ports": [tcp],
        },
    ]


# what is told


def run(code: str, message: str = "", **more: Any) -> tell.Run:
    return tell.Run(0 if code == Code.SYNCED else 1, {"code": code, "message": message, **more})


def environment(**stated: str) -> dict[str, str]:
    known = {"ON": "failure sessionEnding recovered", "ACCOUNT": "anna", "AHEAD": "1", "LOGIN": LOGIN}
    return {**known, "VERIFY": "make verify STACK=test", "SYNC": "make sync-now STACK=test ACCOUNT=anna", **stated}


def keys(ended: tell.Run, *, failed_before: bool = False, **stated: str) -> list[str]:
    found = tell.messages(ended, environment(**stated), failed_before=failed_before, today=TODAY)
    return [message.key for message in found]


def in_days(days: int) -> str:
    return str(TODAY + timedelta(days=days))


def test_only_what_is_asked_for_is_told() -> None:
    ending = in_days(6)
    assert keys(run(Code.NO_SPACE)) == ["failure no-space"]
    assert keys(run(Code.NO_SPACE), ON="sessionEnding recovered") == []
    assert keys(run(Code.SYNCED), failed_before=True) == ["recovered"]
    assert keys(run(Code.SYNCED), failed_before=True, ON="failure sessionEnding") == []
    assert keys(run(Code.SYNCED, sessionEnd=ending)) == ["sessionEnding"]
    assert keys(run(Code.SYNCED, sessionEnd=ending), ON="failure recovered") == []


def test_a_success_after_a_success_sends_nothing() -> None:
    assert keys(run(Code.SYNCED, sessionEnd=in_days(60))) == []


@pytest.mark.parametrize("ahead", [1, 7, 31])
def test_a_sessions_end_is_told_at_least_seven_days_before_it(ahead: int) -> None:
    """The last run that can tell it is the one after which the next comes with less than seven days left."""
    left = next(
        days
        for days in range(99, -1, -1)
        if keys(run("x", sessionEnd=in_days(days)), ON="sessionEnding", AHEAD=str(ahead))
    )
    assert left - ahead < 7 <= left


def test_where_apple_does_not_say_a_session_lasts_thirty_days() -> None:
    assert keys(run(Code.SYNCED, signedIn=in_days(-23))) == ["sessionEnding"]
    assert keys(run(Code.SYNCED, signedIn=in_days(-22))) == []
    assert keys(run(Code.SYNCED)) == []


def test_a_session_that_has_ended_is_told_as_a_failure_alone() -> None:
    ended = run(Code.SIGNED_OUT, f"Sign in: {LOGIN}", sessionEnd=in_days(-1))
    (message,) = tell.messages(ended, environment(), failed_before=False, today=TODAY)
    assert (message.key, "sync-now" in message.body) == ("failure signed-out", False)


@pytest.mark.parametrize("code", [*Code, "of-another-version", ""])
def test_no_failures_message_names_a_photo_but_for_codes_whose_sentence_never_does(code: str) -> None:
    ended = tell.Run(1, {"code": code, "message": f"it went wrong at {PHOTO}"})
    (message,) = tell.messages(ended, environment(ON="failure"), failed_before=False, today=TODAY)
    assert (PHOTO in message.body) == (code in tell._PLAIN)  # noqa: SLF001
    assert "anna" in message.title
    assert message.body.count("make ") >= 1


def test_each_code_of_a_sync_has_a_sentence() -> None:
    folder = Path(tell.__file__).parent
    scripts = "".join((folder / name).read_text() for name in ("sync.sh", "session.sh"))
    ends = re.findall(r"(?:fail|refuse|finish|printf '%s\\n') ([a-z-]+) ", scripts)
    cases = re.findall(r"^ +([a-z-]+(?: \| [a-z-]+)*)\)$", (folder / "explain.sh").read_text(), re.MULTILINE)
    explained = [code for case in cases for code in case.split(" | ")]
    assert {*ends, *explained} == tell._PLAIN | {*tell._QUOTING}  # noqa: SLF001


def test_the_scripts_sentences_that_are_sent_as_they_are_quote_nothing() -> None:
    """Each `fail` of a code that is sent verbatim: of what it puts in, nothing is a path or the client's words."""
    quoting = ("$first", "$last", "${2-}", "${2:+", "$path", 'head -n 1 "$work/wanted', "$work/closed")
    folder = Path(tell.__file__).parent
    script = (folder / "sync.sh").read_text().replace("\\\n", "")
    for line in script.splitlines():
        words = line.split()
        if "fail" in words and (code := words[words.index("fail") + 1]) in tell._PLAIN:  # noqa: SLF001
            assert not any(word in line for word in quoting), code
    explained = (folder / "explain.sh").read_text().replace("\\\n", "")
    for case in explained.split(";;"):
        codes = set(case.strip().partition(")")[0].replace(" ", "").split("|"))
        if any(word in case for word in quoting):
            assert not codes & tell._PLAIN, codes  # noqa: SLF001


# what is sent


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return put(tmp_path_factory.mktemp("image"))


@pytest.fixture
def watching() -> Iterator[Receivers]:
    with receivers() as made:
        yield made


class House:
    """A node on which the pod of anna's sync has come to its last container."""

    def __init__(self, base: Path, image: Any, urls: tuple[str, ...], heartbeat: str = "") -> None:
        self.settings = household_told(urls=list(urls), **({"heartbeat": heartbeat} if heartbeat else {}))
        self.told = base / "disk" / "icloud-cookies-anna" / "told"
        self.told.mkdir(parents=True)
        (base / "secret").mkdir()
        (base / "secret" / "urls").write_text("\n".join(urls))
        (base / "secret" / "heartbeat").write_text(heartbeat)
        self.node = Node(base / "disk", base / "record", image, base / "secret")

    def tell(self, code: int, result: Result | None) -> Ended:
        planned = photo_sync.sync(self.settings, Ownership(STACK))
        assert planned
        job = planned.accounts[0].cron_job["spec"]["jobTemplate"]
        places = self.node.places(job)
        verdict = places["verdict"]
        (verdict / "code").write_text(f"{code}\n")
        (verdict / "result").write_text(result.model_dump_json(by_alias=True, exclude_defaults=True) if result else "")
        return self.node.start(job, places=places).end(limit=180)

    def test(self) -> Ended:
        return self.node.start(photo_sync.notification_test(self.settings, Ownership(STACK))).end(limit=180)


def test_each_receiver_hears_of_a_failure_once_a_day_and_of_the_recovery(
    tmp_path: Path, image: Any, watching: Receivers
) -> None:
    house = House(tmp_path, image, watching.urls, watching.heartbeat)
    no_space = Result(code=Code.NO_SPACE, message="the photo disk has 5 MiB left. Free up space on it")
    for _ in range(2):
        ended = house.tell(1, no_space)
        assert (ended.code, ended.message, ended.error) == (1, "", "")
    for messages in watching.each():
        ((title, text),) = messages
        assert "anna" in title
        assert "no-space" in title
        assert "Free up space on it" in text
        assert "make sync-now STACK=test ACCOUNT=anna" in text
    assert watching.hook.requests == []  # the heartbeat is silent

    # By the pod's clock: the day of this file's import may be over.
    in_six_days = datetime.now(UTC).date() + timedelta(days=6)
    good = Result(code=Code.SYNCED, message="account anna is synchronised", sessionEnd=in_six_days)
    ended = house.tell(0, good)
    assert (ended.code, ended.message) == (0, "")
    for messages in watching.each():
        (_, (recovered, _), (ending, how)) = messages
        assert "works again" in recovered
        assert "6 days" in ending
        assert LOGIN in how
    assert watching.hook.requests == ["/ping/hush5"]
    assert SECRET not in ended.out + ended.error

    house.tell(0, good)
    assert [len(messages) for messages in watching.each()] == [3, 3, 3]
    assert watching.hook.requests == ["/ping/hush5"] * 2


def test_a_run_keeps_its_verdict_when_nothing_can_be_sent(tmp_path: Path, image: Any, watching: Receivers) -> None:
    house = House(tmp_path, image, ("json://127.0.0.1:1/hush5", watching.urls[2]))
    ended = house.tell(1, None)
    assert ended.code == 1
    assert ended.result.code == Code.NOT_SENT
    assert "urls[0]" in ended.result.message
    assert "urls[1]" not in ended.result.message
    assert SECRET not in ended.out + ended.error + ended.message
    assert len(watching.hook.messages) == 1


def test_an_unsent_recovery_is_sent_by_the_next_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []
    up = [True]

    def sent(message: tell.Message, _url: str) -> bool:
        reached.extend([message.key] * up[0])
        return up[0]

    monkeypatch.setattr(tell, "sent", sent)
    stated = environment(TOLD=str(tmp_path), URLS="json://h")
    tell.tell(run(Code.NO_SPACE), stated, TODAY)
    up[0] = False
    assert tell.tell(run(Code.SYNCED), stated, TODAY) != []
    up[0] = True
    for _ in range(2):
        assert tell.tell(run(Code.SYNCED), stated, TODAY) == []
    assert reached == ["failure no-space", "recovered"]
    up[0] = False
    tell.tell(run(Code.SYNCED, sessionEnd=in_days(1)), stated, TODAY)
    up[0] = True
    tell.tell(run(Code.SYNCED), stated, TODAY)
    assert reached == ["failure no-space", "recovered"], "no run failed"


def test_the_same_failure_is_told_again_on_another_day_and_another_one_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []

    def sent(message: tell.Message, _url: str) -> bool:
        reached.append(message.key)
        return True

    monkeypatch.setattr(tell, "sent", sent)
    stated = environment(TOLD=str(tmp_path), URLS="json://h")
    for ended, day in (
        (run("busy"), TODAY),
        (run("locked"), TODAY),
        (run("busy"), TODAY),
        (run("busy"), TODAY + timedelta(1)),
    ):
        tell.tell(ended, stated, day)
    assert reached == ["failure busy", "failure locked", "failure busy"]


@pytest.mark.parametrize("state", ["", "{", "[]", '{"said": {"failure busy": 7}}'])
def test_an_unreadable_state_does_not_stop_notifications(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tell, "sent", lambda *_: True)
    (tmp_path / "told.json").write_text(state)
    assert tell.tell(run("busy"), environment(TOLD=str(tmp_path), URLS="json://h"), TODAY) == []
    assert json.loads((tmp_path / "told.json").read_text())["failed"] is True
    assert tell.tell(run("busy"), environment(TOLD=str(tmp_path / "gone"), URLS="json://h"), date(2026, 1, 1)) == []


def test_a_heartbeat_that_does_not_answer_is_tried_again_and_reported(watching: Receivers) -> None:
    assert tell.requested(watching.heartbeat, pauses=(0,))
    assert not tell.requested("http://127.0.0.1:1/hush5", pauses=(0, 0))


@pytest.mark.parametrize(
    ("ended", "asks"), [(run(Code.SYNCED), True), (run(Code.BUSY), False), (tell.Run(0, {}), False)]
)
def test_the_heartbeat_is_of_whole_runs_and_its_failure_is_reported(
    ended: tell.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, asks: bool
) -> None:
    monkeypatch.setattr(tell, "requested", lambda url: url != "http://h")
    lost = tell.tell(ended, environment(TOLD=str(tmp_path), HEARTBEAT="http://h"), TODAY)
    assert lost == ["notifications.heartbeat could not be reached"] * asks


@pytest.mark.parametrize("error", [OSError(), subprocess.TimeoutExpired("apprise", 120)])
def test_a_receiver_that_hangs_is_not_reached(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", Mock(side_effect=error))
    assert not tell.sent(tell.Message("", "info", "", ""), "json://h")


def test_a_test_says_which_receiver_it_did_not_reach(tmp_path: Path, image: Any, watching: Receivers) -> None:
    good = House(tmp_path / "a", image, watching.urls[2:])
    assert (good.test().code, len(watching.hook.messages)) == (0, 1)
    bad = House(tmp_path / "b", image, ("json://127.0.0.1:1/hush5",)).test()
    assert (bad.code, bad.result.code) == (1, Code.NOT_SENT)
    assert "urls[0]" in bad.result.message


# how it is read


def terminated(code: int, message: str = "") -> dict[str, Any]:
    return {"name": "c", "state": {"terminated": {"exitCode": code, "message": message}}}


NOT_SENT = '{"code":"not-sent","message":"notifications.urls[0] could not be reached"}'
FAILED = '{"code":"no-space","message":"the photo disk is full"}'


@pytest.mark.parametrize(("said", "unsent"), [("", ""), (NOT_SENT, "notifications.urls[0] could not be reached")])
def test_a_runs_reason_is_the_syncs_whoever_was_told(said: str, unsent: str) -> None:
    status = {"initContainerStatuses": [terminated(0, FAILED)], "containerStatuses": [terminated(1, said)]}
    end = pod_end.of({"status": status})
    assert (end.reason, end.result and end.result.code, end.unsent) == ("the photo disk is full", "no-space", unsent)
