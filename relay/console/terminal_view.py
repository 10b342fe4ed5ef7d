"""One terminal session as a row: AdminService's TerminalSession in the visit's language. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.console.relay_state import Say, in_words
from relay.console.spoken import Moment, as_time, lasted, number, one_language
from relay.console.words import Language
from relay.counter.port import CTP

_KINDS = {"live": "ok", "recovering": "warn", "lingering": "idle", "ending": "idle"}


@dataclass(frozen=True, slots=True)
class TerminalShown:
    page: str
    session: str
    relay: str
    investor_id: str
    app_id: str
    client_version: str
    address: str
    since: Moment
    lasted: str
    kind: str
    state: str
    why: str
    report_kind: str
    report_code: str
    report_words: str
    missing: tuple[str, ...]
    collected: tuple[str, ...]
    """kinds; none is known of a relay of an older version, behind which stood CTP"""
    orders: int
    queued: int
    queued_bytes: int

    @property
    def of_ctp(self) -> bool:
        """Whether it is CTP's collector whose answer says what is missing."""
        return not self.collected or CTP in self.collected


def terminal_shown(
    row: Mapping[str, Any], relay: str, say: Say, language: Language, now: float, page: str
) -> TerminalShown:
    """For the table and the page of one."""
    state = str(row.get("state", "")).removeprefix("STATE_").lower() or "unspecified"
    code, since = int(row.get("report_return_code", 0)), str(row.get("logged_in_at", ""))
    began = as_time(since)
    return TerminalShown(
        page=page,
        session=str(row.get("session", "")),
        relay=relay,
        investor_id=str(row.get("investor_id", "")),
        app_id=str(row.get("app_id", "")),
        client_version=str(row.get("client_version", "")),
        address=address_text(str(row.get("public_ip", "")), int(row.get("port", 0))),
        since=since,
        lasted=lasted(say, now - began.timestamp()) if began is not None else "",
        kind=_KINDS.get(state, "unknown"),
        state=say(f"terminals.state_{state if state in _KINDS else 'unspecified'}"),
        why=_why(row, state, say, language),
        report_kind="ok" if code == 0 else "bad",
        report_code=str(code),
        report_words=in_words(row.get("report_meaning"), language) if code else "",
        collected=tuple(map(str, row.get("collected", []))),
        missing=tuple(in_words(item.get("name"), language) for item in row.get("missing", [])),
        orders=int(row.get("orders_today", 0)),
        queued=int(row.get("queued_messages", 0)),
        queued_bytes=int(row.get("queued_bytes", 0)),
    )


def address_text(address: str, port: int) -> str:
    """With its port, as it was reported."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _why(row: Mapping[str, Any], state: str, say: Say, language: Language) -> str:
    if state == "lingering":
        return say("terminals.linger_left", seconds=number(int(float(row.get("linger_seconds_left", 0)))))
    return one_language(str(row.get("why", "")), language)
