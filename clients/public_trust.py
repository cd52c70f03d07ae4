"""Which servers of the internet are trusted: those that the public authorities vouch for."""

import ssl
from functools import cache

import httpx

from clients.deadline import TlsSocket


@cache
def public_trust() -> ssl.SSLContext:
    """Read the authorities once: it takes longer than a request, and each step of a run has its own client."""
    context = httpx.create_ssl_context()
    context.sslsocket_class = TlsSocket
    return context
