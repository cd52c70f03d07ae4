"""A stand-in for the node's kubelet: pods of Jobs run on folders of this machine. All others are kwok's."""
