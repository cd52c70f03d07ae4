"""The whole stack file, as a type."""

from collections.abc import Mapping
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from settings.adoption import Adoption, read_adoption
from settings.cloudflare import Cloudflare, DnsRecord, NoCloudflare, OwnTunnel, Token, Tunnelled
from settings.cluster import Cluster
from settings.external_library import ApiKey
from settings.immich import Immich
from settings.model import Allowed, Backend, Hostname, Model, Omittable, refuse
from settings.monitoring import Monitoring
from settings.notifications import Notifications
from settings.origin import TunnelOrigin
from settings.photo_sync import AllCredentials, PhotoSync
from settings.route import Gateway, NoRoute, Route
from settings.storage import Existing, Storage


class Settings(Model):
    """Everything that one stack is told. The key of a field is `immich-icloud:<its camelCase name>`."""

    host: Annotated[Hostname, Field(description="Where Immich is reached, over https.")]
    cluster: Cluster
    storage: Storage
    route: Route
    cloudflare: Cloudflare = NoCloudflare(kind="none")
    cloudflare_token: Annotated[
        Omittable[Token], Field(description="API token of Cloudflare. Default: the variable CLOUDFLARE_API_TOKEN.")
    ] = None
    immich: Immich = Immich()
    immich_api_key: Annotated[
        Omittable[ApiKey],
        Field(description="Of an administrator of Immich. Without it no library is made. docs/photos.md says how."),
    ] = None
    photo_sync: PhotoSync = PhotoSync()
    icloud_credentials: Annotated[
        Omittable[AllCredentials],
        Field(description="How each account of photoSync.accounts signs in, by its name. A secret as a whole."),
    ] = None
    notifications: Annotated[
        Omittable[Notifications],
        Field(
            description="Who is notified of syncs. Default: no notifications; only the log of a sync has its result."
        ),
    ] = None
    monitoring: Annotated[
        Omittable[Monitoring],
        Field(description="Alerts and a dashboard for Prometheus and Grafana, all defaults with {}. Default: none."),
    ] = None
    adoption: Annotated[
        Adoption | None,
        BeforeValidator(read_adoption, json_schema_input_type=Adoption | bool),
        Allowed("true, false, or a mapping with the key from", True),  # noqa: FBT003 (an example)
        Field(
            alias="adoptExisting",
            description="For one `up`: true adopts objects that were made by hand, and marks a directory that exists "
            "as the right disk; a mapping adopts what a stack made whose state is lost, and nothing else. Remove it "
            "afterwards.",
            json_schema_extra={"default": False},
        ),
    ] = None

    @property
    def adopt_existing(self) -> bool:
        """Whether what was made by hand is adopted."""
        return self.adoption is not None and not self.adoption.stack

    @property
    def lost_stack(self) -> str:
        """The stack whose state is lost, and whose objects are adopted; empty when there is none."""
        return self.adoption.stack if self.adoption else ""

    @property
    def origin(self) -> TunnelOrigin:
        """Where a tunnel leads, as it is stated."""
        return self.cloudflare.origin if isinstance(self.cloudflare, Tunnelled) else TunnelOrigin()

    @property
    def origin_service(self) -> Backend | None:
        """The Service that a tunnel leads to; None for a URL."""
        return self.origin.backend(self.immich.backend)

    @property
    def origin_url(self) -> str:
        """What a tunnel's cloudflared calls."""
        backend = self.origin_service
        return backend.url(self.cluster.domain, self.origin.scheme or "http") if backend else str(self.origin.url)

    @model_validator(mode="before")
    @classmethod
    def _sync_beside_its_claim(cls, stated: Any) -> Any:
        """The sync runs in the namespace of a claim that is there, and need not be told."""
        match stated:
            case {"storage": {"kind": "existing", "claim": {"namespace": str(namespace)}}}:
                sync = stated.get("photoSync", {})
                if isinstance(sync, Mapping) and "namespace" not in sync:
                    return {**stated, "photoSync": {**sync, "namespace": namespace}}
        return stated

    @model_validator(mode="after")
    def _claim_can_be_mounted(self) -> Self:
        storage = self.storage
        if not isinstance(storage, Existing):
            return self
        if self.photo_sync.namespace != storage.claim.namespace:
            raise refuse(
                "photoSync.namespace",
                self.photo_sync.namespace,
                f"{storage.claim.namespace}, or nothing: the sync runs where storage.claim is",
            )
        if storage.claim.namespace != self.immich.namespace and storage.immich_claim is None:
            raise refuse(
                "storage.immichClaim",
                None,
                f"a claim of the same directory in {self.immich.namespace}: Immich cannot mount one of "
                f"{storage.claim.namespace}",
            )
        return self

    @model_validator(mode="after")
    def _namespace_of_its_own(self) -> Self:
        if isinstance(self.storage, Existing):  # nothing removes it
            return self
        if self.photo_sync.namespace == self.immich.namespace:
            raise refuse(
                "photoSync.namespace",
                self.photo_sync.namespace,
                "any namespace but immich.namespace: it is removed with the stack, and Immich's database with it",
            )
        return self

    @model_validator(mode="after")
    def _accounts_can_sign_in_and_write(self) -> Self:
        names = [account.name for account in self.photo_sync.accounts]
        known = list(self.icloud_credentials or {})
        if lacking := [name for name in names if name not in known]:
            raise refuse(
                f"icloudCredentials.{lacking[0]}.appleId",
                None,
                f"the account's Apple ID, and then its password{', and those of '.join(['', *lacking[1:]])}",
            )
        if unused := [name for name in known if name not in names]:
            raise refuse(
                "photoSync.accounts",
                names,
                f"a list with {', '.join(unused)}, too, whose credentials are stored; or remove "
                f"{', '.join(f'icloudCredentials.{name}' for name in unused)}",
            )
        if names and self.storage.owner.uid == 0:
            raise refuse(
                "storage.owner.uid",
                0,
                "any user but root, e.g. 1000, as there are photoSync.accounts: the sync runs as the owner, and "
                "never as root. The directory is given to that user",
            )
        return self

    @model_validator(mode="after")
    def _pages_are_behind_access(self) -> Self:
        cloudflare, told = self.cloudflare, self.notifications
        for account, host in self.photo_sync.pages.items():
            place = [one.name for one in self.photo_sync.accounts].index(account)
            own = self.photo_sync.accounts[place].sign_in
            key = f"photoSync.accounts.{place}.signIn" if own else "photoSync.signIn"
            if not isinstance(cloudflare, OwnTunnel):
                raise refuse(
                    key,
                    host,
                    "a key only with cloudflare.kind: ownTunnel, whose connector alone is let in to the page",
                )
            if cloudflare.access is None:
                raise refuse(
                    "cloudflare.access",
                    None,
                    f"the people who may sign in at {host}: the page to sign in at Apple is never without Access",
                )
            if told is None or not told.urls:
                raise refuse("notifications.urls", None, f"at least one URL, which gets the link to {host}")
            if host in {self.host, urlsplit(cloudflare.origin.url or "").hostname}:
                raise refuse(
                    f"{key}.host", host, "a host of its own, which leads nowhere yet: this one leads to Immich"
                )
        return self

    @model_validator(mode="after")
    def _tunnel_leads_somewhere(self) -> Self:
        cloudflare = self.cloudflare
        origin = self.origin
        if origin.service and isinstance(self.route, NoRoute):
            raise refuse(
                "route.kind",
                self.route.kind,
                "ingress or gateway, as cloudflare.origin names a Service: with none it has no route to Immich",
            )
        if origin.service and urlsplit(f"//{origin.http_host_header or self.host}").hostname != self.host:
            raise refuse(
                "cloudflare.origin.httpHostHeader",
                origin.http_host_header,
                "the host of the stack, or nothing: the route knows Immich by its host",
            )
        if urlsplit(origin.url or "").hostname == self.host:
            raise refuse("cloudflare.origin.url", origin.url, "another host: that one leads through the tunnel itself")
        if isinstance(cloudflare, OwnTunnel) and ".svc." in f"{urlsplit(origin.url or '').hostname}.":
            raise refuse(
                "cloudflare.origin.url",
                origin.url,
                "namespace, service and port of that Service in its place: only the pods behind a Service that is "
                "named may be called",
            )
        if isinstance(cloudflare, OwnTunnel):
            taken = {
                self.immich.namespace,
                self.photo_sync.namespace,
                origin.namespace,
                *(one.gateway_namespace for one in (self.route.all_parents if isinstance(self.route, Gateway) else ())),
            }
            if cloudflare.namespace in taken:
                raise refuse(
                    "cloudflare.namespace",
                    cloudflare.namespace,
                    "any namespace but those of immich, photoSync, the origin and the Gateway: it is "
                    "removed with the stack",
                )
        if isinstance(cloudflare, DnsRecord) and self.host in (cloudflare.target, cloudflare.same_as):
            key = "target" if cloudflare.target else "sameAs"
            raise refuse(f"cloudflare.{key}", self.host, "another host: a record can't point at itself")
        return self
