"""The script that signs an account in, on stand-ins for node and icloudpd, under each shell at hand."""

import os
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from clients.result import Code
from components import pod_security, sign_in
from components.ownership import Ownership
from lab.node.container import Image
from settings import Settings
from tests.accounts import APPLE_ID, PASSWORD, household, sync_job
from tests.icloudpd_stand_in import Icloudpd, cookies, log, prompt
from tests.node_stand_in import Ended, Node, Started, shells
from tests.objects import STACK

CODE = "123456"
LOGIN = "make icloud-login STACK=test ACCOUNT=anna"
END = int(time.time()) + 60 * 24 * 3600
ASKS_FOR_PASSWORD = prompt(f"iCloud Password for {APPLE_ID}:") + "IFS= read -r password\n"
ASKS_FOR_CODE = (
    log("INFO", "Two-factor authentication is required (2fa)")
    + "echo '  a: (•••) •••-••12'\n"
    + prompt("Please enter two-factor authentication code or device index (a) to send SMS with a code: ")
    + "IFS= read -r code || { echo 'EOFError: EOF when reading a line'; exit 1; }\n"
)
FAILS = log("INFO", "Failed to verify two-factor authentication code") + "exit 1\n"


def signing_in(place: Path) -> str:
    """What icloudpd does: it asks, keeps a session from Apple's first answer on, and is trusted for the right code."""
    jar = place / "cookie-jar"
    cookies(jar, {"X-APPLE-DS-WEB-SESSION-TOKEN": END})
    return (
        'case " $* " in *" --list-libraries "*) exit 0 ;; esac\n'
        'while [ "$1" != --cookie-directory ]; do shift; done\n'
        f"{ASKS_FOR_PASSWORD}"
        f'[ "$password" = {shlex.quote(PASSWORD)} ] || {{ echo "Invalid email/password combination."; exit 1; }}\n'
        """echo '{"client_id": "new"}' >"$2/annaexamplecom.session"\n"""
        f"{ASKS_FOR_CODE}"
        f'[ "$code" = {CODE} ] || {{ {FAILS.replace(chr(10), "; ")} }}\n'
        """echo '{"client_id": "new", "trust_token": "x"}' >"$2/annaexamplecom.session"\n"""
        f'cp {shlex.quote(str(jar))} "$2/annaexamplecom"\n' + log("INFO", "Authentication completed successfully")
    )


def job(settings: Settings) -> dict[str, Any]:
    return sign_in.job(settings.photo_sync.accounts[0], settings, Ownership(STACK), date(2026, 11, 26))


@dataclass(frozen=True)
class House:
    """A node, and an account that was signed in before."""

    node: Node
    icloudpd: Icloudpd

    @property
    def cookies(self) -> Path:
        return self.node.path("icloud-cookies-anna")

    def start(self) -> Started:
        settings = household()
        command = sign_in.command(settings.photo_sync.accounts[0], settings)
        return self.node.start(job(settings), command=command, stdin=subprocess.PIPE)

    def type(self, typed: str) -> Ended:
        return self.start().end(typed)

    def found(self) -> dict[str, str]:
        return {str(p.relative_to(self.cookies)): p.read_text() for p in self.cookies.rglob("*") if p.is_file()}


@pytest.fixture(params=list(shells().values()), ids=list(shells()))
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    base = Path(tempfile.mkdtemp(prefix="house-"))
    for name in ("disk", "secret", "image", "disk/icloud-cookies-anna", "disk/icloud-cookies-anna/lost+found"):
        (base / name).mkdir()
    (base / "secret" / "appleId").write_text(APPLE_ID)
    (base / "secret" / "password").write_text(PASSWORD)
    icloudpd = Icloudpd.at(base / "image" / "icloudpd")
    icloudpd.converse(signing_in(base))
    image = Image(request.param, {"/app/icloudpd": icloudpd.place})
    node = Node(base / "disk", base / "record", image, base / "secret")
    made = House(node, icloudpd)
    (made.cookies / "annaexamplecom.session").write_text('{"client_id": "old", "trust_token": "old"}')
    (made.cookies / "annaexamplecom").write_text("old")
    yield made
    shutil.rmtree(base)


def test_the_code_signs_in(house: House) -> None:
    ended = house.type(f"{CODE}\n")
    assert ended.code == 0
    assert (ended.result.code, ended.result.session_end) == (Code.SIGNED_IN, datetime.fromtimestamp(END, UTC).date())
    assert ended.log[-1].startswith("the session of account anna is valid until about ")
    assert house.found()["annaexamplecom.session"] == '{"client_id": "new", "trust_token": "x"}\n'
    assert house.found()["annaexamplecom"] != "old"
    assert house.found()["signed-in"] == f"{datetime.now(UTC):%Y-%m-%d}\n"
    assert not (house.cookies / "signing-in").exists()


