"""Cloudflare Access before Immich: people sign in, the mobile app brings a service token."""

import pulumi

from components import cloudflare_resources as cloudflare
from components.public_access import (
    PublicAccess,
    app_policy_name,
    application_name,
    people_policy_name,
    service_token_name,
)
from settings.cloudflare import Access

_TOKEN_DURATION = "8760h"  # noqa: S105 (a year)


class ImmichAccess(pulumi.ComponentResource):
    """The application that guards the host, its two policies and the app's service token.

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
        token = cloudflare.AccessServiceToken(
            f"{name}-mobile-app",
            {"accountId": account_id, "name": service_token_name(stack), "duration": _TOKEN_DURATION},
            inside,
        )
        app = cloudflare.AccessPolicy(
            f"{name}-mobile-app-policy",
            {
                "accountId": account_id,
                "name": app_policy_name(stack),
                "decision": "non_identity",  # "Service Auth" in the dashboard
                "includes": [{"serviceToken": {"tokenId": token.id}}],
            },
            inside,
        )
        emails = [{"email": {"email": email}} for email in access.emails]
        domains = [{"emailDomain": {"domain": domain}} for domain in access.email_domains]
        people = cloudflare.AccessPolicy(
            f"{name}-people-policy",
            {
                "accountId": account_id,
                "name": people_policy_name(stack),
                "decision": "allow",
                "includes": [*emails, *domains],
            },
            inside,
        )
        cloudflare.AccessApplication(
            f"{name}-application",
            {
                "accountId": account_id,
                "name": application_name(stack),
                "type": "self_hosted",
                "domain": public_access.host,
                "policies": [{"id": policy.id, "precedence": place} for place, policy in enumerate((app, people), 1)],
            },
            # A changed host gets an application of its own: the old one guards the old host until nothing leads there.
            pulumi.ResourceOptions(parent=self, replace_on_changes=["domain"]),
        )
        self.client_id = pulumi.Output.secret(token.client_id)
        self.client_secret = pulumi.Output.secret(token.client_secret)
