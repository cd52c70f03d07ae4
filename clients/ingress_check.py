"""What cloudflared would refuse in a configuration file, beyond the order of its rules. Pure.

As it checks when it starts (source: cloudflared, ingress/ingress.go and config/configuration.go).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from clients import go_regexp
from clients.ingress_rules import Rule, key

_SERVICES = {"hello_world", "hello-world", "bastion", "socks-proxy"}
_SOCKETS = ("unix:", "unix+tls:")
_STATUS = "http_status:"
# Of what type a value is; within a list, its items. What is not named is not judged.
_REQUEST = {
    **dict.fromkeys(("connectTimeout", "tlsTimeout", "tcpKeepAlive", "keepAliveTimeout"), "duration"),
    **dict.fromkeys(("noHappyEyeballs", "matchSNItoHost", "noTLSVerify", "disableChunkedEncoding"), "boolean"),
    **dict.fromkeys(("bastionMode", "http2Origin"), "boolean"),
    **dict.fromkeys(("httpHostHeader", "originServerName", "caPool", "proxyAddress", "proxyType"), "text"),
    "keepAliveConnections": "number",
    "proxyPort": "count",
    "ipRules": [{"prefix": "text", "ports": ["number"], "allow": "boolean"}],
    "access": {"required": "boolean", "teamName": "text", "environment": "text", "audTag": ["text"]},
}
_DOCUMENT = {
    "tunnel": "text",
    "warp-routing": {"connectTimeout": "duration", "tcpKeepAlive": "duration"},
    "originRequest": _REQUEST,
    "ingress": [{"originRequest": _REQUEST}],
    # Options, which are read as YAML types them.
    **dict.fromkeys(("metrics", "protocol", "loglevel", "logfile", "edge-ip-version", "region"), "string"),
    "no-autoupdate": "switch",
    "retries": "number",
}
_NULLS = {"", "~", "null", "Null", "NULL"}
_SWITCHES = {"true", "True", "TRUE", "false", "False", "FALSE"}
# Those of YAML 1.1 may have quotes (source: gopkg.in/yaml.v3, decode.go).
_OLD_BOOLEANS = {
    form for word in ("y", "yes", "on", "n", "no", "off") for form in (word, word.capitalize(), word.upper())
}
_DURATION = re.compile(r"[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)")
_NUMBER = re.compile(r"[-+]?(\d[\d_]*|0[xob]\w+|(\d*\.\d+|\d+\.)([eE][-+]?\d+)?)", re.ASCII)
_HOST = re.compile(r"([^@/]*@)?(\[[^]\s]*\]|[^\s%^{}|\\`:\[\]]*)(:\d*)?", re.ASCII)


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
    if _has_port(hostname):
        yield f"has `{hostname}`: a port or scheme belongs into no hostname"
    if not any(map(_is_bastion, (rule, rest))) and (why := _service(service)):
        yield f"has the service `{service}`, which {why}"
    if path and go_regexp.is_valid(path) is False:
        yield f"has the path `{path}`, which is no regular expression"


def _has_port(hostname: str) -> bool:
    """Whether Go splits a port off (source: its net.SplitHostPort)."""
    if hostname.startswith("["):
        return hostname.find("]") + 1 == hostname.rfind(":") > 0
    return hostname.count(":") == 1 and not set("[]") & set(hostname)


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
    if not _HOST.fullmatch(url.netloc):
        return "is no URL"
    return "has a path" if url.path else ""


def of_types(root: Node) -> str:
    """Say which value of a document is of another type than cloudflared's."""
    return next((f"has {found}, which is of another type" for found in _wrong(root, _DOCUMENT, "")), "")


def _wrong(node: Node, shape: Any, name: str) -> Iterator[str]:
    if isinstance(node, ScalarNode) and node.style is None and node.value in _NULLS:
        return
    if isinstance(shape, Mapping) and isinstance(node, MappingNode):
        for field, value in node.value:
            if field.value in shape:
                yield from _wrong(value, shape[field.value], field.value)
    elif isinstance(shape, list) and isinstance(node, SequenceNode):
        for item in node.value:
            yield from _wrong(item, shape[0], name)
    elif not (isinstance(node, ScalarNode) and isinstance(shape, str) and _fits(node, shape)):
        yield f"`{name}: {node.value}`" if isinstance(node, ScalarNode) else f"`{name}`"


def _fits(scalar: ScalarNode, kind: str) -> bool:
    plain, value = scalar.style is None, scalar.value
    is_number = plain and _NUMBER.fullmatch(value) is not None
    is_switch = plain and value in _SWITCHES
    match kind:
        case "boolean":
            return is_switch or value in _OLD_BOOLEANS
        case "switch":
            return is_switch
        case "duration":
            return _DURATION.fullmatch(value) is not None and not is_number
        case "number" | "count":
            return is_number and not (kind == "count" and value.startswith("-"))
        case "string":
            return not (is_number or is_switch)
    return True
