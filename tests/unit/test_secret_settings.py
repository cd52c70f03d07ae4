"""What a stack file holds encrypted is never shown: in no error, wherever it was put, and in no text of Settings."""

import contextvars
import copy
import json
import re
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any

import pulumi
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr, ValidationError

from clients.cloudflare import Tunnel, Zone
from components.connector import Origin
from components.ownership import Ownership
from components.photo_sync import sync
from components.plan import Found
from components.public_access import FoundAtCloudflare
from settings import PROJECT, Settings, SettingsError, load, load_connections, parse
from settings.errors import sentences
from settings.model import Model
from settings.stack_file import plain_leaves
from tests.accounts import APPLE_ID, PASSWORD, household
from tests.objects import SERVERS
from tests.stack_files import DECRYPTED, VALID, as_text, configuration, document, places, secrets
from tests.unit.recording import deployed

TOKEN = f"{PROJECT}:cloudflareToken"
CREDENTIALS = f"{PROJECT}:icloudCredentials"
KNOWN_KEYS = [f"{PROJECT}:{field.alias}" for field in Settings.model_fields.values()]
MINIMAL = configuration(next(file for file in VALID if file.name == "minimal.yaml"))

# A part that is easily found again, and that is a good host and namespace by itself.
MARK = "hush5.example"
WELL_FORMED = "a-token-that-is-none_" * 2
SECRETS = st.just(MARK) | st.builds("{}{}{}".format, st.text(), st.just(MARK), st.text())


def told(refusing: Callable[[], object]) -> str:
    """Everything that could be printed of a refusal; nothing if there is none."""
    try:
        refusing()
    except SettingsError as error:
        return "\n".join([str(error), repr(error), *error.problems, *traceback.format_exception(error)])
    return ""


@given(key=st.sampled_from([*KNOWN_KEYS, f"{PROJECT}:cloudflare.token", "cloudflare:apiToken"]), secret=SECRETS)
def test_a_secret_in_the_place_of_a_whole_setting_is_not_told(key: str, secret: str) -> None:
    assert MARK not in told(lambda: parse(MINIMAL | {key: secret}, {key}))


def test_a_setting_that_is_not_read_hides_no_problem_of_another_with_its_beginning() -> None:
    with pytest.raises(SettingsError) as refused:
        parse(MINIMAL | {f"{PROJECT}:immich": "\ud800", f"{PROJECT}:immichApiKey": ""}, {f"{PROJECT}:immichApiKey"})
    assert [one.partition(": ")[0] for one in refused.value.problems] == [
        f"{PROJECT}:immich", f"{PROJECT}:immichApiKey",
    ]  # fmt: skip


@given(data=st.data(), secret=SECRETS)
def test_a_secret_deep_down_is_not_told(data: st.DataObject, secret: str) -> None:
    config = copy.deepcopy(document(data.draw(st.sampled_from(VALID)))["config"])
    *above, last = data.draw(st.sampled_from(list(places(config))))
    at = config
    for key in above:
        at = at[key]
    at[last] = data.draw(st.sampled_from([secret, [secret], {"kind": secret}, {"token": secret}]))

    assert MARK not in told(lambda: parse({key: as_text(value) for key, value in config.items()}, {(*above, last)[0]}))


@given(
    key=st.sampled_from([TOKEN, CREDENTIALS]),
    secret=SECRETS,
    wrapped=st.sampled_from(
        [
            lambda text: text,
            lambda text: [text],
            lambda text: {"token": text},
            lambda text: {"anna": {"appleId": "anna@example.com", "password": text}},
        ]
    ),
)
def test_a_secret_in_plain_text_is_refused_once_and_not_told(
    key: str, secret: str, wrapped: Callable[[str], Any]
) -> None:
    config = MINIMAL | {key: as_text(wrapped(secret))}

    with pytest.raises(SettingsError, match=f"{key}: is in plain text") as refused:
        parse(config)
    assert len(refused.value.problems) == 1
    assert MARK not in told(lambda: parse(config))


def test_settings_keep_the_token_and_do_not_show_it() -> None:
    settings = parse(MINIMAL | {TOKEN: WELL_FORMED}, {TOKEN})

    assert settings.cloudflare_token
    assert settings.cloudflare_token.get_secret_value() == WELL_FORMED
    for text in (repr(settings), str(settings), repr(settings.model_dump()), settings.model_dump_json()):
        assert WELL_FORMED not in text


def test_an_account_whose_password_is_in_plain_text_is_told_so_and_no_more() -> None:
    file = next(file for file in VALID if file.name == "photo-sync.yaml")

    with pytest.raises(SettingsError) as refused:
        parse(configuration(file))
    [problem] = refused.value.problems
    assert problem.startswith(f"{CREDENTIALS}: is in plain text")


def test_settings_keep_credentials_and_do_not_show_them() -> None:
    settings = household()

    assert settings.icloud_credentials
    assert settings.icloud_credentials["anna"].password.get_secret_value() == PASSWORD
    planned = sync(settings, Ownership("immich-icloud/test"))
    for text in (repr(settings), repr(settings.model_dump()), settings.model_dump_json(), repr(planned)):
        assert PASSWORD not in text
        assert APPLE_ID not in text


def from_engine(read: Callable[[], object], config: dict[str, str], secrets: Collection[str]) -> str:
    """What is told when `read` gets its configuration as a program does, in a context of its own."""

    def run() -> str:
        pulumi.runtime.set_all_config(config, list(secrets))
        return told(read)

    return contextvars.copy_context().run(run)


