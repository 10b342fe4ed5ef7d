"""What a day's entries come to: logins, refusals by reason, incomplete collections, orders, gaps; counted as they go by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ctpabi.facts.collector import missing_items, unknown_bits
from relay.ledger.chain import Entry
from relay.ledger.export_columns import LOGIN_KIND
from relay.ledger.spool import GAP_KIND

_MOST_ROWS = 1000
"""of one table; what comes beyond is counted"""
ORDERS_LOST_KIND = "orders_lost"


@dataclass(frozen=True, slots=True)
class IncompleteCollection:
    """A login of a terminal whose collector could not collect everything."""

    at: str
    app_id: str
    investor_id: str
    session: str
    items: str
    """Chinese and English"""


@dataclass(frozen=True, slots=True)
class GapRow:
    chain: str
    at: str
    entries: int
    since: str
    until: str
    why: str


@dataclass(slots=True)
class DaySummary:
    """Begin with none; `take` each entry."""

    entries: int = 0
    logins: int = 0
    """terminals that were admitted"""
    logouts: int = 0
    reports: Counter[int] = field(default_factory=Counter)
    """by return code of the report to the counter"""
    refusals: Counter[str] = field(default_factory=Counter)
    """by reason; those that were only counted are among them"""
    incomplete: list[IncompleteCollection] = field(default_factory=list)
    incomplete_more: int = 0
    investors: set[str] = field(default_factory=set)
    app_ids: set[str] = field(default_factory=set)
    orders: Counter[str] = field(default_factory=Counter)
    """by what was done"""
    orders_not_sent: int = 0
    """the API did not take them"""
    alarms: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    """what operators changed, by kind"""
    gaps: list[GapRow] = field(default_factory=list)
    gaps_more: int = 0
    lost: int = 0
    """entries that could be kept nowhere"""

    def take(self, entry: Entry) -> None:
        """The next entry."""
        self.entries += 1
        count = _KINDS.get(entry.kind)
        if count is not None:
            count(self, entry, json.loads(entry.data))
        elif entry.kind.startswith("admin_"):
            self.changes[entry.kind.removeprefix("admin_")] += 1
        elif entry.kind.startswith("order_") and entry.kind != "order_numbered":
            data = json.loads(entry.data)
            self.orders[entry.kind.removeprefix("order_")] += 1
            self.orders_not_sent += data.get("return_code") != 0


def _admitted(day: DaySummary, entry: Entry, data: Mapping[str, object]) -> None:
    day.logins += 1
    day.investors.add(str(data.get("investor_id", "")))
    day.app_ids.add(str(data.get("terminal_app_id", "")))
    code = data.get("collector_code")
    if not isinstance(code, int) or not code:
        return
    if len(day.incomplete) >= _MOST_ROWS:
        day.incomplete_more += 1
        return
    items = [f"{item.chinese} {item.english}" for item in missing_items(code)]
    if more := unknown_bits(code):
        items.append(f"未知项 unknown item {more:#x}")
    who = str(data.get("terminal_app_id", "")), str(data.get("investor_id", ""))
    day.incomplete.append(IncompleteCollection(entry.at, *who, entry.session, "; ".join(items)))


def _left(day: DaySummary, _: Entry, __: Mapping[str, object]) -> None:
    day.logouts += 1


def _reported(day: DaySummary, _: Entry, data: Mapping[str, object]) -> None:
    code = data.get("return_code")
    day.reports[code if isinstance(code, int) else -99] += 1


def _refused(day: DaySummary, _: Entry, data: Mapping[str, object]) -> None:
    day.refusals[str(data.get("reason", ""))] += 1


def _refused_many(day: DaySummary, _: Entry, data: Mapping[str, object]) -> None:
    rows = data.get("reasons")
    for row in rows if isinstance(rows, list) else []:
        day.refusals[str(row.get("reason", ""))] += int(row.get("count", 0))


def _alarmed(day: DaySummary, entry: Entry, data: Mapping[str, object]) -> None:
    day.alarms[str(data.get("name", entry.kind))] += 1


def _gap(day: DaySummary, entry: Entry, data: Mapping[str, object]) -> None:
    many = data.get("entries")
    many = many if isinstance(many, int) else 0
    day.lost += many
    if len(day.gaps) >= _MOST_ROWS:
        day.gaps_more += 1
        return
    texts = [str(data.get(name, "")) for name in ("since", "until", "why")]
    day.gaps.append(GapRow(entry.chain, entry.at, many, *texts))


_KINDS: Mapping[str, Callable[[DaySummary, Entry, Mapping[str, object]], None]] = {
    LOGIN_KIND: _admitted,
    "terminal_logout": _left,
    "terminal_report_result": _reported,
    "terminal_refused": _refused,
    "terminals_refused": _refused_many,
    "alarm": _alarmed,
    "fault_began": _alarmed,
    GAP_KIND: _gap,
    ORDERS_LOST_KIND: _gap,
}
