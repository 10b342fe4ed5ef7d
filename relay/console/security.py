"""What every answer of the console carries, and the token every form sends back.

The token of a form is computed from the browser's cookie with a key that only this process has: a page of another site knows
neither. It needs no memory, so it also covers the sign-in itself, where there is no session yet.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relay.settings.console_section import ConsoleSettings
from relay.settings.values import split_address

_COOKIE: Final = "__Host-ctp-relay"
"""the prefix makes browsers refuse one that is not Secure, has a domain, or comes from another path"""
LANGUAGE_COOKIE: Final = "__Host-ctp-relay-language"
THEME_COOKIE: Final = "__Host-ctp-relay-theme"
"""what a person likes to look at: two consoles of one host may share it"""

_SOURCES: Final[Mapping[str, str]] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
POLICY: Final = "; ".join(f"{what} {where}" for what, where in _SOURCES.items())
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-robots-tag": "noindex, nofollow",
}
_HSTS = "max-age=31536000"


class StrictHeaders:
    """Puts the headers on every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", "no-store")
                if scope.get("scheme") == "https":
                    headers["strict-transport-security"] = _HSTS
            await send(message)

        await self._app(scope, receive, with_headers)


def form_token(key: bytes, identity: str) -> str:
    """The token of a browser's forms."""
    return hmac.new(key, b"form\0" + identity.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def token_is_right(key: bytes, identity: str, token: str) -> bool:
    """Whether the form was made for the browser that sends it."""
    right = form_token(key, identity)
    return bool(identity) and hmac.compare_digest(right.encode(), token.encode("utf-8", "replace"))


def cookie_of(settings: ConsoleSettings) -> str:
    """The name of the cookie that holds a browser's id. Browsers send a cookie to every port of a host, so two consoles on one
    host must not call theirs the same.
    """
    return f"{_COOKIE}-{split_address(settings.address)[1]}"


def set_cookie(response: Response, name: str, identity: str) -> None:
    """Give the browser this id. It lasts until the browser is closed, or the sign-in ends here."""
    response.set_cookie(name, identity, path="/", secure=True, httponly=True, samesite="strict")


def safe_path(path: str) -> str:
    """A path of this console, to go back to; / for anything else."""
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if ours else "/"
