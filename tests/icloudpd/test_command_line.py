"""Our command line and the words that our script waits for, held against the real icloudpd."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components import icloudpd as client
from components import images
from components.icloudpd import arguments
from lab.node.icloudpd import REQUIREMENTS
from settings.photo_sync import Account
from tests import icloudpd_stand_in as words

Meant = dict[str, Any]
Ask = Callable[[list[str]], Meant]


@pytest.fixture(scope="module")
def ask(icloudpd_python: Path) -> Iterator[Ask]:
    """Asks the real parser what a command line means; what it says on a refusal goes to the test's own stderr."""
    driver = Path(__file__).with_name("driver.py")
    command: list[str | Path] = [icloudpd_python, "-I", driver]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout

        def asked(words: list[str]) -> Meant:
            assert process.stdin
            assert process.stdout
            print(json.dumps(words), file=process.stdin, flush=True)
            meant: Meant = json.loads(process.stdout.readline())
            return meant

        yield asked
        process.stdin.close()


def meant(ask: Ask, account: Account) -> Meant:
    """What icloudpd makes of an account, with the word that the script adds."""
    return ask([*arguments(account, "icloud-import"), "--username", "Anna@example.com"])


def described(**keys: Any) -> Account:
    return Account.model_validate({"name": "anna", **keys})


def test_the_image_is_of_the_version_that_is_held_against() -> None:
    assert f"icloudpd=={images.ICLOUDPD.partition(':')[2].partition('@')[0]} " in REQUIREMENTS.read_text()


def test_an_account_that_says_nothing(ask: Ask) -> None:
    said = meant(ask, described())
    assert (
        said
        | {
            "code": 0,
            "username": "anna@example.com",
            "password": None,
            "directory": "icloud-import",
            "cookie_directory": "/cookies",
            "password_providers": ["console"],
            "mfa_provider": "console",
            "log_level": "debug",
            "no_progress_bar": True,
            "domain": "com",
            "library": "PrimarySync",
            "albums": [],
            "folder_structure": "{:%Y/%m/%d}",
            "sizes": ["original"],
            "skip_live_photos": False,
            "recent": None,
            "until_found": None,
            "dry_run": False,
            "only_print_filenames": False,
            "watch_with_interval": None,
        }
        == said
    )


def test_nothing_is_ever_deleted_at_apple(ask: Ask) -> None:
    said = meant(ask, described())
    assert (said["delete_after_download"], said["keep_icloud_recent_days"], said["auto_delete"]) == (False, None, False)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"albums": ["Favorites", "Été à la mer"]}, {"albums": ["Favorites", "Été à la mer"]}),
        ({"library": "SharedSync-9DD9B767"}, {"library": "SharedSync-9DD9B767"}),
        ({"folderStructure": "none"}, {"folder_structure": "none"}),
        ({"livePhotos": "none"}, {"skip_live_photos": True}),
        ({"livePhotos": "medium"}, {"skip_live_photos": False, "live_photo_size": "medium"}),
        ({"sizes": ["original", "adjusted"]}, {"sizes": ["original", "adjusted"]}),
        ({"recent": 5}, {"recent": 5}),
        ({"domain": "cn"}, {"domain": "cn"}),
        ({"dryRun": True}, {"dry_run": True}),
    ],
    ids=" ".join,
)
def test_each_setting_means_what_it_says(ask: Ask, keys: dict[str, Any], expected: Meant) -> None:
    said = meant(ask, described(**keys))
    assert said["code"] == 0
    assert {key: said[key] for key in expected} == expected


def test_what_the_script_adds(ask: Ask) -> None:
    said = ask([*arguments(described(), "icloud-import"), "--username", "anna@example.com", "--until-found", "50"])
    assert (said["code"], said["until_found"]) == (0, 50)


PARTS = ["{0:%Y}", "{0:%Y-%m}", "{0:%b %d}", "all", "x y", "{0}", "{1}", "..", "{:%Y}", "%Y"]


@given(
    structure=st.just("none") | st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map("/".join),
    album=st.from_regex(r"[^\s\x00-\x1f-][^\x00-\x1f]{0,9}", fullmatch=True),
)
def test_every_account_that_we_allow_is_understood(ask: Ask, structure: str, album: str) -> None:
    try:
        account = described(folderStructure=structure, albums=[album])
    except ValidationError:
        hypothesis.reject()
    said = meant(ask, account)
    assert (said["code"], said["folder_structure"], said["albums"]) == (0, structure, [album])


