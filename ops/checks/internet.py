"""The host as the internet sees it: its name, its certificate, Immich behind it, and who is let in."""

from collections.abc import Iterator
from http import HTTPStatus
from ipaddress import ip_address, ip_network

from components.public_access import application_name, page_application_name
from ops.checks import wording
from ops.checks.check import ON_CLOUDFLARE, Check, NotChecked, Passed, Result, failed
from ops.facts import Facts
from ops.facts.cloudflare import CloudflareFacts
from ops.facts.internet import Page
from ops.facts.part import there
from settings.cloudflare import DnsRecord, OnCloudflare
from text.finding import Finding
from text.hostname import is_address

# Where proxied names lead (source: cloudflare.com/ips).
_CLOUDFLARE = tuple(
    ip_network(text)
    for text in (
        "173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18",
        "108.162.192.0/18", "190.93.240.0/20", "188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17",
        "162.158.0.0/15", "104.16.0.0/13", "104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22", "2400:cb00::/32",
        "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32", "2a06:98c0::/29", "2c0f:f248::/32",
    )
)  # fmt: skip
_LOGIN = ".cloudflareaccess.com"  # (source: Cloudflare's documentation of Access, team domain)
_REDIRECTS = range(300, 400)


def _name(facts: Facts) -> Result:
    addresses, cloudflare = there(facts.name), facts.settings.cloudflare
    if not addresses:
        evidence = f"no address of {facts.settings.host} is known here"
        stated = isinstance(facts.cloudflare, CloudflareFacts) and bool(facts.cloudflare.records)
        return failed(facts, wording.NAME_NOT_YET_KNOWN if stated else wording.NAME_MISSING, evidence)
    shown = ", ".join(addresses)
    proxied = isinstance(cloudflare, OnCloudflare) and not (isinstance(cloudflare, DnsRecord) and not _proxied(facts))
    if not proxied:
        target = cloudflare.target if isinstance(cloudflare, DnsRecord) else None
        if target and is_address(target) and target not in addresses:
            return failed(facts, wording.ADDRESS_CHANGED, f"it is {shown}, not {target}")
        return Passed(shown)
    if all(_is_cloudflares(address) for address in addresses):
        return Passed(f"{shown}: Cloudflare")
    if not any(ip_address(address).is_global for address in addresses):
        return NotChecked(f"this machine's resolver says {shown}, which is not what the internet sees")
    return failed(facts, wording.ADDRESS_CHANGED, f"it is {shown}, which is not Cloudflare's")


def _proxied(facts: Facts) -> bool:
    public_access = there(facts.cloudflare).public_access
    return public_access is not None and public_access.record.proxied


def _is_cloudflares(address: str) -> bool:
    known = ip_address(address)
    return any(known in network for network in _CLOUDFLARE if network.version == known.version)


def _page(facts: Facts) -> Result:
    page = there(facts.page)
    if page.untrusted:
        return failed(facts, wording.CERTIFICATE_INVALID, page.fault)
    if page.fault:
        return failed(facts, wording.HOST_SILENT, page.fault)
    if _asks_to_sign_in(page):
        return Passed(f"Cloudflare Access answers, with a valid certificate: {page.status}")
    if page.status in {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, 530}:
        return failed(facts, wording.ORIGIN_UNREACHABLE, f"the answer is {page.status}")
    if page.status != HTTPStatus.OK or "pong" not in page.body:
        return failed(facts, wording.NOT_IMMICH, f"the answer is {page.status}: {page.body[:60]}")
    return Passed("200 from Immich, with a valid certificate")


def _asks_to_sign_in(page: Page) -> bool:
    return page.status in _REDIRECTS and page.leads_to.endswith(_LOGIN)


def _plain(facts: Facts) -> Result:
    plain = there(facts.plain)
    if plain.fault:
        return Passed(f"nothing answers over http: {plain.fault}")
    if plain.status in _REDIRECTS and plain.location.startswith("https://"):
        return Passed(f"{plain.status} to {plain.location}")
    return failed(facts, wording.SERVED_IN_PLAIN, f"http is answered with {plain.status}")


def _web_socket(facts: Facts) -> Result:
    answer = there(facts.web_socket)
    if answer.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return Passed("101, the upgrade is answered")
    if _asks_to_sign_in(answer):
        return NotChecked("Cloudflare Access asks to sign in first")
    return failed(facts, wording.NO_WEB_SOCKET, answer.fault or f"the upgrade is answered with {answer.status}")


