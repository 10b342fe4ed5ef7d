"""Every page of the console, one row each.

A page's sentences are in `words/`: `menu.<name>` is what the menu and the title say.
"""

from __future__ import annotations

from typing import Final

from relay.admin.roles import Role
from relay.console.page import Page
from relay.console.pages import choices, live, me, overview, sign_in

_GET_POST = ("GET", "POST")
_POST = ("POST",)

PAGES: Final[tuple[Page, ...]] = (
    Page("sign_in", "/sign-in", sign_in.password, None, "sign_in.html", methods=_GET_POST),
    Page("sign_out", "/sign-out", sign_in.leave, Role.VIEWER, methods=_POST),
    Page("choices", "/choices", choices.choose, None),
    Page("live", "/live", live.stream, Role.VIEWER),
    Page("live_now", "/live/now", live.now, Role.VIEWER),
    Page("live_rates", "/live/rates/{relay}", live.rates, Role.VIEWER),
    Page("overview", "/", overview.overview, Role.VIEWER, "overview.html", menu=10),
    Page("me", "/me", me.me, Role.VIEWER, "me.html", menu=900),
)
