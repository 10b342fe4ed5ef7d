"""Signing in and out.

One answer for every failure: an unknown name, a wrong password and a disabled account are not told apart, neither by the
sentence nor by the time it takes.
"""

from __future__ import annotations

from urllib.parse import urlencode

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import RedirectResponse, Response

from relay.console.passwords import HashingBusy
from relay.console.second_factor import recovery_hash, step_of
from relay.console.security import safe_path, set_cookie
from relay.console.visit import Visit
from relay.directory.secrets_box import SecretUnreadable
from relay.directory.terminals import EntryUnknown
from relay.refusals.refusal import LedgerUnavailable
from relay.settings.secret_files import SecretFileRefused

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
        known = name if found is not None else ""  # what is no account may be a password in the wrong field
        _log.warning("console_sign_in_failed", account=known, address=address)
        return _again(visit, "sign_in.failed", 403)
    account = found[0]
    parts.sign_ins.close(visit.identity)  # whose browser this was before
    confirmed = not account.second_factor
    identity = parts.sign_ins.open(account.name, account.generation, address, confirmed=confirmed)
    if confirmed:
        return await _in(visit, account.name, identity)
    response = RedirectResponse(f"{visit.to('sign_in_code')}?{urlencode({'next': safe_path(visit.text('next'))})}", 303)
    set_cookie(response, parts.cookie, identity)
    return response


async def code(visit: Visit) -> Response:
    """The second factor, after the password: a code of the app, or a recovery code."""
    sign_in, parts = visit.sign_in, visit.parts
    if sign_in is None or sign_in.confirmed:
        return visit.go("sign_in")
    if visit.request.method == "GET":
        return visit.render("sign_in_code.html", why="", next=safe_path(visit.request.query_params.get("next", "/")))
    name, identity = sign_in.account, visit.identity
    if parts.tries.seconds_left(name, visit.address) > 0:
        parts.sign_ins.close(identity)
        return visit.render("sign_in.html", 429, why="sign_in.wait", next="/")
    if not await _factor_is_right(visit, name):
        parts.tries.failed(name, visit.address)
        _log.warning("console_sign_in_failed", account=name, address=visit.address, why="code")
        return visit.render("sign_in_code.html", 403, why="sign_in.wrong_code", next=safe_path(visit.text("next")))
    if parts.sign_ins.find(identity) is None:  # it ended meanwhile
        return visit.go("sign_in")
    return await _in(visit, name, parts.sign_ins.confirm(identity))


async def leave(visit: Visit) -> Response:
    """End this sign-in."""
    visit.parts.sign_ins.close(visit.identity)
    response = visit.go("sign_in")
    response.delete_cookie(visit.parts.cookie, path="/", secure=True, httponly=True, samesite="strict")
    return response


async def _factor_is_right(visit: Visit, name: str) -> bool:
    given, parts = visit.text("code")[:64], visit.parts
    now = parts.clock().timestamp()

    def check() -> bool:
        found = parts.accounts.secrets(name)
        if found is None or found[1].factor_key is None:
            return False
        try:
            key = parts.actions.accounts.factor_key(found[1].factor_key)
        except (SecretUnreadable, SecretFileRefused) as error:
            _log.error("console_factor_unreadable", account=name, why=str(error))
        else:
            step = step_of(key, given, now, found[1].factor_step)
            if step is not None:
                return parts.accounts.use_factor_step(name, step)
        return parts.accounts.use_recovery_code(name, recovery_hash(given))

    return await parts.work.run(check)


async def _in(visit: Visit, name: str, identity: str) -> Response:
    """The person is in: the sign-in has its entry, as far as the ledger can be written."""
    parts = visit.parts
    parts.tries.succeeded(name, visit.address)
    await parts.work.run(lambda: _note(visit, name))
    _log.info("console_signed_in", account=name, address=visit.address)
    response = RedirectResponse(safe_path(visit.text("next")), 303)
    set_cookie(response, parts.cookie, identity)
    return response


def _note(visit: Visit, name: str) -> None:
    """Who cannot write the ledger must still be able to see that it cannot be written."""
    parts = visit.parts
    account = parts.accounts.find(name)
    if account is None:
        return
    person = parts.actions.process.acting_for(name, account.role).because("登录 / sign-in")
    try:
        parts.accounts.note_sign_in(name)
        parts.actions.changes.record(person, "account_sign_in", {"name": name, "address": visit.address})
    except (LedgerUnavailable, EntryUnknown, SQLAlchemyError) as error:
        _log.warning("console_sign_in_not_noted", account=name, why=type(error).__name__)


def _again(visit: Visit, why: str, status: int) -> Response:
    return visit.render("sign_in.html", status, why=why, next=safe_path(visit.text("next")))
