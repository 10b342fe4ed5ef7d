"""The console as an ASGI application: routes, the door before each, error pages, static files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from relay.admin.roles import PersonRole
from relay.console.door import Door
from relay.console.page import Page
from relay.console.parts import ConsoleParts, MenuItem, TooBusy
from relay.console.routes import PAGES
from relay.console.security import StrictHeaders
from relay.console.spoken import FILTERS
from relay.database.database import brief
from relay.outside_text import shown
from relay.refusals.refusal import LedgerUnavailable

_log = structlog.get_logger(__name__)
_HERE = Path(__file__).parent
_KNOWN_STATUS = {400, 403, 404, 405, 413, 429, 503}

_Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def make_application(parts: ConsoleParts, pages: Sequence[Page] = PAGES) -> Starlette:
    """The console; its lifespan polls the relays."""
    door = Door(parts)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with parts.live.polled():
            yield
        parts.work.close()
        parts.passwords.close()

    application = Starlette(
        routes=[
            *(Route(page.path, _endpoint(door, page), methods=list(page.methods), name=page.name) for page in pages),
            Mount("/static", StaticFiles(directory=_HERE / "static"), name="static"),
        ],
        middleware=[Middleware(StrictHeaders)],
        exception_handlers={
            HTTPException: _refused(door),
            TooBusy: _unavailable(door),
            SQLAlchemyError: _unavailable(door),
            LedgerUnavailable: _unavailable(door),
        },
        lifespan=lifespan,
    )
    application.router.redirect_slashes = False  # it would send browsers to whatever their Host header says
    return application


def make_templates() -> Environment:
    """Every value is escaped, and what is harmful in a text from outside is shown by its number."""
    templates = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(FILTERS)
    return templates


def menu_for(role: PersonRole | None, pages: Sequence[Page] = PAGES) -> list[MenuItem]:
    """The pages in the menu that this role may open, from the top."""
    open_to = [page for page in pages if page.menu and page.role and role is not None and role.may(page.role)]
    return [MenuItem(page.name, page.path) for page in sorted(open_to, key=lambda page: page.menu)]


def _harmless(value: object) -> object:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _endpoint(door: Door, page: Page) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        if request.method == "HEAD":  # the answer of a GET, whose body the server leaves away; never a form's
            request = Request({**request.scope, "method": "GET"}, request.receive)
        try:
            return await door.enter(page, request)
        except (HTTPException, TooBusy, SQLAlchemyError, LedgerUnavailable):
            raise
        except ClientDisconnect:
            return Response(status_code=400)  # the browser has gone
        except Exception:  # noqa: BLE001  # here, so that the answer has the strict headers, too
            _log.exception("console_page_failed", page=page.name)
            return await _error_page(door, request, 500, "500")

    return endpoint


def _refused(door: Door) -> Callable[[Request, Exception], Coroutine[Any, Any, Response]]:
    async def refused(request: Request, error: Exception) -> Response:
        known = isinstance(error, HTTPException) and error.status_code in _KNOWN_STATUS
        status = error.status_code if known and isinstance(error, HTTPException) else 400
        form = isinstance(error, HTTPException) and error.detail == "form"
        return await _error_page(door, request, status, "403_form" if form else str(status))

    return refused


def _unavailable(door: Door) -> Callable[[Request, Exception], Coroutine[Any, Any, Response]]:
    async def unavailable(request: Request, error: Exception) -> Response:
        _log.warning("console_database_unavailable", path=request.url.path, why=brief(error))
        return await _error_page(door, request, 503, "503")

    return unavailable


async def _error_page(door: Door, request: Request, status: int, key: str) -> Response:
    visit = await door.visit("error", request, signed_in=False)
    return visit.render("error.html", status, title=f"error.{key}_title", text=f"error.{key}")
