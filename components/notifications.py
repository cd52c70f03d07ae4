"""Notifications of syncs: a container after the sync's, in the same pod, sends them and ends with the sync's verdict.

Apprise's own image sends: one that fails, or whose program is broken into, has neither the account's session nor its
password. The sync is the pod's init container then.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from clients.kubernetes import Manifest, Ref
from components import images
from components.managed import SecretObject
from components.ownership import Ownership
from components.pods import confined, sized
from settings.notifications import Endpoint, Notifications
from settings.resources import Resources
from text.hostname import is_address
from text.literal import literal

SECRET: Final = "icloud-notifications"  # noqa: S105 (its name)
NAME: Final = "notify"
VERDICT: Final = "/verdict"  # a volume of both containers
_TOLD, _TMP = "/told", "/tmp"  # noqa: S108 (a volume of its own)
_SCRIPT = Path(__file__).with_name("tell.py")
_LINK = Path(__file__).with_name("send_link.sh")
_HTTPS = 443
TEST_LASTS: Final = 3600  # seconds: sixteen URLs that do not answer, and an image that is pulled slowly


def secret(notifications: Notifications, namespace: str, ownership: Ownership) -> SecretObject:
    """Build the Secret of where they are sent."""
    urls = "\n".join(url.get_secret_value() for url in notifications.urls)
    return SecretObject(
        ownership.whole(Ref("v1", "Secret", SECRET, namespace), type="Opaque"),
        {"urls": SecretStr(urls), "heartbeat": notifications.heartbeat or SecretStr("")},
    )


def container(account: str, ahead: int, notifications: Notifications, ownership: Ownership) -> Manifest:
    """Build the container that notifies of an account's sync."""
    return _container(
        notifications.resources,
        ["python3", "-c", literal(_SCRIPT.read_text())],
        {
            "VERDICT": VERDICT,
            "TOLD": _TOLD,
            "ACCOUNT": account,
            "ON": " ".join(notifications.on),
            "AHEAD": str(ahead),
            "LOGIN": ownership.command("icloud-login", account),
            "SYNC": ownership.command("sync-now", account),
            "VERIFY": ownership.command("verify"),
        },
        {"name": "verdict", "mountPath": VERDICT},
        # Not the session beside it. The sync has made it, so that it belongs to the same user.
        {"name": "cookies", "mountPath": _TOLD, "subPath": "told"},
    )


def tester(resources: Resources, ownership: Ownership) -> Manifest:
    """Build the container that only sends a test."""
    command = ["python3", "-c", literal(_SCRIPT.read_text())]
    return _container(resources, command, {"TEST": ownership.command("notify-test")})


def link(account: str, url: str, hours: int, notifications: Notifications) -> Manifest:
    """Build the container that sends the link to the page on which an account is signed in."""
    environment = {
        "PAGE": VERDICT,
        "TITLE": f"iCloud photos of {account}: sign in",
        "BODY": f"The session at Apple has ended. Open {url} now, and type the code that Apple sends to the account's "
        f"devices. The page waits for {hours} hours.",
    }
    made = _container(
        notifications.resources,
        ["sh", "-c", literal(_LINK.read_text())],
        environment,
        {"name": "verdict", "mountPath": VERDICT},
    )
    return {**made, "name": "send-link"}


def room() -> Manifest:
    """Build the volume that both containers of a sync's pod have."""
    return {"name": "verdict", "emptyDir": {"sizeLimit": "1Mi"}}


def _container(resources: Resources, command: list[str], environment: dict[str, str], *mounts: Manifest) -> Manifest:
    stated: list[Manifest] = [{"name": name, "value": literal(value)} for name, value in environment.items()]
    for variable, key in (("URLS", "urls"), ("HEARTBEAT", "heartbeat")):
        stated.append({"name": variable, "valueFrom": {"secretKeyRef": {"name": SECRET, "key": key}}})
    return {
        "name": NAME,
        "image": images.APPRISE,
        "command": command,
        "env": [*stated, {"name": "HOME", "value": _TMP}],
        "volumeMounts": [*mounts, {"name": "tmp", "mountPath": _TMP}],
        "resources": sized(resources, cpu="10m", memory="64Mi", most="256Mi"),
        "securityContext": confined(),
    }


def egress(notifications: Notifications) -> Iterator[Manifest]:
    """Build what a NetworkPolicy has to let out, beside DNS and https."""
    rules = {_rule_key(one): _rule(one) for one in notifications.endpoints() if _is_more(one)}
    yield from (rules[key] for key in sorted(rules))


def _is_more(endpoint: Endpoint) -> bool:
    return endpoint.port != _HTTPS or endpoint.protocol == "UDP" or bool(_namespace(endpoint.host))


def _rule_key(endpoint: Endpoint) -> tuple[str, int, str]:
    where = endpoint.host if is_address(endpoint.host) else _namespace(endpoint.host)
    return where, endpoint.port, endpoint.protocol


def _rule(endpoint: Endpoint) -> Manifest:
    host, port = endpoint.host, {"protocol": endpoint.protocol, "port": endpoint.port}
    if is_address(host):
        return {"to": [{"ipBlock": {"cidr": f"{host}/{128 if ':' in host else 32}"}}], "ports": [port]}
    if namespace := _namespace(host):  # a policy sees the port of its pods, which only the Service knows
        there = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        return {"to": [{"namespaceSelector": there}], "ports": [{"protocol": endpoint.protocol}]}
    return {"ports": [port]}  # a policy knows no names


def _namespace(host: str) -> str:
    """Find the namespace of a Service's name in the cluster; empty for any other name."""
    match host.split("."):
        case [_, namespace, "svc", *_]:
            return namespace
    return ""
