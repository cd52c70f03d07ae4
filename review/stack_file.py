"""A stack file as the rehearsal deploys it: the same, but for the cluster that it names and its secrets."""

from collections.abc import Iterator
from typing import Final

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from lab.engine import SOURCE
from settings import yaml_text
from settings.load import exposed_leaves
from settings.stack_file import plain_values
from settings.yaml_text import YamlError
from text.visible import VisibleError

_PROJECT: Final = "immich-icloud"
CONNECTION: Final = {"kubeconfig": ".lab/kubeconfig", "context": "lab"}
# How the secrets are encrypted: the rehearsal's own passphrase takes the place of whatever there was.
_ENCRYPTION: Final = ("encryptionsalt", "encryptedkey", "secretsprovider")
# None of the lab's secrets is a URL, and its cluster has no Prometheus operator.
_NOTIFICATIONS, _MONITORING = f"{_PROJECT}:notifications", f"{_PROJECT}:monitoring"
_TOKEN: Final = "cloudflareToken"  # noqa: S105 (a key's name)


class StackFileError(VisibleError):
    """The file is no YAML that could be a stack file. `str()` says where."""


def rehearsed(text: str) -> str:
    """Turn a stack file into its rehearsal's.

    Its cluster is the embedded one, and each of its secrets one of the lab's, which open nothing. The rest stays as it
    is written, node by node: a text that YAML takes for a number must not become one on the way.

    Args:
        text: the stack file.

    Raises:
        StackFileError: when it can't be read.

    """
    file, own = _mapping(text), _mapping((SOURCE / "Pulumi.lab.yaml").read_text())
    config, ours = _get(file, "config"), _get(own, "config")
    if not isinstance(config, MappingNode) or not isinstance(ours, MappingNode):
        return text
    config.value[:] = [(key, value) for key, value in config.value if not _is_left_out(key.value, value)]
    _take_pages_out(_get(config, f"{_PROJECT}:photoSync"))
    secrets = {keys[-1]: node.value for keys, node in _ciphers(ours)}
    for keys, node in _ciphers(config):
        node.value = secrets.get("".join(keys[-1:]).removeprefix(f"{_PROJECT}:"), secrets["password"])
    cluster = _get(config, f"{_PROJECT}:cluster")
    if isinstance(cluster, MappingNode):
        for key, value in cluster.value:
            if isinstance(key, ScalarNode) and isinstance(value, ScalarNode) and key.value in CONNECTION:
                value.value = CONNECTION[key.value]
    if _is_on_cloudflare(config) and _get(config, f"{_PROJECT}:{_TOKEN}") is None:
        # At home the token may come from the environment, of which a rehearsal must know nothing.
        config.value.append((_text(f"{_PROJECT}:{_TOKEN}"), _secret(secrets[_TOKEN])))
    file.value[:] = [(key, value) for key, value in file.value if key.value not in _ENCRYPTION]
    file.value.append((_text(_ENCRYPTION[0]), _get(own, _ENCRYPTION[0])))
    return str(yaml.serialize(file, Dumper=yaml.SafeDumper))


def _is_left_out(key: object, value: Node) -> bool:
    """Whether a setting is not rehearsed. What is in plain text and secret stays: the settings report it."""
    if key == _NOTIFICATIONS:
        return not exposed_leaves(_NOTIFICATIONS, [*plain_values(value, _NOTIFICATIONS)])
    return key == _MONITORING


def _take_pages_out(sync: Node | None) -> None:
    """Take out the pages to sign in: a rehearsal sends no link."""
    accounts = _get(sync, "accounts") if isinstance(sync, MappingNode) else None
    for node in (sync, *(accounts.value if isinstance(accounts, SequenceNode) else ())):
        if isinstance(node, MappingNode):
            node.value[:] = [(key, value) for key, value in node.value if key.value != "signIn"]


def _mapping(text: str) -> MappingNode:
    try:
        node = yaml_text.composed(text)
    except YamlError as error:
        raise StackFileError(str(error)) from None
    if not isinstance(node, MappingNode):
        raise StackFileError("is no mapping with `config:`")
    return node


def _get(mapping: MappingNode, name: str) -> Node | None:
    return next((value for key, value in mapping.value if key.value == name), None)


def _ciphers(node: Node, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], ScalarNode]]:
    """Each encrypted value, with the keys that lead to it."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == "secure" and len(node.value) == 1 and isinstance(value, ScalarNode):
                yield keys, value
            else:
                yield from _ciphers(value, (*keys, str(key.value).removeprefix(f"{_PROJECT}:")))
    elif isinstance(node, SequenceNode):
        for place, value in enumerate(node.value):
            yield from _ciphers(value, (*keys, str(place)))


def _is_on_cloudflare(config: MappingNode) -> bool:
    cloudflare = _get(config, f"{_PROJECT}:cloudflare")
    kind = _get(cloudflare, "kind") if isinstance(cloudflare, MappingNode) else None
    return isinstance(kind, ScalarNode) and kind.value != "none"


def _text(value: str) -> ScalarNode:
    return ScalarNode("tag:yaml.org,2002:str", value)


def _secret(cipher: str) -> MappingNode:
    return MappingNode("tag:yaml.org,2002:map", [(_text("secure"), _text(cipher))])
