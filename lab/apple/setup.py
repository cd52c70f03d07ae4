"""setup.icloud.com: who is signed in to iCloud, and where its services are."""

from http import HTTPStatus
from typing import Final

from lab.apple import world
from lab.apple.answers import MONTH, WEB, Answer, no
from lab.apple.api import Api
from lab.stand_in.answers import Json, Request
from lab.stand_in.routes import Ids, Route

_ROOT: Final = "/setup.icloud.com/setup/ws/1"
PHOTOS: Final = "p42-ckdatabasews.icloud.com"


def _login(apple: Api, request: Request, _: Ids) -> Answer:
    name = apple.world.sign_ins.get(request.body["dsWebAuthToken"])
    if name is None:
        raise no(HTTPStatus.MISDIRECTED_REQUEST, {"success": False, "error": "Invalid Session Token"})
    trusted = apple.world.trusted.get(request.body.get("trustToken", "")) == name
    web = world.token("web")
    apple.world.web[web] = {"appleId": name, "trusted": trusted}
    cookies = {WEB: (f"v=2:t={web}", MONTH), "X-APPLE-DS-WEB-SESSION-TOKEN": (world.token("ds"), MONTH)}
    if trusted:
        cookies["X-APPLE-WEBAUTH-HSA-TRUST"] = (world.token("hsa"), 2 * MONTH)
    return Answer(_account(name, trusted=trusted), cookies=cookies)


def _validate(apple: Api, request: Request, _: Ids) -> Answer:
    session = apple.web_session(request)
    if session is None:
        raise no(HTTPStatus.MISDIRECTED_REQUEST, {"success": False, "error": "Invalid global session"})
    return Answer(_account(session["appleId"], trusted=session["trusted"]))


def _encrypted(apple: Api, request: Request, _: Ids) -> Answer:
    """Open what is encrypted, as for an account without Advanced Data Protection: no device has to agree."""
    if apple.web_session(request) is None:
        raise no(HTTPStatus.MISDIRECTED_REQUEST, {"success": False, "error": "Invalid global session"})
    cookies = {f"X-APPLE-WEBAUTH-PCS-{what}": (world.token("pcs"), 0) for what in ("Photos", "Sharing")}
    return Answer({"status": "success", "message": "Cookies attached."}, cookies=cookies)


def _account(name: str, *, trusted: bool) -> Json:
    return {
        "dsInfo": {
            "dsid": "10000000001",
            "appleId": name,
            "primaryEmail": name,
            "fullName": "The Household",
            "hsaVersion": 2,
            "hsaEnabled": True,
            "hasICloudQualifyingDevice": True,
            "isWebAccessAllowed": True,
            "locked": False,
        },
        "webservices": {
            "ckdatabasews": {"pcsRequired": True, "url": f"https://{PHOTOS}:443", "status": "active"},
            "account": {"iCloudEnv": {"shortId": "p"}, "url": "https://setup.icloud.com:443", "status": "active"},
        },
        "hsaTrustedBrowser": trusted,
        "hsaChallengeRequired": not trusted,
        "isExtendedLogin": True,
        "pcsEnabled": True,
        "version": 2,
    }


ROUTES = (
    Route("POST", f"{_ROOT}/accountLogin", _login),
    Route("POST", f"{_ROOT}/validate", _validate),
    Route("POST", f"{_ROOT}/requestPCS", _encrypted),
)
