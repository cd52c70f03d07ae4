"""idmsa.apple.com: the password by SRP, then the second factor, then trust in the browser."""

import base64
import json
from http import HTTPStatus
from typing import Final

from lab.apple import srp, world
from lab.apple.answers import Answer, Page, no
from lab.apple.api import Api
from lab.stand_in.answers import Json, Request
from lab.stand_in.routes import Ids, Route

_ROOT: Final = "/idmsa.apple.com/appleauth/auth"
_PHONE: Final[Json] = {"id": 1, "numberWithDialCode": "+49 ••• ••••12", "obfuscatedNumber": "(•••) •••-••12"}
_PHONES: Final[Json] = {"trustedPhoneNumbers": [{**_PHONE, "pushMode": "sms", "lastTwoDigits": "12"}]}


def _init(apple: Api, request: Request, _: Ids) -> Answer:
    name = request.body["accountName"]
    # Apple does not tell who has an account: an unknown account's password fails later.
    account = apple.world.accounts.get(name) or {"password": world.token("unknown")}
    challenge = srp.Challenge(name, account["password"], base64.b64decode(request.body["a"]))
    handle = world.token("challenge")
    apple.challenges[handle] = name, challenge
    return Answer(
        {
            "iteration": srp.ITERATIONS,
            "salt": base64.b64encode(challenge.salt).decode(),
            "protocol": srp.PROTOCOL,
            "b": base64.b64encode(challenge.b).decode(),
            "c": handle,
        }
    )


def _complete(apple: Api, request: Request, _: Ids) -> Answer:
    name, challenge = apple.challenges.pop(request.body["c"])
    if not challenge.proves(base64.b64decode(request.body["m1"])):
        raise no(HTTPStatus.UNAUTHORIZED, _errors("-20101", "Check the account information you entered and try again."))
    account = apple.world.accounts[name]
    if account["locked"]:
        raise no(HTTPStatus.FORBIDDEN, _errors("-20209", "This Apple Account has been locked for security reasons."))
    trusted = any(apple.world.trusted.get(one) == name for one in request.body["trustTokens"])
    if trusted:
        return Answer({"authType": "hsa2"}, headers=_session(apple, name))
    key = {"fsaChallenge": {"challenge": "x"}, "keyNames": ["A key"]} if account["securityKey"] else {}
    return Answer({"authType": "hsa2", **key}, HTTPStatus.CONFLICT, _session(apple, name))


def _second_factor(apple: Api, request: Request, _: Ids) -> Answer | Page:
    apple.signing_in(request)
    if "json" in request.headers.get("accept", ""):
        return Answer({"phoneNumberVerification": _PHONES, **_PHONES, "authenticationType": "hsa2"})
    arguments = json.dumps({"direct": {"twoSV": {"phoneNumberVerification": _PHONES}}})
    return Page(f'<html><script type="application/json" class="boot_args">{arguments}</script></html>')


def _send(apple: Api, request: Request, _: Ids) -> Answer:
    apple.signing_in(request)
    return Answer({})


def _verify(apple: Api, request: Request, _: Ids) -> Answer:
    name = apple.signing_in(request)
    if request.body["securityCode"]["code"] != world.CODE:
        error = {"code": "-21669", "title": "Incorrect Verification Code", "message": "Incorrect verification code."}
        raise no(HTTPStatus.BAD_REQUEST, {"service_errors": [error], "hasError": True})
    apple.verified.add(request.headers["x-apple-id-session-id"])
    return Answer(status=HTTPStatus.NO_CONTENT, headers=_session(apple, name, request))


def _trust(apple: Api, request: Request, _: Ids) -> Answer:
    name = apple.signing_in(request)
    if request.headers["x-apple-id-session-id"] not in apple.verified:
        raise no(HTTPStatus.UNAUTHORIZED, _errors("-24000", "The second factor is missing."))
    trust = world.token("trust")
    apple.world.trusted[trust] = name
    headers = {**_session(apple, name, request), "X-Apple-TwoSV-Trust-Token": trust}
    return Answer(status=HTTPStatus.NO_CONTENT, headers=headers)


def _session(apple: Api, name: str, request: Request | None = None) -> dict[str, str]:
    """Open a session, or go on with the one of a request."""
    token = world.token("session")
    apple.world.sign_ins[token] = name
    return {
        "X-Apple-ID-Session-Id": request.headers["x-apple-id-session-id"] if request else token,
        "X-Apple-Session-Token": token,
        "X-Apple-ID-Account-Country": "DEU",
        "scnt": token,
    }


def _errors(code: str, message: str) -> Json:
    return {"serviceErrors": [{"code": code, "message": message, "suppressDismissal": False}]}


def _asked(_: Api, __: Request, ___: Ids) -> Answer:
    """What a browser does before it names who signs in: nothing depends on it."""
    return Answer({})


ROUTES = (
    Route("GET", f"{_ROOT}/authorize/signin", _asked),
    Route("POST", f"{_ROOT}/federate", _asked),
    Route("POST", f"{_ROOT}/signin/init", _init),
    Route("POST", f"{_ROOT}/signin/complete", _complete),
    Route("GET", _ROOT, _second_factor),
    Route("PUT", f"{_ROOT}/verify/trusteddevice/securitycode", _send),
    Route("POST", f"{_ROOT}/verify/trusteddevice/securitycode", _verify),
    Route("PUT", f"{_ROOT}/verify/phone", _send),
    Route("POST", f"{_ROOT}/verify/phone/securitycode", _verify),
    Route("GET", f"{_ROOT}/2sv/trust", _trust),
)
