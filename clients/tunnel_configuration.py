"""Changing a tunnel's list of rules when Cloudflare takes only the whole document, and any client may write it.

Cloudflare has no conditional write ("only if unchanged"), and no old version can be read. So it is read as late as
possible, written at most once for each time that it was read, and the versions are compared afterwards.
"""

import time
from collections.abc import Callable

from clients.cloudflare import (
    CloudflareApi,
    CloudflareError,
    CloudflareRefusedError,
    Configuration,
    MissingError,
    Tunnel,
    UnansweredError,
)
from clients.ingress_rules import Rule
from clients.tunnel_manager import refusal

_ATTEMPTS = 5
_PAUSE = 2.0  # seconds before another attempt, unless Cloudflare asks for more
_LONGEST_PAUSE = 15.0  # seconds


class OverwrittenError(CloudflareError):
    """Another client wrote between our read and our write, and their change may be gone."""


class TunnelConfiguration:
    """The configuration of one tunnel.

    Args:
        cloudflare: the API.
        account_id: the account.
        tunnel_id: the tunnel.
        wait: waits for as many seconds.

    """

    def __init__(
        self, cloudflare: CloudflareApi, account_id: str, tunnel_id: str, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._cloudflare, self._account_id, self._tunnel_id, self._wait = cloudflare, account_id, tunnel_id, wait

    def change(self, rules: Callable[[list[Rule]], list[Rule]]) -> None:
        """Change the rules, and nothing else; nothing is written when they are right.

        Args:
            rules: from the list as it is to the list as it should be; may raise to refuse. Called after each read.

        Raises:
            OverwrittenError: when the change may be made, and another client's change may be lost.
            UnansweredError: when it is unknown whether it is made.
            CloudflareRefusedError: when Cloudflare may not manage the tunnel's rules, and when the last attempt is
                refused; one before it may be made, its answer lost.

        """
        tunnel = self._tunnel()
        for attempts_left in reversed(range(_ATTEMPTS)):
            found = self._read()
            before = ingress_of(found)
            after = rules(before)
            if after == before:
                return
            if why := refusal(tunnel, found):
                raise CloudflareRefusedError(why)
            document = {**(found.document or {}), "ingress": [dict(rule) for rule in after]}
            try:
                written = self._cloudflare.replace_configuration(self._account_id, self._tunnel_id, document)
            except UnansweredError as error:
                self._wait(min(max(error.retry_after, _PAUSE), _LONGEST_PAUSE))
                # The answer is lost; the write may be done.
                now = self._read()
                self._compare(found, now)
                # Cloudflare may add to it what was left out, such as warp-routing.
                if document.items() <= (now.document or {}).items():
                    return
                if not attempts_left:
                    raise
            else:
                self._compare(found, written)
                return

    def _tunnel(self) -> Tunnel:
        found = self._cloudflare.tunnel(self._account_id, self._tunnel_id)
        if found is None:
            raise self._missing()
        return found

    def _read(self) -> Configuration:
        found = self._cloudflare.configuration(self._account_id, self._tunnel_id)
        if found is None:
            raise self._missing()
        return found

    def _missing(self) -> MissingError:
        return MissingError(f"there is no tunnel {self._tunnel_id}. It may have been deleted: name another one")

    def _compare(self, found: Configuration, now: Configuration) -> None:
        """Raise when there was more than one write since."""
        if now.version <= found.version + 1:
            return
        between = ", ".join(map(str, range(found.version + 1, now.version)))
        raise OverwrittenError(
            f"another client changed the configuration of tunnel {self._tunnel_id} at the same moment: this run read "
            f"version {found.version} and left version {now.version}. What version {between} changed may be lost. "
            "Cloudflare's audit log says who wrote it and when: look through the tunnel's routes in the dashboard, "
            "make that change again, then run this again"
        )


def ingress_of(found: Configuration) -> list[Rule]:
    """Return the list of rules; empty where a tunnel has none yet."""
    return list((found.document or {}).get("ingress") or [])
