"""The terminals on the relays now, and one of them in full."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from relay.console.asking import relay_session, relay_sessions
from relay.console.live import RelayAway
from relay.console.overview_view import FigureShown
from relay.console.reading import reading_of
from relay.console.relay_state import in_words
from relay.console.spoken import day_text, number, size
from relay.console.terminal_view import TerminalShown, terminal_shown
from relay.console.visit import Visit

_LONGEST = 64


async def terminals(visit: Visit) -> Response:
    """Every terminal of every relay, or those with a text in them."""
    contains = visit.request.query_params.get("contains", "").strip()[:_LONGEST]
    relays = visit.parts.live.watched
    answers = await asyncio.gather(*(_asked(visit, relay.name, contains) for relay in relays))
    now = reading_of(visit).now()
    rows = [
        terminal_shown(row, name, visit.say, visit.language, now.timestamp(), _page(visit, name, row))
        for name, found, _ in answers
        for row in found
    ]
    rows.sort(key=lambda row: str(row.since), reverse=True)
    away = [{"name": name, "why": why} for name, _, why in answers if why]
    return visit.render("terminals.html", rows=rows, away=away, contains=contains, several=len(relays) > 1, now=now)


async def terminal(visit: Visit) -> Response:
    """One of them; where it has gone, its investor's history says what happened."""
    name, session = str(visit.values["relay"]), str(visit.values["session"])
    try:
        row = await relay_session(visit, name, session)
    except RelayAway:
        return visit.render("error.html", 503, title="error.relay_title", text="error.relay")
    if row is None:
        raise HTTPException(404)
    now = reading_of(visit).now().timestamp()
    shown = terminal_shown(row, name, visit.say, visit.language, now, "")
    return visit.render(
        "terminal.html",
        row=shown,
        figures=_figures(visit, row),
        report=_report(visit, row, shown),
        collected=_collected(visit, row, shown),
    )


async def _asked(visit: Visit, name: str, contains: str) -> tuple[str, list[Mapping[str, Any]], str]:
    try:
        return name, await relay_sessions(visit, name, contains), ""
    except RelayAway as away:
        return name, [], str(away) or "?"


def _page(visit: Visit, relay: str, row: Mapping[str, Any]) -> str:
    return visit.to("terminal", relay=quote(relay, safe=""), session=quote(str(row.get("session", "")), safe=""))


def _figures(visit: Visit, row: Mapping[str, Any]) -> list[FigureShown]:
    since = visit.say("terminal.since_login")
    queued = size(row.get("queued_bytes")) or "0 B"
    return [
        FigureShown(visit.say("terminal.orders"), number(row.get("orders_today", 0))),
        FigureShown(visit.say("terminal.calls"), number(row.get("calls", 0)), since),
        FigureShown(visit.say("terminal.events"), number(row.get("events", 0)), since),
        FigureShown(visit.say("terminal.queued"), number(row.get("queued_messages", 0)), queued),
        FigureShown(visit.say("terminal.waiting"), number(row.get("calls_waiting", 0))),
        FigureShown(visit.say("terminal.resumes"), number(row.get("resumes", 0)), since),
    ]


def _report(visit: Visit, row: Mapping[str, Any], shown: TerminalShown) -> list[tuple[str, str]]:
    kind = "wechat" if row.get("report_kind") == "wechat" else "ordinary"
    facts = [
        (visit.say("terminal.return_code"), shown.report_code),
        (visit.say("terminal.meaning"), in_words(row.get("report_meaning"), visit.language)),
        (visit.say("terminal.address"), shown.address),
        (visit.say("terminal.kind"), visit.say(f"terminal.kind_{kind}")),
        (visit.say("terminal.remark"), str(row.get("login_remark", ""))),
        (visit.say("terminal.trading_day"), day_text(str(row.get("trading_day", "")))),
        (visit.say("terminal.front_session"), f"{row.get('front_id', 0)} / {row.get('session_id', 0)}"),
        (visit.say("terminal.relay"), shown.relay),
    ]
    return [(word, value) for word, value in facts if value]


def _collected(visit: Visit, row: Mapping[str, Any], shown: TerminalShown) -> list[tuple[str, str]]:
    code = f"{int(row.get('collector_code', 0)):#x}" if shown.of_ctp else ""
    facts = [
        (visit.say("terminal.collected_kinds"), visit.say("look.and").join(shown.collected)),
        (visit.say("terminal.collector_code"), code),
        (visit.say("terminal.collector_version"), str(row.get("collector_version", ""))),
        (visit.say("terminal.client_version"), str(row.get("client_version", ""))),
    ]
    return [(word, value) for word, value in facts if value]
