"""Clients of the APIs that the stack talks to, and what is read from them: Kubernetes, Cloudflare, Immich."""
