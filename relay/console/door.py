"""What is asked before a page's function is called: who is it, may they, is the form ours.

cookie      the sign-in behind it; idle, old, of a disabled account, or of an earlier generation: signed out. A page that
            renews itself is no use of it
role        none: to the sign-in; too low: 403
form        at most so many bytes; from a page of this console; with this browser's token; else 403 or 413
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

import structlog
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message, Receive

from relay.admin.roles import PersonRole
from relay.console.page import Page
from relay.console.parts import ConsoleParts
from relay.console.security import LANGUAGE_COOKIE, THEME_COOKIE, form_token, set_cookie, token_is_right
from relay.console.sign_ins import SignIn
from relay.console.visit import THEMES, Visit
from relay.console.words import choose
from relay.directory.accounts import ConsoleAccount

_log = structlog.get_logger(__name__)
_MOST_FIELDS: Final = 64
_WITHOUT_FACTOR: Final = {"my_factor", "sign_out"}
"""pages that are open before a second factor, which the settings ask for, is set up"""
_OURS: Final = {"same-origin", "none"}
"""what a browser says of a request that a page of this console, or the person, made"""


class Door:
    """For the loop."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts

    async def enter(self, page: Page, request: Request) -> Response:
        """The page's answer, or why there is none. Raises HTTPException."""
        _refuse_nul([*request.path_params.values(), *request.query_params.values()])
        visit = await self.visit(page.name, request)
        if page.role is not None and visit.account is None:
            back = visit.here if request.method == "GET" else "/"
            return RedirectResponse(f"{visit.to('sign_in')}?next={quote(back, safe='/')}", 303)
        if page.role is not None and not visit.may(page.role):
            _log.warning("console_refused", page=page.name, account=_name(visit), address=visit.address, why="role")
            raise HTTPException(403)
        if visit.needs_second_factor and page.role is not None and page.name not in _WITHOUT_FACTOR:
            return RedirectResponse(visit.to("my_factor"), 303)
        form = await self._form(page, visit) if request.method == "POST" else FormData()
        if visit.account is not None and _is_use(page, visit):
            self._parts.sign_ins.use(request.cookies[self._parts.cookie])
        visit.form = form
        try:
            response = await page.answer(visit)
        finally:
            await form.close()  # a file that was sent
        cookie = self._parts.cookie
        if not request.cookies.get(cookie) and cookie not in response.headers.get("set-cookie", ""):
            set_cookie(response, cookie, visit.request.state.identity)
        return response

    async def visit(self, page: str, request: Request, *, signed_in: bool = True) -> Visit:
        """What is known of a request; with `signed_in` False without asking the database."""
        identity = request.cookies.get(self._parts.cookie) or secrets.token_urlsafe(32)
        request.state.identity = identity
        sign_in, account = await self._who(identity) if signed_in else (None, None)
        language = (account.language if account else "") or request.cookies.get(LANGUAGE_COOKIE, "")
        theme = (account.theme if account else "") or request.cookies.get(THEME_COOKIE, "")
        return Visit(
            request=request,
            parts=self._parts,
            page=page,
            language=choose(language, request.headers.get("accept-language", "")),
            theme=theme if theme in THEMES else THEMES[0],
            csrf=form_token(self._parts.token_key, identity),
            account=account if sign_in is not None and sign_in.confirmed else None,
            sign_in=sign_in,
            values=request.path_params,
        )

    async def _who(self, identity: str) -> tuple[SignIn | None, ConsoleAccount | None]:
        sign_in = self._parts.sign_ins.find(identity)
        if sign_in is None:
            return None, None
        account = await self._parts.work.run(lambda: self._parts.accounts.find(sign_in.account))
        if account is None or not account.enabled or account.generation != sign_in.generation:
            self._parts.sign_ins.close(identity)
            return None, None
        return sign_in, account

    async def _form(self, page: Page, visit: Visit) -> FormData:
        request = visit.request
        if request.headers.get("sec-fetch-site", "same-origin") not in _OURS:
            raise self._not_ours(visit, "another site's")
        bounded = Request(request.scope, _bounded(request.receive, page.longest_body))
        try:
            form = await bounded.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=page.longest_body)
        except MultiPartException:
            raise HTTPException(400) from None
        token = form.get("csrf", "")
        if not isinstance(token, str) or not token_is_right(
            self._parts.token_key, request.cookies.get(self._parts.cookie, ""), token
        ):
            raise self._not_ours(visit, "token")
        _refuse_nul([value for value in form.values() if isinstance(value, str)])
        return form

    def _not_ours(self, visit: Visit, why: str) -> HTTPException:
        _log.warning("console_refused", page=visit.page, account=_name(visit), address=visit.address, why=why)
        return HTTPException(403, "form")


def _name(visit: Visit) -> str:
    return visit.account.name if visit.account is not None else ""


def _is_use(page: Page, visit: Visit) -> bool:
    """Whether a person did something. What pages ask for by themselves keeps no sign-in, but for a viewer's wall: it hangs
    there to be looked at, and the longest time of a sign-in ends it.
    """
    return page.name != "live" and (not visit.by_itself or (page.name == "wall" and visit.role is PersonRole.VIEWER))


def _refuse_nul(texts: Iterable[str]) -> None:
    """No form has the character that PostgreSQL takes in no text. Raises HTTPException."""
    if any("\0" in text for text in texts):
        raise HTTPException(400)


def _bounded(receive: Receive, longest: int) -> Receive:
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > longest:
            raise HTTPException(413)
        return message

    return bounded
