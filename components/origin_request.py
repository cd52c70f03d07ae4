"""A rule's `originRequest`, and what it must not inherit from that of the document. Pure.

cloudflared has every rule inherit what is stated for the whole document (source: its ingress/config.go, setConfig).
"""

from collections.abc import Mapping
from typing import Any

from settings.origin import TunnelOrigin

# What undoes it; the second part has a meaning only over TLS.
_UNDONE: Mapping[str, Any] = {"httpHostHeader": "", "bastionMode": False, "disableChunkedEncoding": False}
_UNDONE_OVER_TLS: Mapping[str, Any] = {
    "originServerName": "", "caPool": "", "noTLSVerify": False, "matchSNItoHost": False, "http2Origin": False,
}  # fmt: skip
_NEUTRAL = (None, "", False, "false", "False", "FALSE")  # a document's file is read as text


def origin_request(origin: TunnelOrigin, inherited: Mapping[str, Any]) -> dict[str, Any]:
    """Build a rule's `originRequest`; empty where it needs none.

    Args:
        origin: where the rule leads.
        inherited: what the document states for all its rules.

    """
    undone = {**_UNDONE, **(_UNDONE_OVER_TLS if origin.is_https else {})}
    kept = {name: value for name, value in undone.items() if inherited.get(name) not in _NEUTRAL}
    return {**kept, **origin.request}


def inherited_of(document: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return what a document states for all its rules."""
    stated = (document or {}).get("originRequest")
    return stated if isinstance(stated, Mapping) else {}
