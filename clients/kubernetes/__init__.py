"""The API of a Kubernetes cluster, and what is read of it."""

from clients.kubernetes.api import APPLY, ClusterApi
from clients.kubernetes.errors import ClusterError, ClusterRefusedError, UnreachableError
from clients.kubernetes.objects import OBJECT_MANAGER, Answer, Manifest, Ref

__all__ = [
    "APPLY",
    "OBJECT_MANAGER",
    "Answer",
    "ClusterApi",
    "ClusterError",
    "ClusterRefusedError",
    "Manifest",
    "Ref",
    "UnreachableError",
]
