"""What cloudflared would refuse in a configuration file, beyond the order of its rules. Pure.

As it checks when it starts (source: cloudflared, ingress/ingress.go and config/configuration.go).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from yaml.nodes import MappingNode, Node, ScalarNode

from clients import go_regexp
from clients.ingress_rules import Rule, key

_SERVICES = {"hello_world", "hello-world", "bastion", "socks-proxy"}
_SOCKETS = ("unix:", "unix+tls:")
_STATUS = "http_status:"
_BOOLEANS = {
    "noHappyEyeballs", "matchSNItoHost", "noTLSVerify", "disableChunkedEncoding", "bastionMode", "http2Origin",
}  # fmt: skip
_DURATIONS = {"connectTimeout", "tlsTimeout", "tcpKeepAlive", "keepAliveTimeout"}
_NUMBERS = {"keepAliveConnections", "proxyPort"}
# YAML's own have no quotes; those of YAML 1.1 may (source: gopkg.in/yaml.v3, decode.go).
_PLAIN_BOOLEANS = {"true", "True", "TRUE", "false", "False", "FALSE"}
_OLD_BOOLEANS = {"y", "Y", "yes", "on", "n", "N", "no", "off"}
_DURATION = re.compile(r"[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)")


def fault(rules: Sequence[Rule], rest: Mapping[str, Any]) -> str:
    """Say what cloudflared refuses in rules, each by itself; completes `the document ...`, empty for nothing."""
    if rest.get("url"):
        return "has `url` beside `ingress`"
    return next((found for rule in rules for found in _of_rule(rule, rest)), "")


def unjudged(rules: Sequence[Rule]) -> list[str]:
    """List the path expressions of which only Go can tell whether they are valid."""
    paths = (key(rule)[1] for rule in rules)
    return [path for path in paths if path and go_regexp.is_valid(path) is None]


def _of_rule(rule: Rule, rest: Mapping[str, Any]) -> Iterator[str]:
    hostname, path = key(rule)
    service = str(rule.get("service") or "")
    if "*" in hostname[1:]:
        yield f"has `{hostname}`: a `*` has to be the first character"
    if hostname.count(":") == 1:
        yield f"has `{hostname}`: a port or scheme belongs into no hostname"
    if not any(map(_is_bastion, (rule, rest))) and (why := _service(service)):
        yield f"has the service `{service}`, which {why}"
    if path and go_regexp.is_valid(path) is False:
        yield f"has the path `{path}`, which is no regular expression"


def _is_bastion(stated: Mapping[str, Any]) -> bool:
    """Whether cloudflared reads no service of a rule: it then proxies wherever a request asks for."""
    request = stated.get("originRequest")
    return isinstance(request, Mapping) and request.get("bastionMode") not in {None, "false", "False", "FALSE"}


def _service(service: str) -> str:
    if service in _SERVICES or service.startswith(_SOCKETS):
        return ""
    if service.startswith(_STATUS):
        code = service.removeprefix(_STATUS)
        return "" if re.fullmatch(r"\+?0*[1-9]\d\d", code, re.ASCII) else "is no status from 100 to 999"
    try:
        url = urlsplit(service)
    except ValueError:
        return "is no URL"
    if not url.scheme or not url.hostname:
        return "lacks a scheme or a host"
    return "has a path" if url.path else ""


def of_settings(node: Node) -> str:
    """Say which value of a whole document's or a rule's `originRequest` is of another type than cloudflared's."""
    for settings in _settings(node):
        for name, value in settings.value:
            if isinstance(value, ScalarNode) and not _fits(name.value, value):
                return f"has `{name.value}: {value.value}`, which is of another type"
    return ""


def _settings(node: Node) -> Iterator[MappingNode]:
    for name, value in node.value if isinstance(node, MappingNode) else ():
        if name.value == "originRequest" and isinstance(value, MappingNode):
            yield value
        if name.value == "ingress" and isinstance(value.value, list):
            for item in value.value:
                yield from _settings(item)


def _fits(name: str, value: ScalarNode) -> bool:
    plain = value.style is None
    if plain and value.value in {"", "~", "null", "Null", "NULL"}:
        return True
    if name in _BOOLEANS:
        return value.value in _OLD_BOOLEANS or (plain and value.value in _PLAIN_BOOLEANS)
    if name in _DURATIONS:
        # A bare 0 is a number, and a quoted one a duration.
        return _DURATION.fullmatch(value.value) is not None and not (plain and value.value[-1] == "0")
    return name not in _NUMBERS or (plain and value.value[0] in "+-.0123456789")