def test_a_word_that_icloudpd_does_not_know_is_refused(ask: Ask) -> None:
    """Else this file would show nothing."""
    assert ask(["--skip-live-photo", "--username", "anna@example.com", "--directory", "x"])["code"] == 2


@pytest.mark.parametrize(
    "said",
    [
        words.SIGNING_IN,
        words.TWO_FACTOR,
        words.ASKS_PASSWORD,
        words.ASKS_CODE,
        words.OR_SENDS_ONE,
        words.HAVE_BEEN_FETCHED,
        "Two-step authentication is required (2sa)",
        words.SIGNS_IN_ANEW.removesuffix(" (421)"),
        '"X-Apple-TwoSV-Trust-Token": "trust_token"',
        "KeyError: {ex} attribute was not found in the photo fields.",
    ],
)
def test_script_and_stand_in_have_icloudpds_own_words(icloudpd_python: Path, said: str) -> None:
    packages = icloudpd_python.parents[1].glob("lib/python*/site-packages")
    sources = [
        file for place in packages for name in ("icloudpd", "pyicloud_ipd") for file in place.glob(f"{name}/*.py")
    ]
    assert any(said in file.read_text() for file in sources)


def test_the_password_is_read_from_stdin_without_a_terminal(icloudpd_python: Path) -> None:
    program = "from icloudpd.base import ask_password_in_console as a; print('', a('anna@example.com'), sep='\\n')"
    ended = subprocess.run(
        [icloudpd_python, "-I", "-c", program],
        input="correct horse",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        start_new_session=True,
    )
    assert ended.stdout.endswith("\ncorrect horse\n")
    assert re.search(r"^iCloud Password for anna@example.com:", ended.stdout, re.MULTILINE)
    noise = [line for line in ended.stdout.splitlines() if "GetPassWarning" in line or "fallback_getpass" in line]
    assert len(noise) == 2
    assert "Warning: Password input may be echoed." in ended.stdout


def test_signing_in(ask: Ask) -> None:
    words = [
        *client.questions(described(domain="cn")),
        "--auth-only",
        "--cookie-directory",
        "/cookies/new",
        "--username",
        "a@b.c",
    ]
    said = ask(words)
    expected = {
        "code": 0,
        "auth_only": True,
        "username": "a@b.c",
        "password": None,
        "cookie_directory": "/cookies/new",
        "password_providers": ["console"],
        "mfa_provider": "console",
        "domain": "cn",
        "directory": None,
    }
    assert {key: said[key] for key in expected} == expected


# Icloudpd's own questions, put to Apple's stand-in.
_ASKS = """
import logging, sys
from types import SimpleNamespace as Object
from icloudpd.authentication import request_2fa
from icloudpd.base import ask_password_in_console

class Apple:
    def trigger_push_notification(self): return True
    def get_trusted_phone_numbers(self): return [Object(id=7, obfuscated_number="(•••) •••-••12")]
    def validate_2fa_code(self, code): return code == "123456"
    def send_2fa_code_sms(self, device): return device == 7
    def validate_2fa_code_sms(self, device, code): return (device, code) == (7, "654321")

assert ask_password_in_console("anna@example.com") == "correct horse"
logging.basicConfig(stream=sys.stdout, level="INFO")
request_2fa(Apple(), logging.getLogger())
"""


@pytest.mark.parametrize(
    "answers",
    [
        [("device index (a) to send SMS with a code: ", "123456")],
        [
            ("device index (a) to send SMS with a code: ", "a"),
            ("Please enter two-factor authentication code that you received over SMS: ", "654321"),
        ],
    ],
    ids=["a device's code", "by SMS"],
)
def test_it_asks_at_once_without_a_terminal(icloudpd_python: Path, answers: list[tuple[str, str]]) -> None:
    """Password and code come from one stream, and each prompt is there before it is answered."""
    with subprocess.Popen(
        [icloudpd_python, "-I", "-c", _ASKS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"LANG": "C.UTF-8"},
        start_new_session=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"correct horse\n")
        said = ""
        for prompt, answer in answers:
            process.stdin.flush()
            while not said.endswith(prompt):
                chunk = os.read(process.stdout.fileno(), 4096)
                assert chunk, said
                said += chunk.decode()
            process.stdin.write(f"{answer}\n".encode())
        process.stdin.close()
        said += process.stdout.read().decode()
    assert process.returncode == 0, said
    assert "  a: (•••) •••-••12\n" in said
    assert "Great, you're all set up." in said
