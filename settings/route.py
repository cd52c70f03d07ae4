"""How requests reach Immich inside the cluster: one union, told apart by `kind`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from settings.model import Allowed, Example, Label, Model, ObjectName, Text, not_allowed, together

_PREFIX = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/"
_LONGEST_PREFIX = 253
_CLASS = "kubernetes.io/ingress.class"


def _admitted(key: str) -> str:
    if len(key.rpartition("/")[0]) > _LONGEST_PREFIX:
        raise not_allowed(f"an annotation key with a DNS prefix of at most {_LONGEST_PREFIX} characters")
    if key == _CLASS:
        raise not_allowed("className in its place: the API server refuses an Ingress with both")
    return key


AnnotationKey = Annotated[
    str,
    Field(pattern=rf"^({_PREFIX})?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$"),
    AfterValidator(_admitted),
    Allowed("an annotation key, optionally with a DNS prefix", "nginx.ingress.kubernetes.io/proxy-body-size"),
]


class Ingress(Model):
    """An Ingress of the cluster's ingress controller."""

    kind: Literal["ingress"]
    name: ObjectName = "immich-ingress"
    class_name: Annotated[ObjectName, Field(description="The IngressClass.")] = "nginx"
    annotations: Annotated[
        dict[AnnotationKey, Text],
        together(255),  # Kubernetes' limit is 256, and the stack has its own
        Field(description="The controller's own settings, such as body size and timeouts, as it documents them."),
    ] = Field(default_factory=dict)


class Gateway(Model):
    """An HTTPRoute on a Gateway that exists. The Gateway's request timeout is lifted: uploads are long."""

    kind: Literal["gateway"]
    name: ObjectName = "immich"
    gateway: Annotated[
        ObjectName,
        Example("public"),
        Field(description="The Gateway to attach to."),
    ]
    gateway_namespace: Annotated[
        Label,
        Example("gateways"),
    ]


class NoRoute(Model):
    """Nothing in the cluster: a tunnel reaches the Service directly."""

    kind: Literal["none"]


Route = Annotated[
    Ingress | Gateway | NoRoute,
    Field(discriminator="kind"),
    Allowed("a mapping with kind: ingress, gateway or none", {"kind": "ingress", "className": "nginx"}),
]
