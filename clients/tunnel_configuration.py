"""Changing a tunnel's list of rules when Cloudflare takes only the whole document, and any client may write it.

Cloudflare has no conditional write ("only if unchanged"), and no old version can be read. So it is read as late as
possible, written at most once for each time that it was read, and the versions are compared afterwards.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from clients.cloudflare import (
    CloudflareApi,
    CloudflareError,
    CloudflareRefusedError,
    Configuration,
    MissingError,
    UnansweredError,
)
from clients.ingress_rules import Rule
from clients.tunnel_manager import refusal

T = TypeVar("T")

_ATTEMPTS = 5
_PAUSE = 2.0  # seconds before another attempt, unless Cloudflare asks for more
_LONGEST_PAUSE = 15.0  # seconds


class OverwrittenError(CloudflareError):
    """Another client wrote between our read and our write, and their change may be gone."""


def change(
    cloudflare: CloudflareApi,
    account_id: str,
    tunnel_id: str,
    rules: Callable[[list[Rule]], list[Rule]],
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Change a tunnel's rules, and nothing else; nothing is written when they are right.

    Args:
        cloudflare: the API.
        account_id: the account.
        tunnel_id: the tunnel.
        rules: from the list as it is to the list as it should be; may raise to refuse. Called after each read.
        wait: waits for as many seconds.

    Raises:
        OverwrittenError: when the change may be made, and another client's change may be lost.
        UnansweredError: when it is unknown whether it is made.
        CloudflareRefusedError: when Cloudflare may not manage the tunnel's rules, and when the last attempt is
            refused; one before it may be made, its answer lost.

    """
    tunnel = _there(cloudflare.tunnel(account_id, tunnel_id), tunnel_id)
    for attempts_left in reversed(range(_ATTEMPTS)):
        found = _there(cloudflare.configuration(account_id, tunnel_id), tunnel_id)
        before = ingress_of(found)
        after = rules(before)
        if after == before:
            return
        if why := refusal(tunnel, found):
            raise CloudflareRefusedError(why)
        document = {**(found.document or {}), "ingress": [dict(rule) for rule in after]}
        try:
            written = cloudflare.replace_configuration(account_id, tunnel_id, document)
        except UnansweredError as error:
            wait(min(max(error.retry_after, _PAUSE), _LONGEST_PAUSE))
            # The answer is lost; the write may be done.
            now = _there(cloudflare.configuration(account_id, tunnel_id), tunnel_id)
            _refuse_overwriting(tunnel_id, found, now)
            # Cloudflare may add to it what was left out, such as warp-routing.
            if document.items() <= (now.document or {}).items():
                return
            if not attempts_left:
                raise
        else:
            _refuse_overwriting(tunnel_id, found, written)
            return


def _there(found: T | None, tunnel_id: str) -> T:
    if found is None:
        raise MissingError(f"there is no tunnel {tunnel_id}. It may have been deleted: name another one")
    return found


def _refuse_overwriting(tunnel_id: str, found: Configuration, now: Configuration) -> None:
    """Raise when there was more than one write since."""
    if now.version <= found.version + 1:
        return
    between = ", ".join(map(str, range(found.version + 1, now.version)))
    raise OverwrittenError(
        f"another client changed the configuration of tunnel {tunnel_id} at the same moment: this run read "
        f"version {found.version} and left version {now.version}. What version {between} changed may be lost. "
        "Cloudflare's audit log says who wrote it and when: look through the tunnel's routes in the dashboard, "
        "make that change again, then run this again"
    )


def ingress_of(found: Configuration) -> list[Rule]:
    """Return the list of rules; empty where a tunnel has none yet."""
    return list((found.document or {}).get("ingress") or [])
