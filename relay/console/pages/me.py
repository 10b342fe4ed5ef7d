"""One's own account: password, second factor, browsers that are signed in.

Each of these asks for the password again. What ends the account's other sign-ins keeps this one, under a new id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import segno
from markupsafe import Markup
from starlette.responses import Response

from relay.admin.roles import RoleTooLow
from relay.console.passwords import HashingBusy
from relay.console.second_factor import address_of, new_key, new_recovery_codes, recovery_hash, step_of
from relay.console.security import set_cookie
from relay.console.troubles import EXPECTED, sentence_for
from relay.console.visit import Visit

if TYPE_CHECKING:
    from relay.directory.accounts import AccountSecrets

_OWN = "本人操作 / own account"


async def me(visit: Visit) -> Response:
    """Who is signed in, where, and what may be changed."""
    sign_ins = visit.parts.sign_ins.of_account(visit.account.name) if visit.account else []
    shown = visit.sign_in.take_shown_once() if visit.sign_in is not None else {}
    recovery = shown.get("recovery_codes", "").split()
    return visit.render("me.html", sign_ins=sign_ins, here=visit.sign_in, recovery=recovery)


async def password(visit: Visit) -> Response:
    """A new password, after the old one."""
    if visit.request.method == "GET":
        return visit.render("my_password.html", why="")
    new = str(visit.form.get("new_password", ""))
    if new != str(visit.form.get("again", "")):
        return visit.render("my_password.html", 422, why=visit.say("me.not_the_same"))
    if why := await _not_me(visit):
        return visit.render("my_password.html", 403, why=why)
    person = visit.person(_OWN)
    why = await _done(visit, lambda: visit.parts.actions.accounts.set_own_password(person, new))
    return visit.render("my_password.html", 422, why=why) if why else await _kept(visit, "me.password_done")


async def second_factor(visit: Visit) -> Response:
    """Set up a second factor: the QR code, and a first code that proves that the app has it."""
    sign_in, account = visit.sign_in, visit.account
    if sign_in is None or account is None or account.second_factor:
        return visit.go("me")
    key = str(sign_in.draft.setdefault("factor_key", new_key()))
    if visit.request.method == "GET":
        return _factor_page(visit, key)
    step = step_of(key, visit.text("code"), visit.parts.clock().timestamp(), 0)
    if why := await _not_me(visit):
        return _factor_page(visit, key, why, 403)
    if step is None:
        return _factor_page(visit, key, visit.say("me.wrong_code"), 422)
    codes, person = new_recovery_codes(), visit.person(_OWN)
    hashes = [recovery_hash(code) for code in codes]
    if why := await _done(visit, lambda: visit.parts.actions.accounts.set_own_second_factor(person, key, hashes, step)):
        return _factor_page(visit, key, why, 422)
    sign_in.draft.clear()
    sign_in.shown_once = {"recovery_codes": " ".join(codes)}
    return await _kept(visit, "me.factor_done")


async def drop_second_factor(visit: Visit) -> Response:
    """Take it away again, with the password."""
    if visit.request.method == "GET":
        return visit.render("my_factor_drop.html", why="")
    if why := await _not_me(visit):
        return visit.render("my_factor_drop.html", 403, why=why)
    person = visit.person(_OWN)
    why = await _done(visit, lambda: visit.parts.actions.accounts.drop_own_second_factor(person))
    return visit.render("my_factor_drop.html", 422, why=why) if why else await _kept(visit, "me.factor_dropped")


async def sign_out_elsewhere(visit: Visit) -> Response:
    """End every other sign-in of the account."""
    person = visit.person(_OWN)
    if why := await _done(visit, lambda: visit.parts.actions.accounts.sign_out_own(person)):
        return visit.render("my_trouble.html", 422, why=why)
    return await _kept(visit, "me.signed_out_elsewhere")


def _factor_page(visit: Visit, key: str, why: str = "", status: int = 200) -> Response:
    account = visit.account.name if visit.account is not None else ""
    picture = segno.make(address_of(key, account, visit.parts.settings.relay.name), error="m")
    drawn = Markup(picture.svg_inline(scale=5, border=3, dark="#000", light="#fff"))  # noqa: S704 - drawn here
    spelled = " ".join(key[at : at + 4] for at in range(0, len(key), 4))
    return visit.render("my_factor.html", status, picture=drawn, key=spelled, why=why)


async def _not_me(visit: Visit) -> str:
    """Why the password that was given does not prove who is there; empty where it does. Failures are counted."""
    name, parts = visit.account.name if visit.account is not None else "", visit.parts
    if parts.tries.seconds_left(name, visit.address) > 0:
        return visit.say("sign_in.wait")
    found = await parts.work.run(lambda: parts.accounts.secrets(name))
    secrets: AccountSecrets | None = found[1] if found is not None else None
    try:
        given = str(visit.form.get("password", ""))
        right = await parts.passwords.matches(secrets.password_hash if secrets else None, given, visit.address)
    except HashingBusy:
        return visit.say("sign_in.busy")
    if right:
        return ""
    parts.tries.failed(name, visit.address)
    return visit.say("me.wrong_password")


async def _done(visit: Visit, change: Callable[[], None]) -> str:
    """Make the change; why not, where it could not be made."""
    try:
        await visit.parts.work.run(change)
    except (*EXPECTED, RoleTooLow) as error:
        return sentence_for(visit, error)
    return ""


async def _kept(visit: Visit, notice: str) -> Response:
    """This sign-in goes on under a new id; the account's others are over."""
    name = visit.account.name if visit.account is not None else ""
    account = await visit.parts.work.run(lambda: visit.parts.accounts.find(name))
    visit.note(notice)
    identity = visit.identity
    if account is None or visit.parts.sign_ins.find(identity) is None:  # another page of this browser was faster
        return visit.go("sign_in")
    response = visit.go("me")
    set_cookie(response, visit.parts.cookie, visit.parts.sign_ins.follow(name, identity, account.generation))
    return response