def _uploads(facts: Facts) -> Result:
    tried = there(facts.uploads)
    if _asks_to_sign_in(tried.at):
        return NotChecked("Cloudflare Access asks to sign in first")
    if tried.at.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return failed(facts, wording.UPLOAD_TOO_LARGE, f"{tried.limit} MB are refused, and the plan takes them")
    # Without a key, that is how Immich answers to whatever it has got.
    if tried.at.status != HTTPStatus.UNAUTHORIZED:
        return failed(facts, wording.UPLOAD_BROKEN_OFF, f"{tried.limit} MB: {tried.at.fault or tried.at.status}")
    above = "is refused" if tried.above.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else "is taken, too"
    return Passed(f"{tried.limit} MB reach Immich, more {above}")


def _access(facts: Facts) -> Result:
    cloudflare = facts.settings.cloudflare
    wanted = isinstance(cloudflare, OnCloudflare) and cloudflare.access is not None
    if wanted and (missing := next(_missing_guards(facts), None)):
        return missing
    page = there(facts.page)
    if page.fault:
        return NotChecked(f"the host does not answer: {page.fault}")
    asks = _asks_to_sign_in(page)
    if wanted and not asks:
        said = f"the answer to a request without sign-in is {page.status}, not Access's sign-in"
        return failed(facts, wording.ACCESS_MISSING, said)
    if asks and not wanted:
        return failed(facts, wording.ACCESS_UNEXPECTED, f"the answer leads to {page.leads_to}")
    for host, answer in there(facts.pages).items():
        if not answer.fault and not _asks_to_sign_in(answer):
            said = f"the page to sign in at {host} answers {answer.status} to a request without sign-in"
            return failed(facts, wording.PAGE_OPEN, said)
    return Passed(
        "a request without sign-in is sent to Cloudflare Access" if wanted else "no sign-in is required before Immich"
    )


def _missing_guards(facts: Facts) -> Iterator[Finding]:
    found = there(facts.cloudflare)
    names = {application.name for application in found.applications}
    if stated := found.public_access:
        wanted = [
            (application_name(stated.stack), stated.host, wording.ACCESS_MISSING),
            *(
                (page_application_name(stated.stack, page.account), page.host, wording.PAGE_OPEN)
                for page in stated.pages
            ),
        ]
        for name, host, fault in wanted:
            if name not in names:
                yield failed(facts, fault, f"the account has no Access application for {host}")


# What has to be right before the host can be answered.
_ON_THE_WAY = ("dns", "dns-record", "tunnel", "tunnel-rule", "route", "service", "ping", "immich-pods")

NAME = Check(
    "dns",
    "the host's name resolves, to Cloudflare or to the record's target",
    _name,
    (wording.NAME_MISSING, wording.NAME_NOT_YET_KNOWN, wording.ADDRESS_CHANGED),
    follows=("dns-record",),
)
PAGE = Check(
    "https",
    "Immich answers at the host, with a valid certificate",
    _page,
    (wording.HOST_SILENT, wording.CERTIFICATE_INVALID, wording.ORIGIN_UNREACHABLE, wording.NOT_IMMICH),
    follows=_ON_THE_WAY,
)
PLAIN = Check(
    "http-redirect",
    "http leads to https",
    _plain,
    (wording.SERVED_IN_PLAIN,),
    follows=("https", *_ON_THE_WAY),
)
WEB_SOCKET = Check(
    "web-socket",
    "an upgrade to a web socket is answered",
    _web_socket,
    (wording.NO_WEB_SOCKET,),
    follows=("https", *_ON_THE_WAY),
)
UPLOAD = Check(
    "upload",
    "an upload of what Cloudflare's plan takes reaches Immich",
    _uploads,
    (wording.UPLOAD_TOO_LARGE, wording.UPLOAD_BROKEN_OFF),
    ON_CLOUDFLARE,
    follows=("https", *_ON_THE_WAY),
)
ACCESS = Check(
    "access",
    "Cloudflare Access answers as configured",
    _access,
    (wording.ACCESS_MISSING, wording.ACCESS_UNEXPECTED, wording.PAGE_OPEN),
    ON_CLOUDFLARE,
    follows=("https", *_ON_THE_WAY),
)
