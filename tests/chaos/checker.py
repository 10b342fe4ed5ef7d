"""The independent checker: it knows three records and what was promised, and nothing of how a relay works.

Each promise is one function over records, which gives the sentences that are wrong; empty where it is kept.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tests.chaos.records import (
    NOT_SENT,
    REPEATED,
    SENT,
    UNKNOWN,
    Book,
    CounterRecord,
    Disturbances,
    LedgerRecord,
    LoggedIn,
    TerminalRecord,
)

IN_FLIGHT_SECONDS = 2.0
"""how long before a break an order may have left, and not have arrived"""
HEARD_SECONDS = 30.0
"""how long after an order its terminal hears that the session was broken"""
STREAM_SECONDS = 3.0
"""how much of the orders' stream a kill may take, of the time in which it can be written: decision 0078"""
CATCHING_UP_SECONDS = 10.0
"""how much more where it could not be written before, on a machine that is slow"""


def check(
    terminals: Sequence[TerminalRecord],
    counter: CounterRecord,
    ledger: LedgerRecord,
    disturbed: Disturbances,
    crowd: Sequence[TerminalRecord] = (),
) -> list[str]:
    """Everything that is wrong; the crowd's terminals only log in, and write down no day."""
    return [
        *every_accepted_login_is_in_the_ledger([*terminals, *crowd], ledger),
        *every_chain_verifies(ledger),
        *every_key_orders_once(terminals, counter),
        *what_was_called_sent_arrived(terminals, counter, disturbed),
        *what_was_called_not_sent_did_not_arrive(terminals, counter),
        *every_order_has_its_entries(counter, ledger, disturbed),
        *every_call_was_answered(terminals),
        *names_are_given_once([*terminals, *crowd]),
        *nothing_strange_was_seen(terminals, counter),
        *everybody_has_the_day(terminals, counter),
        *trades_come_once_a_login(terminals),
        *what_waits_is_bounded(terminals, disturbed),
    ]


def every_accepted_login_is_in_the_ledger(terminals: Sequence[TerminalRecord], ledger: LedgerRecord) -> Iterator[str]:
    for login in _logins(terminals):
        if login.remark not in ledger.remarks:
            yield f"the login {login.remark} was accepted and is not in the ledger"


def every_chain_verifies(ledger: LedgerRecord) -> Iterator[str]:
    if not ledger.verified:
        yield f"the ledger does not verify: {ledger.verdict}"


def every_key_orders_once(terminals: Sequence[TerminalRecord], counter: CounterRecord) -> Iterator[str]:
    """On each trading day; and what arrived was ordered by a terminal of its investor."""
    whose = {said.key: terminal.investor for terminal in terminals for said in terminal.said}
    for (key, day), times in Counter((one.mark, one.day) for one in counter.arrived).items():
        if times > 1:
            yield f"{key} was ordered {times} times on {day}"
    for one in counter.arrived:
        if whose.get(one.mark) != one.investor:
            yield f"{one.mark} arrived for {one.investor}, ordered by {whose.get(one.mark, 'no terminal')}"


def what_was_called_sent_arrived(
    terminals: Sequence[TerminalRecord], counter: CounterRecord, disturbed: Disturbances
) -> Iterator[str]:
    """Except what was under way when its connection broke, which its terminal then heard of: the API took the order, and
    no one can say more."""
    arrived = {one.mark for one in counter.arrived}
    for terminal in terminals:
        for said in terminal.said:
            if said.word not in {SENT, REPEATED} or said.key in arrived:
                continue
            begin, end = said.at - IN_FLIGHT_SECONDS, said.until + IN_FLIGHT_SECONDS
            if not any(since <= end and until >= begin for since, until in disturbed.breaks):
                yield f"{said.key} was called sent at {terminal.seat} and never arrived"
            elif not any(said.at <= at <= said.until + HEARD_SECONDS for at in terminal.interruptions):
                yield f"{said.key} was lost in a break that {terminal.seat} never heard of"


def what_was_called_not_sent_did_not_arrive(
    terminals: Sequence[TerminalRecord], counter: CounterRecord
) -> Iterator[str]:
    words = defaultdict(set)
    for terminal in terminals:
        for said in terminal.said:
            words[said.key].add(said.word)
    arrived = {one.mark for one in counter.arrived}
    for key, all_words in words.items():
        if key in arrived and all(word.startswith(NOT_SENT) for word in all_words):
            yield f"{key} arrived, and all that its terminals heard was {sorted(all_words)}"


