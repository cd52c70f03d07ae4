"""The rehearsal: a disposable Kubernetes control plane on loopback, and the homelab as its owner had it."""

import clients  # noqa: F401 (it has Kubernetes' client imported in part: see clients.lean_imports)
