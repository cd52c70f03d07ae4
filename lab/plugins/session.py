"""One connection of the engine: a provider's configuration, its cluster, and where its progress is shown."""

import functools
import threading
from contextlib import suppress
from dataclasses import dataclass, field

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from lab.plugins.awaits import Patience
from lab.plugins.cluster import Cluster, UnreachableError
from lab.plugins.configuration import Configuration


@dataclass
class Session:
    """One connection: the engine dials once for each configured provider, the old and the new one included."""

    configuration: Configuration | None = None
    cluster: Cluster | None = None
    unreachable: str = "the provider is not configured"
    engine: engine_pb2_grpc.EngineStub | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    def reached(self) -> Cluster:
        """Return the cluster.

        Raises:
            UnreachableError: it could not be reached when the provider was configured.
        """
        if self.cluster is None:
            raise UnreachableError(f"configured Kubernetes cluster is unreachable: {self.unreachable}")
        return self.cluster

    def patience(self, urn: str, timeout: float) -> Patience:
        """Return how to wait for the resource of this URN."""
        return Patience(timeout, self.cancelled, functools.partial(self.report, urn))

    def report(self, urn: str, message: str) -> None:
        """Show a line of progress beside the resource."""
        if self.engine is None:
            return
        request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn, ephemeral=True)
        with suppress(grpc.RpcError):  # progress is a courtesy
            self.engine.Log(request)
