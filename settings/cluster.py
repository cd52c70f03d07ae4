"""Which Kubernetes cluster the stack is deployed to."""

import shlex
from pathlib import Path
from typing import Annotated

from pydantic import Field

from settings.model import CONTROLS, Allowed, Example, Model, NonEmpty, ObjectName, Omittable


class Cluster(Model):
    """One context of one kubeconfig file, by path: its contents would end up in the state."""

    kubeconfig: Annotated[
        NonEmpty,
        Field(
            pattern=rf"^(~/|[^~{CONTROLS}])[^{CONTROLS}]*$",
            description="Path of the kubeconfig file; `~` is your home directory.",
        ),
        Allowed("the path of a kubeconfig file, not its contents", "~/.kube/config"),
    ]
    context: Annotated[
        NonEmpty,
        Field(description="Context in that file. Never the current one by accident."),
        Allowed("a context of that file", "admin@homelab"),
    ]
    identifier: Annotated[
        NonEmpty,
        Field(
            description="A name of your own for the cluster. It stays when the server's address changes; "
            "a new one means a new cluster, and every object is made again there."
        ),
        Allowed("a name of your own", "homelab"),
    ]

    domain: Annotated[
        Omittable[ObjectName],
        Example("cluster.local"),
        Field(
            description="The domain of the cluster's Services. Default: what the Corefile of kube-system/coredns says, "
            "else cluster.local."
        ),
    ] = None

    @property
    def kubectl(self) -> str:
        """How kubectl is called for this cluster: by itself it takes the context that is selected."""
        return shlex.join(["kubectl", "--kubeconfig", str(self.kubeconfig_file), "--context", self.context])

    @property
    def kubeconfig_file(self) -> Path:
        """The kubeconfig file, absolute; a relative path counts from the project's directory, where Pulumi runs."""
        return Path(self.kubeconfig).expanduser().absolute()
