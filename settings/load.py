"""The only reader of Pulumi's configuration."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret
from pydantic import SecretStr, ValidationError

from settings.cluster import Cluster
from settings.errors import SettingsError, sentences
from settings.stack import Settings
from settings.stack_file import plain_leaves
from text.command import ConfigSet

PROJECT = "immich-icloud"
DEFAULT_PROVIDERS = "pulumi:disable-default-providers"
TOKEN = f"{PROJECT}:cloudflareToken"
API_KEY = f"{PROJECT}:immichApiKey"
DISABLED = {"kubernetes", "cloudflare"}
# Settings that are secret as a whole, what to do about one that others may have read, and the value to store then.
SECRETS = {
    TOKEN: ("Others may have read it: revoke it at Cloudflare, and store a new one", ""),
    API_KEY: ("Others may have read it: delete it in Immich, and store a new one", ""),
    f"{PROJECT}:icloudCredentials": (
        "Others may have read them: change these passwords at Apple, and store the new ones",
        ".NAME.password",
    ),
    f"{PROJECT}:notifications": (
        "Others may have read them: replace the tokens in these URLs, and store the new ones, heartbeat likewise",
        ".urls[0]",
    ),
}
# Keys of those that are none.
_NO_SECRETS = {f"{PROJECT}:notifications": {"on", "resources"}}


def load() -> Settings:
    """Read the current stack's configuration.

    Raises:
        SettingsError: with every problem of the stack file, each naming its key.

    """
    return _parsed(*_configuration())


@dataclass(frozen=True)
class Connections:
    """What the stack talks to: all that removing it needs, whatever else its file says.

    Attributes:
        cluster: the Kubernetes cluster.
        uses_cloudflare: whether the stack states anything at Cloudflare.
        cloudflare_token: the stack's own API token; None when it comes from the environment.
        mounted_by_chart: whether Immich's chart states the mount of the photos.

    """

    cluster: Cluster
    uses_cloudflare: bool
    cloudflare_token: SecretStr | None
    mounted_by_chart: bool


def load_connections() -> Connections:
    """Read only what the stack talks to.

    Raises:
        SettingsError: with every problem of the stack file, if the cluster's settings can't be used.

    """
    configuration, secrets = _configuration()
    token = configuration.get(TOKEN)
    try:
        return Connections(
            cluster=Cluster.model_validate(_value(configuration.get(f"{PROJECT}:cluster", ""))),
            uses_cloudflare=_states_something(_value(configuration.get(f"{PROJECT}:cloudflare", ""))),
            cloudflare_token=SecretStr(token) if token else None,
            mounted_by_chart=_is_of_kind_chart(_value(configuration.get(f"{PROJECT}:immich", ""))),
        )
    except ValidationError:
        _parsed(configuration, secrets)
        raise


def _parsed(configuration: Mapping[str, str], secrets: Collection[str]) -> Settings:
    stack = pulumi.get_stack()
    return parse(configuration, secrets, plain_leaves(Path(f"Pulumi.{stack}.yaml")), stack=stack)


def _states_something(cloudflare: object) -> bool:
    return isinstance(cloudflare, dict) and cloudflare.get("kind", "none") != "none"


def _is_of_kind_chart(immich: object) -> bool:
    mount = immich.get("mount") if isinstance(immich, dict) else None
    return mount == "chart" or (isinstance(mount, dict) and mount.get("kind") == "chart")


def _configuration() -> tuple[Mapping[str, str], Collection[str]]:
    """Every value by its key, and the keys of the secret ones."""
    # pulumi.Config can look a key up but not list them, and an unknown key must not pass unseen.
    configuration = {**get_config_env(), **CONFIG.get()}
    secrets = {key for key in configuration if is_config_secret(key)}
    return configuration, secrets


def parse(
    configuration: Mapping[str, str], secrets: Collection[str] = (), plain: Collection[str] = (), *, stack: str = ""
) -> Settings:
    """Check a whole stack configuration.

    Args:
        configuration: keys as `namespace:key`, and values as the engine hands them over: decrypted, as text.
        secrets: the keys whose values the stack file holds encrypted, wholly or in part.
        plain: which single values the stack file holds in plain text, as `plain_leaves` finds them.
        stack: the stack's name, for the commands that store a secret; empty where there is none.

    Raises:
        SettingsError: with every problem, each naming its key.

    """
    ours = {
        key.removeprefix(f"{PROJECT}:"): _value(v)
        for key, v in sorted(configuration.items())
        if key.startswith(f"{PROJECT}:")
    }
    problems = [
        f"{key}: unknown namespace. Settings of this project are written {PROJECT}:{_known(key.partition(':')[2])}"
        for key in sorted(configuration)
        if key.partition(":")[0] not in {PROJECT, "pulumi"}
    ]
    if not set(_listed(configuration.get(DEFAULT_PROVIDERS, ""))) >= DISABLED:
        problems.append(
            f"{DEFAULT_PROVIDERS}: has to name kubernetes and cloudflare, or a resource could go to whatever cluster "
            'kubectl points at. Needed: ["kubernetes", "cloudflare"]'
        )
    given_up: list[str] = []
    for key in SECRETS:
        if configuration.get(key) and (exposed := list(_exposed(key, configuration[key], secrets, plain, stack))):
            problems += exposed
            del ours[key.removeprefix(f"{PROJECT}:")]  # whatever else is wrong with it: it is given up
            given_up.append(key)
    for name in [name for name, value in ours.items() if not (_is_text(name) and _is_text(value))]:
        key = f"{PROJECT}:{name.encode(errors='replace').decode()}"
        problems.append(f"{key}: has half of a character, a lone surrogate. Write it again")
        del ours[name]
        given_up.append(key)
    hidden = {key.removeprefix(f"{PROJECT}:") for key in secrets}
    try:
        settings = Settings.model_validate(ours)
    except ValidationError as error:
        found = sentences(error, Settings, PROJECT, hidden, stack)
        # Only its absence can be wrong with what was given up.
        unread = tuple(key + end for key in given_up for end in ":.")
        problems += [sentence for sentence in found if not sentence.startswith(unread)]
    if problems:
        raise SettingsError(problems)
    return settings


def _exposed(key: str, text: str, secrets: Collection[str], plain: Collection[str], stack: str) -> Iterator[str]:
    """Say what of a secret setting is in plain text: the whole, or each value that is."""
    value = _value(text)
    if key not in secrets:
        if isinstance(value, dict) and value and set(value) <= _NO_SECRETS.get(key, set()):
            return
        advice, place = SECRETS[key]
        yield f"{key}: is in plain text. {advice}: `{ConfigSet(stack, key + place)}`"
        return
    for leaf in exposed_leaves(key, plain):
        yield f"{leaf}: is in plain text. Others may have read it: store what replaces it: `{ConfigSet(stack, leaf)}`"


def exposed_leaves(key: str, plain: Collection[str]) -> list[str]:
    """Pick the values of a secret setting that are in plain text and must not be, of what `plain_leaves` finds."""
    public = _NO_SECRETS.get(key, set())
    return [
        leaf
        for leaf in sorted(plain)
        if leaf == key
        or (leaf.startswith((f"{key}.", f"{key}[")) and re.split(r"[.\[]", leaf[len(key) :])[1] not in public)
    ]


def _is_text(value: object) -> bool:
    """Whether all of a value is text that can be written down."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _listed(text: str) -> list[object]:
    value = _value(text)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _known(name: str) -> str:
    return name if name in {field.alias for field in Settings.model_fields.values()} else "<key>"


def _value(text: str) -> object:
    """Structured values arrive as JSON, plain ones as they are (and numbers and booleans as text)."""
    if text.startswith(("{", "[")):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):  # ValueError: also an integer of thousands of digits
            return text
    return text


def stack_id() -> str:
    """`<project>/<stack>`: who owns an object, in our annotation on it."""
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"
