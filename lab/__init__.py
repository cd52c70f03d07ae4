"""The rehearsal: a disposable Kubernetes control plane on loopback, and the homelab as its owner had it."""
