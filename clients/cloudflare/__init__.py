"""Cloudflare's API, and what is read of it."""

from clients.cloudflare.answers import AccessApplication as AccessApplication
from clients.cloudflare.answers import AccessPolicy as AccessPolicy
from clients.cloudflare.answers import Configuration as Configuration
from clients.cloudflare.answers import Connector as Connector
from clients.cloudflare.answers import Document as Document
from clients.cloudflare.answers import Record as Record
from clients.cloudflare.answers import ServiceToken as ServiceToken
from clients.cloudflare.answers import Tunnel as Tunnel
from clients.cloudflare.answers import Zone as Zone
from clients.cloudflare.api import CloudflareApi as CloudflareApi
from clients.cloudflare.api_token import ACCESS_EDIT as ACCESS_EDIT
from clients.cloudflare.api_token import ACCESS_READ as ACCESS_READ
from clients.cloudflare.api_token import CERTIFICATES_READ as CERTIFICATES_READ
from clients.cloudflare.api_token import DNS_EDIT as DNS_EDIT
from clients.cloudflare.api_token import SERVICE_TOKENS_EDIT as SERVICE_TOKENS_EDIT
from clients.cloudflare.api_token import TUNNEL_EDIT as TUNNEL_EDIT
from clients.cloudflare.api_token import ZONE_READ as ZONE_READ
from clients.cloudflare.api_token import token as token
from clients.cloudflare.errors import TOKEN_VARIABLE as TOKEN_VARIABLE
from clients.cloudflare.errors import CloudflareError as CloudflareError
from clients.cloudflare.errors import CloudflareRefusedError as CloudflareRefusedError
from clients.cloudflare.errors import MissingError as MissingError
from clients.cloudflare.errors import UnansweredError as UnansweredError
