"""Clients of the APIs that the stack talks to, and what is read from them: Kubernetes, Cloudflare, Immich."""

import clients.lean_imports  # noqa: F401 (before any of them imports its library)
