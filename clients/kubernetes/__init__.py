"""The API of a Kubernetes cluster, and what is read of it."""

from clients.kubernetes.api import ClusterApi as ClusterApi
from clients.kubernetes.errors import ClusterError as ClusterError
from clients.kubernetes.errors import ClusterRefusedError as ClusterRefusedError
from clients.kubernetes.errors import UnreachableError as UnreachableError
from clients.kubernetes.errors import permitted as permitted
from clients.kubernetes.objects import OBJECT_MANAGER as OBJECT_MANAGER
from clients.kubernetes.objects import Answer as Answer
from clients.kubernetes.objects import Manifest as Manifest
from clients.kubernetes.objects import Ref as Ref