def every_order_has_its_entries(counter: CounterRecord, ledger: LedgerRecord, disturbed: Disturbances) -> Iterator[str]:
    """In the orders' stream, except what a kill took of it, which the stream then admits; and its key was claimed."""
    for one in counter.arrived:
        if one.mark in ledger.ordered:
            continue
        killed = min((at for at in disturbed.kills if at >= one.at - IN_FLIGHT_SECONDS), default=math.inf)
        if not _may_be_lost(one.at, killed, disturbed):
            yield f"{one.mark} arrived and has no entry in the orders' stream; {killed - one.at:.1f} s later came a kill"
        if not any(
            since - IN_FLIGHT_SECONDS <= one.at <= until + IN_FLIGHT_SECONDS for since, until in ledger.unfinished
        ):
            yield f"{one.mark} has no entry, and no stream says that it is unfinished there"
    newest = max((one.day for one in counter.arrived), default="")
    for one in counter.arrived:
        if ledger.claimed is not None and one.day == newest and one.mark not in ledger.claimed:
            yield f"{one.mark} arrived and its key was claimed by no process"


def _may_be_lost(at: float, killed: float, disturbed: Disturbances) -> bool:
    """Whether the stream may not have written it yet when the process was killed."""
    away = [(max(since, at), min(until, killed)) for since, until in disturbed.away]
    hindered = sum(until - since for since, until in away if until > since)
    return killed - at - hindered <= STREAM_SECONDS + (CATCHING_UP_SECONDS if hindered else 0)


def every_call_was_answered(terminals: Sequence[TerminalRecord]) -> Iterator[str]:
    for terminal in terminals:
        for said in terminal.said:
            if said.word not in {SENT, REPEATED, UNKNOWN} and not said.word.startswith(NOT_SENT):
                yield f"{said.key} at {terminal.seat} ended with {said.word}"


def names_are_given_once(terminals: Sequence[TerminalRecord]) -> Iterator[str]:
    """FrontID and SessionID of a login, by which its orders are known, are no other login's, on whatever day."""
    for name, times in Counter(login.name for login in _logins(terminals)).items():
        if times > 1:
            yield f"{times} logins have the name {name}"


def nothing_strange_was_seen(terminals: Sequence[TerminalRecord], counter: CounterRecord) -> Iterator[str]:
    yield from counter.faults
    for terminal in terminals:
        yield from (f"{terminal.seat}: {words}" for words in terminal.strange)


def everybody_has_the_day(terminals: Sequence[TerminalRecord], counter: CounterRecord) -> Iterator[str]:
    """Each terminal its investor's orders, as the counter had them when all had settled, and all trades."""
    for terminal in terminals:
        for book in counter.books.get(terminal.investor, ()):
            yield from unlike(terminal, book)


def unlike(terminal: TerminalRecord, book: Book) -> Iterator[str]:
    """What of one day the terminal lacks, has too much, or shows in an older state; unless it was sent that it would."""
    if book.day in terminal.lost_days:
        return
    who = f"{terminal.seat} on {book.day}"
    shown = {mark: state for (day, mark), state in terminal.orders.items() if day == book.day}
    trades = {name for day, name in terminal.trades if day == book.day}
    yield from _listed(f"{who} lacks orders", book.orders.keys() - shown.keys())
    yield from _listed(f"{who} has orders of no book", shown.keys() - book.orders.keys())
    yield from _listed(f"{who} lacks trades", book.trades - trades)
    yield from _listed(f"{who} has trades of no book", trades - book.trades)
    stale = {mark for mark, state in book.orders.items() if shown.get(mark, state) != state}
    yield from _listed(f"{who} shows an older state of", stale)


def trades_come_once_a_login(terminals: Sequence[TerminalRecord]) -> Iterator[str]:
    """A login brings the day again; nothing else does. Who came on an earlier day has it once without one."""
    for terminal in terminals:
        logins = Counter(login.day for login in terminal.logins)
        often = {f"{name} on {day}" for (day, name), times in terminal.trades.items() if times > 1 + logins[day]}
        yield from _listed(f"{terminal.seat} had more often than it logged in", often)


def what_waits_is_bounded(terminals: Sequence[TerminalRecord], disturbed: Disturbances) -> Iterator[str]:
    """For a terminal that takes nothing: then its stream is cut, and it hears that something may be lost."""
    records = {terminal.seat: terminal for terminal in terminals}
    for stall in disturbed.stalls:
        until = stall.until + HEARD_SECONDS
        if not any(stall.since <= at <= until for at in records[stall.seat].stream_breaks):
            yield f"{stall.seat} took nothing, and all that came for it meanwhile waited"


def _logins(terminals: Sequence[TerminalRecord]) -> Iterable[LoggedIn]:
    return (login for terminal in terminals for login in terminal.logins)


def _listed(words: str, which: Iterable[str]) -> Iterator[str]:
    found = sorted(which)
    if found:
        yield f"{words} {', '.join(found[:5])}" + (f" and {len(found) - 5} more" if len(found) > 5 else "")
