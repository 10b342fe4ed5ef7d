"""One run: the plan carried out, all settled, the three records laid side by side."""

from __future__ import annotations

import asyncio
import copy
import datetime as dt
import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import create_engine, text

from relay.settings.file import ledger_url, load
from tests.chaos.checker import check, every_order_has_its_entries, unlike
from tests.chaos.faults import FAULTS
from tests.chaos.plan import Act
from tests.chaos.records import CounterRecord, LedgerRecord
from tests.chaos.stage import Held, Stage, held, until

SETTLE_SECONDS = 300.0
_IN_DOUBT_SECONDS = 60.0
_WRITTEN_SECONDS = 20.0
_REMARK = re.compile(r'"(seat\d+-\d+)"')
_SPARE_THREADS, _SPARE_DESCRIPTORS, _SPARE_MEGABYTES = 24, 24, 120
"""thread pools grow to their size and stay there; a session that is left over has threads and descriptors of its own each time"""


@dataclass
class Outcome:
    """What a run found and how much it did."""

    findings: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    """processes ended by SIGKILL, a supervisor with its workers as one"""
    words: Counter[str] = field(default_factory=Counter)
    """what terminals heard of their calls"""
    ended: int = 0
    """how often a relay ended by itself and was started again"""
    logins: int = 0
    resumes: int = 0
    arrived: int = 0
    """orders at the counter"""
    in_doubt: int = 0
    """orders whose terminals never learned what became of them"""
    held: list[Held] = field(default_factory=list)
    """at each moment of quiet"""

    def as_json(self) -> dict[str, Any]:
        return {
            "faults": dict(self.faults),
            "kills": self.kills,
            "orders_at_counter": self.arrived,
            "logins": self.logins,
            "resumes": self.resumes,
            "ended_by_themselves": self.ended,
            "in_doubt": self.in_doubt,
            "calls": dict(self.words),
            "held_first": str(self.held[0]) if self.held else "",
            "held_last": str(self.held[-1]) if self.held else "",
            "findings": self.findings,
        }


async def run(stage: Stage, plan: Sequence[Act], say: Callable[[str], object], end: float = float("inf")) -> Outcome:
    """Carry the plan out; `end` is a time of time.monotonic after which no fault begins."""
    outcome, record = Outcome(), CounterRecord()
    await _settle(stage, record, outcome)
    for act in plan:
        if time.monotonic() > end:
            break
        await asyncio.sleep(act.after)
        say(str(act))
        if act.fault == "settle":
            await _settle(stage, record, outcome)
        else:
            outcome.faults[act.fault] += 1
            await FAULTS[act.fault](stage, act)
    else:
        return await _judged(stage, record, outcome)
    await _settle(stage, record, outcome)
    return await _judged(stage, record, outcome)


async def _settle(stage: Stage, record: CounterRecord, outcome: Outcome) -> None:
    """No order and no fault until each terminal has its day; then the day is written down and the next one begins."""
    for seat in stage.seats:
        seat.may_trade = False
    decided = await until(_IN_DOUBT_SECONDS, lambda: all(seat.is_decided for seat in stage.seats))
    outcome.in_doubt += 0 if decided else sum(seat.give_up() for seat in stage.seats)
    investors = {seat.investor for seat in stage.seats}

    def all_have_it() -> bool:
        books = {investor: stage.counter.book(investor) for investor in investors}
        seats_have = all(seat.is_live and not any(unlike(seat.record, books[seat.investor])) for seat in stage.seats)
        return seats_have and stage.crowd.are_live

    if not await until(SETTLE_SECONDS, all_have_it):
        away = [seat.name for seat in stage.seats if not seat.is_live]
        away += [one.record.seat for one in stage.crowd.terminals if not one.is_live]
        outcome.findings += [f"{name} did not come back within {SETTLE_SECONDS:g} s" for name in away]
    await until(SETTLE_SECONDS, lambda: not outcome.held or _is_back(outcome.held[0], held(stage)))
    outcome.held.append(held(stage))
    for investor in investors:
        record.books.setdefault(investor, []).append(stage.counter.book(investor))
    record.faults += stage.counter.faults
    stage.counter.faults.clear()
    stage.broke()
    stage.counter.next_day()
    for seat in stage.seats:
        seat.may_trade = True


def _is_back(first: Held, now: Held) -> bool:
    return (
        now.processes == first.processes
        and now.flow_folders <= now.processes  # a worker without a session may have none
        and now.threads <= first.threads + _SPARE_THREADS
        and now.descriptors <= first.descriptors + _SPARE_DESCRIPTORS
        and now.megabytes <= first.megabytes + _SPARE_MEGABYTES
    )


async def _judged(stage: Stage, record: CounterRecord, outcome: Outcome) -> Outcome:
    for seat in stage.seats:
        seat.may_trade = False
    await until(_IN_DOUBT_SECONDS, lambda: all(seat.is_decided for seat in stage.seats))
    record.arrived = stage.counter.arrived.copy()
    # They go on, and the ledger is read later.
    terminals, crowd = copy.deepcopy(([seat.record for seat in stage.seats], stage.crowd.records))
    deadline = stage.now + _WRITTEN_SECONDS
    while True:  # the orders' stream is written off their path
        ledger = await asyncio.to_thread(read_ledger, stage)
        if stage.now > deadline or not any(every_order_has_its_entries(record, ledger, stage.disturbed)):
            break
    outcome.findings += check(terminals, record, ledger, stage.disturbed, crowd)
    if not _is_back(outcome.held[0], outcome.held[-1]):
        outcome.findings.append(f"not back where it was: {outcome.held[0]}, {outcome.held[-1]}")
    outcome.ended = stage.ended
    outcome.arrived, outcome.kills = len(record.arrived), len(stage.disturbed.kills)
    for terminal in (*terminals, *crowd):
        outcome.words.update(said.word for said in terminal.said)
        outcome.logins += len(terminal.logins)
        outcome.resumes += terminal.resumes
    return outcome


def _span(at: str, began: Mapping[str, Any]) -> tuple[float, float]:
    """From when to when a stream says that it may lack some, by the clock that the other records have."""
    behind = time.time() - time.monotonic()
    until = dt.datetime.fromisoformat(at).timestamp() - behind
    since = dt.datetime.fromisoformat(began["since"]).timestamp() - behind if "since" in began else -math.inf
    return since, until


def read_ledger(stage: Stage) -> LedgerRecord:
    """By plain questions to the database, and by the command that verifies it."""
    engine = create_engine(ledger_url(load(stage.relay.config)).get_secret_value())
    try:
        with engine.connect() as connection:
            admitted = connection.execute(text("select data from ledger where kind = 'terminal_admitted'")).scalars()
            remarks = frozenset(found[1] for data in admitted if (found := _REMARK.search(data)))
            sent = connection.execute(text("select data from ledger_order where kind = 'order_insert'")).scalars()
            ordered = frozenset(found[1] for data in sent if (found := _REMARK.search(data)))
            began = connection.execute(text("select at, data from ledger_order where kind = 'orders_began'")).all()
            unfinished = [_span(at, facts) for at, data in began if (facts := json.loads(data))["unfinished"]]
            claimed = None
            if stage.postgres is not None:
                keys = connection.execute(text("select key from order_key")).scalars()
                claimed = frozenset(bytes(key).decode() for key in keys)
    finally:
        engine.dispose()
    verified = stage.relay.command("ledger", "verify")
    verdict = (verified.stdout + verified.stderr)[-500:]
    with suppress(ValueError):
        verdict = verdict.strip()
    return LedgerRecord(remarks, ordered, unfinished, claimed, verified.returncode == 0, verdict)
