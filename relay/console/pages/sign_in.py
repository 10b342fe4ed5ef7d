"""Signing in and out.

One answer for every failure: an unknown name, a wrong password and a disabled account are not told apart, neither by the
sentence nor by the time it takes.
"""

from __future__ import annotations

import structlog
from starlette.responses import RedirectResponse, Response

from relay.console.passwords import HashingBusy
from relay.console.security import COOKIE, safe_path, set_cookie
from relay.console.visit import Visit
from relay.directory.accounts import ConsoleAccount

_log = structlog.get_logger(__name__)


async def password(visit: Visit) -> Response:
    """The form, and what it sends."""
    if visit.request.method == "GET":
        if visit.account is not None:
            return visit.go("overview")
        return visit.render("sign_in.html", why="", next=safe_path(visit.request.query_params.get("next", "/")))
    name, given = visit.text("name")[:64].lower(), str(visit.form.get("password", ""))
    parts, address = visit.parts, visit.address
    if parts.tries.seconds_left(name, address) > 0:
        return _again(visit, "sign_in.wait", 429)
    found = await parts.work.run(lambda: parts.accounts.secrets(name))
    try:
        right = await parts.passwords.matches(found[1].password_hash if found else None, given, address)
    except HashingBusy:
        return _again(visit, "sign_in.busy", 503)
    if found is None or not right or not found[0].enabled:
        parts.tries.failed(name, address)
        _log.warning("console_sign_in_failed", account=name, address=address)
        return _again(visit, "sign_in.failed", 403)
    return await _in(visit, found[0])


async def leave(visit: Visit) -> Response:
    """End this sign-in."""
    visit.parts.sign_ins.close(visit.request.cookies[COOKIE])
    response = visit.go("sign_in")
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return response


async def _in(visit: Visit, account: ConsoleAccount) -> Response:
    parts = visit.parts
    identity = parts.sign_ins.open(account.name, account.generation, visit.address, confirmed=True)
    parts.tries.succeeded(account.name, visit.address)
    await parts.work.run(lambda: parts.accounts.note_sign_in(account.name))
    _log.info("console_signed_in", account=account.name, address=visit.address)
    response = RedirectResponse(safe_path(visit.text("next")), 303)
    set_cookie(response, identity)
    return response


def _again(visit: Visit, why: str, status: int) -> Response:
    return visit.render("sign_in.html", status, why=why, next=safe_path(visit.text("next")))
