"""The host as the internet sees it: its name, its certificate, Immich behind it, and who is let in."""

from collections.abc import Iterator
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from components.way_in import application_name
from ops.checks.check import ON_CLOUDFLARE, UP, Check, Fault, NotChecked, Passed, Result, failed
from ops.facts import Facts
from ops.facts.cloudflare import CloudflareFacts
from ops.facts.internet import Page
from ops.facts.part import there
from settings.cloudflare import DnsRecord, OnCloudflare

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

_MISSING_NAME = Fault("no DNS record is there for the host, at whoever serves its zone", "dig +short $host @1.1.1.1")
_NOT_YET = Fault(
    "the record is right at Cloudflare and has not reached this machine's resolver: that a name was missing is "
    "remembered for up to half an hour",
    "dig +short $host @1.1.1.1",
)
_OTHER_ADDRESS = Fault(
    "an older record is still remembered, or another server is asked for the zone than Cloudflare's",
    "dig +trace $host",
)
_NO_ANSWER = Fault(
    "the way in breaks off before Immich: look at the first failure above, then",
    "curl -v https://$host/api/server/ping",
)
_BAD_CERTIFICATE = Fault(
    "there is no valid certificate for this host: a name two levels below the zone is not in Cloudflare's own, and one "
    "that is not proxied needs the ingress controller's",
    "curl -v https://$host/",
)
_NOT_IMMICH = Fault("something else than Immich answers for the host", "curl -i https://$host/api/server/ping")
_TOO_LATE = Fault(
    "Cloudflare reaches no connector, or the connector not the Service",
    "kubectl get pods --all-namespaces -l app.kubernetes.io/name=cloudflared",
)
_IN_PLAIN = Fault(
    '"Always Use HTTPS" is off for the zone (SSL/TLS, Edge Certificates), and Immich\'s password travels in the open',
    "curl -i http://$host/",
)
_NO_UPGRADE = Fault(
    "web sockets are off for the zone (Network), or a proxy on the way drops the upgrade: pages do not refresh"
    " by themselves",
    "curl -i -H 'Connection: Upgrade' -H 'Upgrade: websocket' 'https://$host/api/socket.io/?EIO=4&transport=websocket'",
)
_TOO_LARGE = Fault(
    "the ingress controller takes less than Cloudflare does: route.annotations, and on ingress-nginx",
    "pulumi config set --stack $stack --path "
    f"'immich-icloud:route.annotations[\"nginx.ingress.kubernetes.io/proxy-body-size\"]' 0 && {UP}",
)
_BROKEN_OFF = Fault(
    "the line or a proxy on the way is too slow for an upload of that size: its time-outs, as in route.annotations",
    "kubectl get ingress -n $immich -o yaml",
)
_UNGUARDED = Fault("the Access application was removed or changed: everybody reaches Immich", UP)
_GUARDED = Fault(
    "somebody else's Access application guards the host: the mobile app is shut out. Remove it in the dashboard, or "
    "set cloudflare.access",
    "curl -i https://$host/",
)


def _name(facts: Facts) -> Result:
    addresses, cloudflare = there(facts.name).addresses, facts.settings.cloudflare
    if not addresses:
        evidence = f"no address of {facts.settings.host} is known here"
        stated = isinstance(facts.cloudflare, CloudflareFacts) and bool(facts.cloudflare.records)
        return failed(facts, _NOT_YET if stated else _MISSING_NAME, evidence)
    shown = ", ".join(addresses)
    proxied = isinstance(cloudflare, OnCloudflare) and not (isinstance(cloudflare, DnsRecord) and not _proxied(facts))
    if not proxied:
        target = cloudflare.target if isinstance(cloudflare, DnsRecord) else None
        if target and _is_address(target) and target not in addresses:
            return failed(facts, _OTHER_ADDRESS, f"it is {shown}, not {target}")
        return Passed(shown)
    if all(_is_cloudflares(address) for address in addresses):
        return Passed(f"{shown}: Cloudflare")
    if not any(ip_address(address).is_global for address in addresses):
        return NotChecked(f"this machine's resolver says {shown}, which is not what the internet sees")
    return failed(facts, _OTHER_ADDRESS, f"it is {shown}, which is not Cloudflare's")


def _proxied(facts: Facts) -> bool:
    way_in = there(facts.cloudflare).way_in
    return way_in is not None and way_in.record.proxied


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_cloudflares(address: str) -> bool:
    known = ip_address(address)
    return any(known in network for network in _CLOUDFLARE if network.version == known.version)


