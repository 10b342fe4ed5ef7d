"""Every page of the console, one row each.

A page's sentences are in `words/`: `menu.<name>` is what the menu and the title say.
"""

from __future__ import annotations

from typing import Final

from relay.admin.roles import PersonRole
from relay.console.page import Page
from relay.console.pages import alarms, choices, history, ledger, live, me, overview, sign_in, terminals
from relay.console.steering import STEERING

_GET_POST = ("GET", "POST")
_POST = ("POST",)

PAGES: Final[tuple[Page, ...]] = (
    Page("sign_in", "/sign-in", sign_in.password, None, "sign_in.html", methods=_GET_POST),
    Page("sign_out", "/sign-out", sign_in.leave, PersonRole.VIEWER, methods=_POST),
    Page("choices", "/choices", choices.choose, None),
    Page("live", "/live", live.stream, PersonRole.VIEWER),
    Page("live_now", "/live/now", live.now, PersonRole.VIEWER),
    Page("live_rates", "/live/rates/{relay}", live.rates, PersonRole.VIEWER),
    Page("overview", "/", overview.overview, PersonRole.VIEWER, "overview.html", menu=10),
    Page("wall", "/wall", overview.wall, PersonRole.VIEWER, "wall.html"),
    Page("terminals", "/terminals", terminals.terminals, PersonRole.VIEWER, "terminals.html", menu=20),
    Page("terminal", "/terminals/{relay}/{session}", terminals.terminal, PersonRole.VIEWER, "terminal.html"),
    Page("history", "/history", history.history, PersonRole.VIEWER, "history.html", menu=30),
    Page("alarms", "/alarms", alarms.alarms, PersonRole.VIEWER, "alarms.html", menu=40),
    Page("ledger", "/ledger", ledger.ledger, PersonRole.VIEWER, "ledger.html", menu=50),
    Page("entry", "/ledger/entry/{sequence}", ledger.entry, PersonRole.VIEWER, "entry.html"),
    Page(
        "ledger_verify",
        "/ledger/verify",
        ledger.ledger_verify,
        PersonRole.VIEWER,
        "ledger_verify.html",
        methods=_GET_POST,
    ),
    Page("me", "/me", me.me, PersonRole.VIEWER, "me.html", menu=900),
    *STEERING,
)
