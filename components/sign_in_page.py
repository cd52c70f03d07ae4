"""A page on which a person signs an account in, from a phone: what leads to it, and who opens it before a sync.

Before the fetch one container finds out whether a code is needed, and asks Apple for none; the next one sends the link;
the third one is the client's own page, which has one code sent and waits. Nothing is in front of it but Cloudflare
Access: it has no sign-in of its own, and shows the account's settings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from clients.kubernetes import Manifest, Ref
from components import account_pod, connector, icloudpd, notifications
from components.ownership import Ownership
from components.scripts import script
from settings import Settings
from settings.cloudflare import OwnTunnel
from settings.model import Backend
from settings.notifications import Notifications
from settings.photo_sync import Account
from settings.schedule import longest_wait
from text.literal import literal

NETWORK_POLICY: Final = "icloud-sign-in"
LABEL: Final = "immich-icloud/sign-in"  # of the pods in which a page may wait: the account
LASTS: Final = 12 * 3600  # seconds that a page waits: a link that is sent at night is good for half a day
_AGAIN_AFTER = 7  # days
_HOUR = 3600


@dataclass(frozen=True)
class SignInPages:
    """What leads to the pages in the cluster.

    Attributes:
        network_policy: who is let in to them.
        services: each account's, by its name.

    """

    network_policy: Manifest
    services: dict[str, Manifest]

    def manifests(self) -> Iterator[Manifest]:
        """All objects, in the order in which they are made."""
        yield self.network_policy
        yield from self.services.values()


def pages(settings: Settings, ownership: Ownership) -> SignInPages | None:
    """Build the manifests; None for a stack without such a page."""
    accounts, namespace, cloudflare = settings.photo_sync.pages, settings.photo_sync.namespace, settings.cloudflare
    if not accounts or not isinstance(cloudflare, OwnTunnel):
        return None
    return SignInPages(
        network_policy=ownership.whole(
            Ref("networking.k8s.io/v1", "NetworkPolicy", NETWORK_POLICY, namespace),
            spec={
                "podSelector": _SELECTOR,
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [connector.pods(cloudflare)], "ports": _PORTS}],
            },
        ),
        services={account: _service(account, namespace, ownership) for account in accounts},
    )


def names(settings: Settings) -> Iterator[Ref]:
    """Name those objects."""
    namespace = settings.photo_sync.namespace
    if settings.photo_sync.pages:
        yield Ref("networking.k8s.io/v1", "NetworkPolicy", NETWORK_POLICY, namespace)
    for account in settings.photo_sync.pages:
        yield Ref("v1", "Service", service_name(account), namespace)


def service_name(account: str) -> str:
    """Name the Service of an account's page."""
    return f"icloud-sign-in-{account}"


def url(account: str, settings: Settings) -> str:
    """Say what a tunnel's cloudflared calls for an account's page."""
    page = Backend(settings.photo_sync.namespace, service_name(account), icloudpd.PAGE_PORT)
    return page.url(settings.cluster.domain)


def egress(settings: Settings) -> Iterator[Manifest]:
    """Build what the connector's NetworkPolicy has to let out to the pages."""
    if settings.photo_sync.pages:
        namespace = {"matchLabels": {"kubernetes.io/metadata.name": settings.photo_sync.namespace}}
        yield {"ports": _PORTS, "to": [{"namespaceSelector": namespace, "podSelector": _SELECTOR}]}


def containers(
    account: Account, host: str, told: Notifications, settings: Settings, ownership: Ownership
) -> list[Manifest]:
    """Build the containers that come before the fetch; they share the directory of its verdict."""
    link = f"https://{host}"
    return [
        _of_client("find-session", ("without_code.sh", "needs_code.sh"), account, settings, ownership, {}),
        notifications.link(account.name, link, LASTS // _HOUR, told),
        {
            **_of_client(
                "sign-in",
                ("new_session.sh", "without_code.sh", "sign_in_page.sh"),
                account,
                settings,
                ownership,
                {"URL": link, "LASTS": str(LASTS)},
                page=True,
            ),
            "ports": [{"name": "sign-in", "containerPort": icloudpd.PAGE_PORT, "protocol": "TCP"}],
        },
    ]


_SELECTOR: Final[Manifest] = {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]}
_PORTS: Final = [{"protocol": "TCP", "port": icloudpd.PAGE_PORT}]


def _of_client(  # noqa: PLR0913, PLR0917 (what differs between the two)
    name: str,
    scripts: tuple[str, ...],
    account: Account,
    settings: Settings,
    ownership: Ownership,
    more: dict[str, str],
    *,
    page: bool = False,
) -> Manifest:
    sync = settings.photo_sync
    environment = {
        "PAGE": notifications.VERDICT,
        "AGAIN_AFTER": str(_AGAIN_AFTER),
        "AHEAD": str(longest_wait(sync.schedule)),
        "TZ": sync.time_zone,
        "CODE_OPTION": icloudpd.CODE_OPTION,
        **account_pod.environment(account, icloudpd, ownership),
        **more,
    }
    command = [
        "sh",
        "-c",
        script("quiet_end.sh", "session.sh", "explain.sh", *icloudpd.SCRIPTS, *scripts),
        scripts[-1],
        *icloudpd.PROGRAM,
        *map(literal, icloudpd.questions(account, page=page)),
    ]
    made = account_pod.container(account.name, icloudpd, ownership, command, environment, sync.resources)
    made["volumeMounts"].append({"name": "verdict", "mountPath": notifications.VERDICT})
    return {**made, "name": name}


def _service(account: str, namespace: str, ownership: Ownership) -> Manifest:
    # It has no endpoint but while a sync runs, so that nothing waits for one.
    annotations = {"pulumi.com/skipAwait": "true"}
    spec = {
        "selector": {LABEL: account},
        "ports": [{"name": "http", "port": icloudpd.PAGE_PORT, "targetPort": icloudpd.PAGE_PORT}],
        # A pod is not ready while its first containers run, and the page is one of those.
        "publishNotReadyAddresses": True,
    }
    return ownership.whole(Ref("v1", "Service", service_name(account), namespace), annotations, spec=spec)
