"""A terminal that comes late is given the day as it was."""

from __future__ import annotations

from typing import Any

from relay.domain.day_notices import DayLimits, DayNotices
from relay.domain.delivery import Notice
from tests.relay.domain.ctp_bodies import BROKER, OWNERSHIP, callback, event, investor

ALICE, BOB = investor("10001"), investor("10002", "88002")


def notice(name: str, error_id: int = 0, **fields: Any) -> Notice:
    return Notice(callback(name), event(name, **fields), error_id)


def order(who: str, ref: str) -> Notice:
    return notice("OnRtnOrder", BrokerID=BROKER, InvestorID=who, OrderRef=ref)


def day(*notices: Notice, **limits: Any) -> DayNotices:
    kept = DayNotices(OWNERSHIP, DayLimits(**limits))
    for one in notices:
        kept.record(one)
    return kept


def test_each_gets_its_own_day_in_its_order() -> None:
    """Own orders, own accounts' transfers and public notices, as they happened; nothing of others."""
    status = notice("OnRtnInstrumentStatus", ExchangeID="SHFE")
    transfer = notice("OnRtnFromBankToFutureByFuture", BrokerID=BROKER, AccountID="88002")
    kept = day(order("10001", "1"), order("10002", "1"), status, transfer, order("10001", "2"))

    assert kept.replay(ALICE).notices == (order("10001", "1"), status, order("10001", "2"))
    assert kept.replay(BOB).notices == (order("10002", "1"), status, transfer)
    assert kept.replay(ALICE).complete


def test_the_counters_own_replay_adds_nothing() -> None:
    """After a reconnect the day comes again."""
    once = (order("10001", "1"), order("10001", "2"))

    assert day(*once, *once).replay(ALICE).notices == once


def test_another_brokers_investor_of_that_number_is_somebody_else() -> None:
    """The owner's name alone does not open the day."""
    foreign = notice("OnRtnOrder", BrokerID="0001", InvestorID="10001")

    assert day(foreign).replay(ALICE).notices == ()


def test_what_belongs_to_nobody_is_not_kept() -> None:
    """A notice without an owner, and answers, which were for one request."""
    kept = day(notice("OnRtnOrder", BrokerID=BROKER), notice("OnRspQryOrder", InvestorID="10001"))

    assert kept.size_bytes == 0


def test_a_day_too_large_is_said_to_be_incomplete() -> None:
    """Only the investor whose notices do not fit is told to query."""
    size = len(order("10001", "1").body)
    kept = day(*(order("10001", str(n)) for n in range(3)), order("10002", "1"), owner_bytes=2 * size)

    assert not kept.replay(ALICE).complete
    assert len(kept.replay(ALICE).notices) == 2
    assert kept.replay(BOB).complete


def test_the_whole_is_bounded_too() -> None:
    """Whoever comes when the memory is full is incomplete."""
    size = len(order("10001", "1").body)
    kept = day(order("10001", "1"), order("10002", "1"), total_bytes=size)

    assert kept.size_bytes == size
    assert not kept.replay(BOB).complete


def test_a_new_day_is_empty_and_complete() -> None:
    """Yesterday is gone."""
    kept = day(order("10001", "1"), order("10001", "2"), owner_bytes=1)
    kept.start_day()

    assert kept.replay(ALICE).notices == ()
    assert kept.replay(ALICE).complete
