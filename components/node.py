"""What lets our pods onto the node that has the disk."""

from typing import Final

from clients.kubernetes import Manifest

# In a homelab the node with the disk is often the control plane's, too.
TOLERATIONS: Final[list[Manifest]] = [
    {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}
]