def test_the_session_is_private_to_its_account(house: House) -> None:
    house.cookies.chmod(0o777)
    (house.cookies / "annaexamplecom").chmod(0o644)
    house.type(f"{CODE}\n")
    places = [house.cookies, *(place for place in house.cookies.iterdir() if place.is_file())]
    assert {place.name: place.stat().st_mode & 0o077 for place in places} == dict.fromkeys((p.name for p in places), 0)


def test_the_sync_takes_it_for_signed_in(house: House) -> None:
    house.type(f"{CODE}\n")
    assert house.node.run(sync_job(household())).result.code != Code.SIGNED_OUT


def test_prompts_come_before_they_are_answered(house: House) -> None:
    started = house.start()
    stdout, stderr = started.process.stdout, started.process.stderr
    assert stdout
    assert stderr
    said = ""
    while not said.endswith("to send SMS with a code: "):
        said += os.read(stdout.fileno(), 4096).decode()
    # Where one output has ended, a runtime takes the input away.
    assert select.select([stderr], [], [], 0)[0] == []
    assert started.end(f"{CODE}\n").code == 0


@pytest.mark.parametrize(
    "typed", ["000000\n", "", "\x04\n", "\x04\n123456\n"], ids=["wrong", "gone", "end", "too late"]
)
def test_what_was_there_stays_without_a_sign_in(house: House, typed: str) -> None:
    before = house.found()
    ended = house.type(typed)
    assert ended.code == 1
    assert ended.result.code == Code.NOT_SIGNED_IN
    assert ended.result.message.endswith(f"Try again: {LOGIN}")
    assert house.found() == before


def test_an_exit_code_of_zero_without_trust_is_no_sign_in(house: House) -> None:
    house.icloudpd.converse(f"{ASKS_FOR_PASSWORD}exit 0\n")
    before = house.found()
    assert house.type("").code == 1
    assert house.found() == before


def test_trust_and_a_failure_are_no_sign_in(house: House) -> None:
    house.icloudpd.converse(signing_in(house.node.disk.parent) + "exit 1\n")
    before = house.found()
    assert house.type(f"{CODE}\n").code == 1
    assert house.found() == before


def test_the_end_of_what_is_typed_needs_no_end_of_the_connection(house: House) -> None:
    started = house.start()
    stdin = started.process.stdin
    assert stdin
    stdin.write("\x04\n")
    stdin.flush()
    assert started.process.wait(timeout=30) == 1
    started.process.communicate()


def test_the_cookies_of_another_apple_id_go(house: House) -> None:
    (house.cookies / "benexamplecom.session").write_text('{"trust_token": "old"}')
    house.type(f"{CODE}\n")
    assert sorted(house.found()) == ["annaexamplecom", "annaexamplecom.session", "signed-in"]


def test_what_was_left_of_one_that_was_killed_is_no_session(house: House) -> None:
    (house.cookies / "signing-in").mkdir()
    (house.cookies / "signing-in" / "old.session").write_text('{"trust_token": "old"}')
    house.icloudpd.converse(f"{ASKS_FOR_PASSWORD}exit 0\n")
    assert house.type("").code == 1


def test_ended_from_outside(house: House) -> None:
    before = house.found()
    started = house.start()
    assert started.process.stdout
    os.read(started.process.stdout.fileno(), 1)
    started.process.send_signal(signal.SIGTERM)
    assert started.end().code == 1
    assert house.found() == before


def test_the_password_is_nowhere_but_on_stdin(house: House) -> None:
    house.icloudpd.converse(signing_in(house.node.disk.parent) + "env\n")
    ended = house.type(f"{CODE}\n")
    assert ended.code == 0
    assert PASSWORD not in ended.out + ended.error
    assert PASSWORD not in " ".join(house.icloudpd.arguments)
    assert not any(PASSWORD in text for text in house.found().values())
    assert PASSWORD not in str(job(household()))
    assert APPLE_ID not in str(job(household())), "the Secret has it"


def test_its_pod_is_as_restricted_as_the_syncs(house: House) -> None:
    del house
    settings = household()
    ours, syncs = (made["spec"]["template"] for made in (job(settings), sync_job(settings)))
    assert pod_security.needed(ours["spec"]) == "restricted"
    context, own = syncs["spec"]["securityContext"], {"fsGroup": 1001, "fsGroupChangePolicy": "OnRootMismatch"}
    assert ours["spec"]["securityContext"] == context | own, "it gives the session's claim its group"
    for key in ("tolerations", "automountServiceAccountToken", "restartPolicy"):
        assert ours["spec"][key] == syncs["spec"][key], key
    assert ours["metadata"]["labels"] == syncs["metadata"]["labels"], "the NetworkPolicy goes by them"
    assert {volume["name"] for volume in ours["spec"]["volumes"]} == {"cookies", "credentials", "tmp"}
