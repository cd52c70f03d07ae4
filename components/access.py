"""Cloudflare Access before Immich: people sign in, the mobile app brings a service token."""

from typing import Any

import pulumi

from components import cloudflare_resources as cloudflare
from components.public_access import (
    PublicAccess,
    app_policy_name,
    application_name,
    page_application_name,
    people_policy_name,
    service_token_name,
)
from settings.cloudflare import Access

_TOKEN_DURATION = "8760h"  # noqa: S105 (a year)


class ImmichAccess(pulumi.ComponentResource):
    """The application that guards the host, its two policies and the app's service token; one of each sign-in page.

    Attributes:
        client_id: of the service token, secret.
        client_secret: of the service token, secret.

    """

    client_id: pulumi.Output[str]
    client_secret: pulumi.Output[str]

    def __init__(self, name: str, public_access: PublicAccess, access: Access, opts: pulumi.ResourceOptions) -> None:
        super().__init__("immich-icloud:index:ImmichAccess", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        account_id, stack = public_access.zone.account_id, public_access.stack
        token = cloudflare.ZeroTrustAccessServiceToken(
            f"{name}-mobile-app",
            account_id=account_id,
            name=service_token_name(stack),
            duration=_TOKEN_DURATION,
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["client_id", "client_secret"]),
        )
        app = cloudflare.ZeroTrustAccessPolicy(
            f"{name}-mobile-app-policy",
            account_id=account_id,
            name=app_policy_name(stack),
            decision="non_identity",  # "Service Auth" in the dashboard
            includes=[{"service_token": {"token_id": token.id}}],
            opts=inside,
        )
        emails = [{"email": {"email": email}} for email in access.emails]
        domains = [{"email_domain": {"domain": domain}} for domain in access.email_domains]
        may_sign_in: Any = [*emails, *domains]
        people = cloudflare.ZeroTrustAccessPolicy(
            f"{name}-people-policy",
            account_id=account_id,
            name=people_policy_name(stack),
            decision="allow",
            includes=may_sign_in,
            opts=inside,
        )
        cloudflare.ZeroTrustAccessApplication(
            f"{name}-application",
            account_id=account_id,
            name=application_name(stack),
            type="self_hosted",
            domain=public_access.host,
            # A changed host gets an application of its own: the old one guards the old host until nothing leads there.
            policies=[{"id": policy.id, "precedence": place} for place, policy in enumerate((app, people), start=1)],
            opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["domain"]),
        )
        for page in public_access.pages:
            cloudflare.ZeroTrustAccessApplication(
                f"{name}-sign-in-{page.account}",
                account_id=account_id,
                name=page_application_name(stack, page.account),
                type="self_hosted",
                domain=page.host,
                policies=[{"id": people.id, "precedence": 1}],  # no app is used there
                same_site_cookie_attribute="lax",  # the page takes a form from any site that a browser sends it from
                opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["domain"]),
            )
        self.client_id = pulumi.Output.secret(token.client_id)
        self.client_secret = pulumi.Output.secret(token.client_secret)