def test_the_program_accepts_an_encrypted_token_only() -> None:
    config = MINIMAL | {TOKEN: WELL_FORMED}

    assert from_engine(load, config, [TOKEN]) == ""
    assert f"{TOKEN}: is in plain text" in from_engine(load, config, [])
    assert WELL_FORMED not in from_engine(load, config, [])


CIPHER = {"secure": "v1:abc"}


@pytest.mark.parametrize(
    ("stored", "exposed"),
    [
        ({"anna": {"appleId": CIPHER, "password": CIPHER}}, []),
        (CIPHER, []),
        ({"anna": {"appleId": CIPHER, "password": MARK}}, ["anna.password"]),
        ({"anna": {"appleId": MARK, "password": CIPHER}}, ["anna.appleId"]),
        (
            {"anna": {"appleId": CIPHER, "password": CIPHER}, "ben": {"appleId": MARK, "password": MARK}},
            ["ben.appleId", "ben.password"],
        ),
        ({"anna": {"appleId": CIPHER, "password": [MARK]}}, ["anna.password[0]"]),
        ({"anna": {"appleId": CIPHER, "password": CIPHER, "secure": MARK}}, ["anna.secure"]),
    ],
)
@pytest.mark.parametrize("key", [CREDENTIALS, CREDENTIALS.replace(":", ":config:")])
def test_each_value_of_a_secret_setting_has_to_be_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, stored: Any, exposed: list[str]
) -> None:
    """The engine names a key as secret that has a secret anywhere in it."""
    file = next(file for file in VALID if file.name == "photo-sync.yaml")
    config = configuration(file) | {CREDENTIALS: as_text(stored)}
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"Pulumi.{pulumi.get_stack()}.yaml").write_text(yaml.safe_dump({"config": {key: stored}}))

    answer = from_engine(load, config, [CREDENTIALS])
    named = dict.fromkeys(re.findall(rf"{CREDENTIALS}\.(\S+): is in plain text", answer))
    assert list(named) == exposed
    assert MARK not in answer


MIXED = "config:\n  immich-icloud:notifications:\n    urls: [{secure: v1:x}, json://plain]\n"


@pytest.mark.parametrize(
    "content", [MIXED.encode("utf-16"), f"{MIXED}---\na: 1\n".encode()], ids=["UTF-16", "a second document"]
)
def test_a_file_that_only_the_engine_can_read_is_refused(tmp_path: Path, content: bytes) -> None:
    """It takes the first of several documents, and text in UTF-16."""
    file = tmp_path / "Pulumi.x.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"Pulumi\.x\.yaml: is not"):
        plain_leaves(file)
    file.write_text(MIXED)
    assert plain_leaves(file) == {"immich-icloud:notifications.urls[1]"}


def test_an_error_of_the_settings_alone_does_not_tell_a_secret() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"immichApiKey": f"{MARK} ", "icloudCredentials": {"anna": {"appleId": f"{MARK} "}}})
    assert {error["type"] for error in refused.value.errors()} > {"no_api_key", "no_apple_id"}
    assert MARK not in str(refused.value)


def test_another_fault_does_not_tell_a_secret() -> None:
    host = f"{PROJECT}:host"
    config = MINIMAL | {host: f"https://{MARK}"}

    assert MARK in from_engine(load, config, [])
    assert f"{host}: its secret value is not allowed" in from_engine(load, config, [host])
    assert MARK not in from_engine(load, config, [host])


def test_removing_with_a_faulty_cluster_knows_what_is_secret() -> None:
    host = f"{PROJECT}:host"
    config = MINIMAL | {f"{PROJECT}:cluster": json.dumps({"kubeconfig": "x"}), host: f"https://{MARK}", TOKEN: MARK}

    answer = from_engine(load_connections, config, [host, TOKEN])

    assert f"{PROJECT}:cluster.context: is missing" in answer
    assert "plain text" not in answer
    assert MARK not in answer


def test_a_secret_by_its_type_is_not_told_even_in_plain_text() -> None:
    class Account(Model):
        password: Annotated[SecretStr, Field(min_length=100)]

    with pytest.raises(ValidationError) as invalid:
        Account.model_validate({"password": MARK})

    [sentence] = sentences(invalid.value, Account, PROJECT)
    assert sentence.startswith(f"{PROJECT}:password: its secret value is not allowed")
    assert MARK not in sentence


@pytest.mark.parametrize("file", [file for file in VALID if secrets(file)], ids=lambda file: file.stem)
def test_what_a_file_holds_encrypted_is_registered_as_secret_alone(file: Path) -> None:
    """The state has each in the inputs and outputs of a resource: encrypted where they are marked as secret."""
    settings = parse(configuration(file), secrets(file))
    tunnel = Tunnel("tunnel", "homelab", config_src="cloudflare", deleted=False)
    there = FoundAtCloudflare(Zone("zone", "example.com", "account", "free"), tunnel)
    stack = deployed(settings, Found(SERVERS, cloudflare=there, origin=Origin("immich", {"app": "immich"}, 2283)))
    plain = [
        f"{resource.name}.{name}"
        for resource in stack.resources
        for name, value in resource.inputs.items()
        if DECRYPTED in str(value) and name not in resource.secrets
    ]
    plain += [
        name for name, value in stack.outputs.items() if DECRYPTED in str(value) and name not in stack.secret_outputs
    ]
    assert plain == []
