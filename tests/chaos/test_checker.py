"""The checker finds each thing that may go wrong, from records in which nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.checker import check
from tests.chaos.plan import Shape, kills_in, make_plan, plan_of_kills
from tests.chaos.records import (
    NOT_SENT,
    SENT,
    Arrived,
    Book,
    CounterRecord,
    Disturbances,
    LedgerRecord,
    LoggedIn,
    Said,
    Stall,
    TerminalRecord,
)

DAY, KEY, TRADE = "20250102", "seat0-2", "SHFE/1/rb2701/0"


class Records:
    """One login, one order that traded, everything in its place; `lose` makes an order disappear from the ledger's stream."""

    def __init__(self) -> None:
        self.terminal = TerminalRecord("seat0", "100001")
        self.terminal.logins.append(LoggedIn("seat0", "100001", "seat0-1", (7, 1), DAY))
        self.terminal.said.append(Said("seat0", "100001", KEY, SENT, 10.0, 10.1, DAY))
        self.terminal.orders[DAY, KEY] = "0/1"
        self.terminal.trades[DAY, TRADE] = 1
        book = Book(DAY, {KEY: "0/1"}, frozenset({TRADE}))
        self.counter = CounterRecord([Arrived(KEY, "100001", DAY, 10.05)], {"100001": [book]})
        self.ledger = LedgerRecord(frozenset({"seat0-1"}), frozenset({KEY}), (), frozenset({KEY}), True, "")
        self.disturbed = Disturbances()

    def wrong(self) -> list[str]:
        return check([self.terminal], self.counter, self.ledger, self.disturbed)

    def of_ledger(self, **values: object) -> None:
        self.ledger = replace(self.ledger, **values)  # type: ignore[arg-type]


def _not_arrived(records: Records) -> None:
    records.counter.arrived.clear()


def _lost_unheard(records: Records) -> None:
    records.counter.arrived.clear()
    records.disturbed.breaks.append((9.5, 10.5))


def _another_login_with_the_name(records: Records) -> None:
    records.terminal.logins.append(replace(records.terminal.logins[0], remark="seat0-1"))


def _another_call(records: Records, word: str) -> None:
    records.terminal.said[0] = replace(records.terminal.said[0], word=word)


WRONG: dict[str, Callable[[Records], object]] = {
    "accepted and is not in the ledger": lambda r: r.of_ledger(remarks=frozenset()),
    "does not verify": lambda r: r.of_ledger(verified=False),
    "was ordered 2 times": lambda r: r.counter.arrived.append(r.counter.arrived[0]),
    "ordered by no terminal": lambda r: r.terminal.said.clear(),
    "and never arrived": _not_arrived,
    "never heard of": _lost_unheard,
    "all that its terminals heard": lambda r: _another_call(r, f"{NOT_SENT}: draining"),
    "no entry in the orders' stream": lambda r: r.of_ledger(ordered=frozenset()),
    "was claimed by no process": lambda r: r.of_ledger(claimed=frozenset()),
    "ended with KeyError": lambda r: _another_call(r, "KeyError"),
    "have the name (7, 1)": _another_login_with_the_name,
    "came to 100001": lambda r: r.terminal.strange.append("Order of 100002 came to 100001"),
    "before its terminal was reported": lambda r: r.counter.faults.append("came before its terminal was reported"),
    "lacks orders": lambda r: r.terminal.orders.clear(),
    "has orders of no book": lambda r: r.terminal.orders.update({(DAY, "seat1-9"): "0/1"}),
    "lacks trades": lambda r: r.terminal.trades.clear(),
    "has trades of no book": lambda r: r.terminal.trades.update({(DAY, "SHFE/2/rb2701/0"): 1}),
    "shows an older state": lambda r: r.terminal.orders.update({(DAY, KEY): "3/0"}),
    "took nothing, and all": lambda r: r.disturbed.stalls.append(Stall("seat0", 10.0, 11.0)),
    "more often than it logged in": lambda r: r.terminal.trades.update({(DAY, TRADE): 2}),
}


def test_where_all_is_right_nothing_is_found() -> None:
    assert Records().wrong() == []


@pytest.mark.parametrize("words", sorted(WRONG))
def test_what_is_wrong_is_found(words: str) -> None:
    records = Records()
    WRONG[words](records)
    assert [found for found in records.wrong() if words in found] != []


def test_a_kill_may_take_the_last_moment_of_the_stream_when_the_stream_says_so() -> None:
    records = Records()
    records.disturbed.kills.append(10.5)
    records.of_ledger(ordered=frozenset())
    silent = records.wrong()
    records.of_ledger(unfinished=[(30.0, 40.0)])
    elsewhere = records.wrong()
    records.of_ledger(unfinished=[(9.0, 11.0)])

    assert len(silent) == 1
    assert "no stream says" in silent[0]
    assert elsewhere == silent
    assert records.wrong() == []


@pytest.mark.parametrize(
    ("away", "may_be_lost"),
    [
        ([], False),
        ([(9.0, 29.0)], True),
        ([(9.0, 15.0), (15.5, 29.0)], True),
        ([(9.0, 15.0)], False),
        ([(1.0, 10.0)], False),
    ],
)
def test_what_could_not_be_written_before_a_kill_may_be_lost(
    away: list[tuple[float, float]], may_be_lost: bool
) -> None:
    """Twenty seconds later; a database that was back long before the kill is no reason."""
    records = Records()
    records.disturbed.kills.append(30.0)
    records.disturbed.away += away
    records.of_ledger(ordered=frozenset(), unfinished=[(9.0, 31.0)])

    assert (records.wrong() == []) is may_be_lost


def test_what_was_under_way_in_a_break_may_be_lost_when_its_terminal_heard_of_it() -> None:
    records = Records()
    _lost_unheard(records)
    records.terminal.interruptions.append(11.0)
    records.counter.books.clear()

    assert records.wrong() == []


@pytest.mark.parametrize("shape", list(Shape))
def test_a_seed_makes_one_plan(shape: Shape) -> None:
    assert make_plan(7, shape, 60) == make_plan(7, shape, 60)
    assert make_plan(7, shape, 60) != make_plan(8, shape, 60)
    assert kills_in(plan_of_kills(7, shape, 25)) == 25
    assert make_plan(7, shape, 60)[-1].fault == "settle"


def test_who_takes_nothing_and_hears_of_its_cut_had_a_bound() -> None:
    records = Records()
    records.disturbed.stalls.append(Stall("seat0", 10.0, 11.0))
    records.terminal.stream_breaks.append(11.5)

    assert records.wrong() == []


def test_a_day_of_which_something_was_lost_by_name_is_not_asked_for() -> None:
    """Only that one."""
    records = Records()
    records.terminal.orders.clear()
    lacks = records.wrong()
    records.terminal.lost_days.add(DAY)

    assert lacks != []
    assert records.wrong() == []