def _page(facts: Facts) -> Result:
    page = there(facts.page)
    if page.untrusted:
        return failed(facts, _BAD_CERTIFICATE, page.fault)
    if page.fault:
        return failed(facts, _NO_ANSWER, page.fault)
    if _asks_to_sign_in(page):
        return Passed(f"Cloudflare Access answers, with a valid certificate: {page.status}")
    if page.status in {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, 530}:
        return failed(facts, _TOO_LATE, f"the answer is {page.status}")
    if page.status != HTTPStatus.OK or "pong" not in page.body:
        return failed(facts, _NOT_IMMICH, f"the answer is {page.status}: {page.body[:60]}")
    return Passed("200 from Immich, with a valid certificate")


def _asks_to_sign_in(page: Page) -> bool:
    return page.status in _REDIRECTS and (urlsplit(page.location).hostname or "").endswith(_LOGIN)


def _plain(facts: Facts) -> Result:
    plain = there(facts.plain)
    if plain.fault:
        return Passed(f"nothing answers over http: {plain.fault}")
    if plain.status in _REDIRECTS and plain.location.startswith("https://"):
        return Passed(f"{plain.status} to {plain.location}")
    return failed(facts, _IN_PLAIN, f"http is answered with {plain.status}")


def _web_socket(facts: Facts) -> Result:
    answer = there(facts.web_socket)
    if answer.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return Passed("101, the upgrade is answered")
    if _asks_to_sign_in(answer):
        return NotChecked("Cloudflare Access asks to sign in first")
    return failed(facts, _NO_UPGRADE, answer.fault or f"the upgrade is answered with {answer.status}")


def _uploads(facts: Facts) -> Result:
    tried = there(facts.uploads)
    if _asks_to_sign_in(tried.at):
        return NotChecked("Cloudflare Access asks to sign in first")
    if tried.at.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return failed(facts, _TOO_LARGE, f"{tried.limit} MB are refused, and the plan takes them")
    # Without a key, that is how Immich answers to whatever it has got.
    if tried.at.status != HTTPStatus.UNAUTHORIZED:
        return failed(facts, _BROKEN_OFF, f"{tried.limit} MB: {tried.at.fault or tried.at.status}")
    above = "is refused" if tried.above.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else "is taken, too"
    return Passed(f"{tried.limit} MB reach Immich, more {above}")


def _access(facts: Facts) -> Result:
    cloudflare = facts.settings.cloudflare
    wanted = isinstance(cloudflare, OnCloudflare) and cloudflare.access is not None
    if wanted and (missing := next(_missing_guard(facts), "")):
        return failed(facts, _UNGUARDED, missing)
    page = there(facts.page)
    if page.fault:
        return NotChecked(f"the host does not answer: {page.fault}")
    asks = _asks_to_sign_in(page)
    if wanted and not asks:
        return failed(facts, _UNGUARDED, f"the answer to a stranger is {page.status}, not Access's sign-in")
    if asks and not wanted:
        return failed(facts, _GUARDED, f"the answer leads to {urlsplit(page.location).hostname}")
    return Passed("strangers are asked to sign in" if wanted else "nobody is asked to sign in before Immich")


def _missing_guard(facts: Facts) -> Iterator[str]:
    found = there(facts.cloudflare)
    names = {application.name for application in found.applications}
    if found.way_in and application_name(found.way_in.stack) not in names:
        yield f"the account has no Access application for {facts.settings.host}"


NAME = Check(
    "dns",
    "the host's name resolves, to Cloudflare or to the record's target",
    _name,
    (_MISSING_NAME, _NOT_YET, _OTHER_ADDRESS),
)
PAGE = Check(
    "https",
    "Immich answers at the host, with a valid certificate",
    _page,
    (_NO_ANSWER, _BAD_CERTIFICATE, _TOO_LATE, _NOT_IMMICH),
)
PLAIN = Check("http-redirect", "http leads to https", _plain, (_IN_PLAIN,))
WEB_SOCKET = Check("web-socket", "an upgrade to a web socket is answered", _web_socket, (_NO_UPGRADE,))
UPLOAD = Check(
    "upload",
    "an upload of what Cloudflare's plan takes reaches Immich",
    _uploads,
    (_TOO_LARGE, _BROKEN_OFF),
    ON_CLOUDFLARE,
)
ACCESS = Check("access", "Cloudflare Access answers as configured", _access, (_UNGUARDED, _GUARDED), ON_CLOUDFLARE)
