"""How requests reach Immich inside the cluster: one union, told apart by `kind`."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from settings.model import (
    Allowed,
    Example,
    Label,
    Model,
    ObjectName,
    Omittable,
    Text,
    not_allowed,
    refuse,
    together,
)

_PREFIX = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/"
_LONGEST_PREFIX = 253
_NAME = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_CLASS = "kubernetes.io/ingress.class"
# By which cert-manager is asked for a certificate, too.
_ISSUED_BY = ("cert-manager.io/cluster-issuer", "cert-manager.io/issuer", "kubernetes.io/tls-acme")
_MOST_PARENTS = 32  # of an HTTPRoute (source: Gateway API's ParentRefs)


def _with_dns_prefix(key: str) -> str:
    if len(key.rpartition("/")[0]) > _LONGEST_PREFIX:
        raise not_allowed(f"a key with a DNS prefix of at most {_LONGEST_PREFIX} characters")
    return key


def _not_the_class(annotations: dict[str, str]) -> dict[str, str]:
    if _CLASS in annotations:
        raise not_allowed(f"className in place of {_CLASS}: the API server refuses an Ingress with both")
    return annotations


Key = Annotated[
    str,
    Field(pattern=rf"^({_PREFIX})?{_NAME}$"),
    AfterValidator(_with_dns_prefix),
    Allowed("a key, optionally with a DNS prefix", "nginx.ingress.kubernetes.io/proxy-body-size"),
]
LabelValue = Annotated[
    str,
    Field(pattern=rf"^({_NAME})?$"),
    Allowed("at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit", "public"),
]
Annotations = Annotated[dict[Key, Text], together(255)]  # Kubernetes' limit is 256, and the stack has its own
Labels = Annotated[
    dict[Key, LabelValue], Field(description="Labels of the route, such as one that external-dns filters by.")
]


class Tls(Model):
    """TLS at the ingress controller, for the host."""

    secret: Annotated[
        Omittable[ObjectName],
        Example("immich-tls"),
        Field(description="The Secret with the certificate. Default: the controller's own certificate."),
    ] = None
    issuer: Annotated[
        Omittable[ObjectName],
        Example("letsencrypt"),
        Field(description="The issuer by which cert-manager writes that Secret. Default: the Secret is yours."),
    ] = None
    issuer_kind: Annotated[Literal["ClusterIssuer", "Issuer"], Field(description="Kind of that issuer.")] = (
        "ClusterIssuer"
    )

    @model_validator(mode="after")
    def _issued_into_a_secret(self) -> Self:
        if self.issuer and not self.secret:
            raise refuse("secret", None, "the name of a Secret, into which cert-manager writes the certificate")
        return self


class Ingress(Model):
    """An Ingress of the cluster's ingress controller."""

    kind: Literal["ingress"]
    name: ObjectName = "immich-ingress"
    class_name: Annotated[ObjectName, Field(description="The IngressClass.")] = "nginx"
    labels: Labels = Field(default_factory=dict)
    annotations: Annotated[
        Annotations,
        AfterValidator(_not_the_class),
        Field(description="The controller's own settings, such as body size and timeouts, as it documents them."),
    ] = Field(default_factory=dict)
    tls: Annotated[Omittable[Tls], Field(description="TLS at the ingress controller. Default: plain HTTP.")] = None

    @property
    def own_secret(self) -> str | None:
        """The Secret of the certificate where it has to be there already: nothing is asked to write it."""
        asked = self.tls and (self.tls.issuer or any(key in self.annotations for key in _ISSUED_BY))
        return self.tls.secret if self.tls and not asked else None


class Parent(Model):
    """A Gateway, or one of its listeners."""

    gateway: Annotated[
        ObjectName,
        Example("public"),
        Field(description="The Gateway to attach to."),
    ]
    gateway_namespace: Annotated[
        Label,
        Example("gateways"),
    ]
    section_name: Annotated[
        Omittable[ObjectName],
        Example("https"),
        Field(description="The Gateway's listener. Default: each that takes the host."),
    ] = None


class Gateway(Parent):
    """An HTTPRoute on a Gateway that exists. The Gateway's request timeout is lifted: uploads are long."""

    kind: Literal["gateway"]
    name: ObjectName = "immich"
    labels: Labels = Field(default_factory=dict)
    annotations: Annotated[
        Annotations, Field(description="Annotations of the HTTPRoute, such as external-dns reads.")
    ] = Field(default_factory=dict)
    parents: Annotated[
        tuple[Parent, ...],
        Field(
            description="Further Gateways, or listeners, that the same route attaches to.",
            max_length=_MOST_PARENTS - 1,
        ),
        Allowed(
            f"a list of at most {_MOST_PARENTS - 1} Gateways", [{"gateway": "lan", "gatewayNamespace": "gateways"}]
        ),
    ] = ()

    @property
    def all_parents(self) -> tuple[Parent, ...]:
        """All Gateways and listeners that the route attaches to."""
        return (self, *self.parents)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        listeners: dict[tuple[str, str], list[str | None]] = {}
        for one in self.all_parents:
            listeners.setdefault((one.gateway_namespace, one.gateway), []).append(one.section_name)
        for names in listeners.values():
            if len(names) > 1 and (None in names or len(set(names)) < len(names)):
                allowed = "one parent a Gateway, or a sectionName of its own for each parent of the same Gateway"
                raise refuse("parents", [one.model_dump(by_alias=True) for one in self.parents], allowed)
        return self


class NoRoute(Model):
    """Nothing in the cluster: a tunnel reaches the Service directly."""

    kind: Literal["none"]


Route = Annotated[
    Ingress | Gateway | NoRoute,
    Field(discriminator="kind"),
    Allowed("a mapping with kind: ingress, gateway or none", {"kind": "ingress", "className": "nginx"}),
]
