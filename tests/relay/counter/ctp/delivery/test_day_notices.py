"""A terminal that comes late is given the day as it is known: each order as it stands, and all trades."""

from __future__ import annotations

from typing import Any

import pytest

from relay.counter.ctp.delivery import day_notices
from relay.counter.ctp.delivery.day_notices import DayNoticeLimits, DayNotices, KnownOwners
from relay.counter.ctp.delivery.delivery import Notice
from relay.counter.ctp.identity.scope import Identity
from tests.relay.counter.ctp.ctp_bodies import BROKER, CATALOG, OWNERSHIP, callback, event, investor, keys_of

ALICE, BOB = investor("10001"), investor("10002", "88002")


def notice(name: str, error_id: int = 0, **fields: Any) -> Notice:
    return Notice(callback(name), event(name, **fields), error_id)


def order(who: str, ref: str, status: str = "3", traded: int = 0, number: str = "") -> Notice:
    names: dict[str, Any] = {"BrokerID": BROKER, "InvestorID": who, "FrontID": 1, "SessionID": 7, "OrderRef": ref}
    return notice("OnRtnOrder", **names, OrderSysID=number, OrderStatus=status, VolumeTraded=traded)


def trade(who: str, trade_id: str) -> Notice:
    return notice("OnRtnTrade", BrokerID=BROKER, InvestorID=who, TradeID=trade_id)


COST = len(order("10001", "1").body)


def record(kept: DayNotices, one: Notice) -> None:
    kept.record(one, keys_of(one.callback, one.body), OWNERSHIP.owner(one.callback, one.body))


def day(*notices: Notice, known: KnownOwners | None = None, **limits: Any) -> DayNotices:
    kept = DayNotices(CATALOG, OWNERSHIP, known, DayNoticeLimits(overhead=0, **limits))
    for one in notices:
        record(kept, one)
    return kept


def given(kept: DayNotices, identity: Identity) -> list[Notice]:
    return list(kept.replay(identity).notices)


def test_each_gets_its_own_day_in_its_order() -> None:
    """Own orders, own accounts' transfers and public notices, as they happened; nothing of others."""
    status = notice("OnRtnInstrumentStatus", ExchangeID="SHFE")
    transfer = notice("OnRtnFromBankToFutureByFuture", BrokerID=BROKER, AccountID="88002")
    kept = day(order("10001", "1"), order("10002", "1"), status, transfer, order("10001", "2"))

    assert given(kept, ALICE) == [order("10001", "1"), status, order("10001", "2")]
    assert given(kept, BOB) == [order("10002", "1"), status, transfer]
    assert kept.replay(ALICE).complete


def test_of_each_order_the_latest_state_is_kept_and_every_trade() -> None:
    """The order stands where it began, so that it comes before its trades."""
    kept = day(
        order("10001", "1", "a"),
        order("10001", "2", "3"),
        order("10001", "1", "1", traded=1),
        trade("10001", "t1"),
        order("10001", "1", "0", traded=2),
        trade("10001", "t2"),
    )

    assert given(kept, ALICE) == [
        order("10001", "1", "0", traded=2),
        order("10001", "2", "3"),
        trade("10001", "t1"),
        trade("10001", "t2"),
    ]
    assert kept.replay(ALICE).complete


@pytest.mark.parametrize(
    ("state", "late"),
    [
        (order("10001", "1", "0", traded=2, number="77"), order("10001", "1", "1", traded=1, number="77")),
        (order("10001", "1", "0", traded=2, number="77"), order("10001", "1", "a")),
        (order("10001", "1", "5", traded=1, number="77"), order("10001", "1", "1", traded=1, number="77")),
        (order("10001", "1", "5", number="77"), order("10001", "1", "3", number="77")),
        (order("10001", "1", "5"), order("10001", "1", "a")),
        (order("10001", "1", "3", number="77"), order("10001", "1", "a")),
    ],
)
def test_a_state_that_comes_late_replaces_nothing(state: Notice, late: Notice) -> None:
    """A filled or cancelled order is not shown resting to who comes after it."""
    kept = day(state, late)

    assert given(kept, ALICE) == [state]
    assert given(day(late, state), ALICE) == [state]
    assert kept.size_bytes == COST


def test_of_an_instruments_status_the_latest_is_kept() -> None:
    """A terminal at noon does not want the whole morning's auctions."""
    morning = [notice("OnRtnInstrumentStatus", ExchangeID="SHFE", InstrumentID="rb", InstrumentStatus=s) for s in "031"]
    other = notice("OnRtnInstrumentStatus", ExchangeID="SHFE", InstrumentID="cu", InstrumentStatus="2")

    assert given(day(*morning, other), ALICE) == [morning[-1], other]


def test_orders_that_name_no_session_are_not_taken_for_one() -> None:
    """What the firm or the exchange enters has no reference; each state stands for itself."""
    forced = [
        notice("OnRtnOrder", BrokerID=BROKER, InvestorID="10001", ExchangeID="SHFE", OrderSysID=n) for n in ("1", "2")
    ]

    assert given(day(*forced), ALICE) == forced


def test_another_brokers_investor_of_that_number_is_somebody_else() -> None:
    """The owner's name alone does not open the day."""
    foreign = notice("OnRtnOrder", BrokerID="0001", InvestorID="10001")

    assert given(day(foreign), ALICE) == []


def test_what_belongs_to_nobody_is_not_kept() -> None:
    """A notice without an owner, and answers, which were for one request."""
    kept = day(notice("OnRtnOrder", BrokerID=BROKER), notice("OnRspQryOrder", InvestorID="10001"))

    assert kept.size_bytes == 0


def test_a_day_too_large_loses_what_is_finished_first_and_says_so() -> None:
    """What still rests in the market is what the terminal must know; only this investor is told to query."""
    resting = order("10001", "1")
    finished = [order("10001", str(n), "0") for n in range(2, 9)]
    kept = day(resting, *finished, order("10002", "1"), owner_bytes=4 * COST)

    assert given(kept, ALICE)[0] == resting
    assert given(kept, ALICE)[-1] == finished[-1]
    assert not kept.replay(ALICE).complete
    assert (given(kept, BOB), kept.replay(BOB).complete) == ([order("10002", "1")], True)


def test_a_quiet_investor_keeps_its_share() -> None:
    """Whoever has most gives way, whether the quiet one came before or after."""
    early, late = order("10001", "1"), order("10002", "1")
    busy = [order("10003", str(n)) for n in range(40)]
    kept = day(early, *busy, late, *(order("10004", str(n)) for n in range(40)), total_bytes=30 * COST)

    assert kept.size_bytes <= 30 * COST
    assert (given(kept, ALICE), kept.replay(ALICE).complete) == ([early], True)
    assert (given(kept, BOB), kept.replay(BOB).complete) == ([late], True)
    assert not kept.replay(investor("10003")).complete
    assert len(given(kept, investor("10003"))) >= 12


def test_room_is_made_for_many_notices_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """To look at every investor costs too much to do it for each notice."""
    looked: list[int] = []
    level = day_notices._level

    def counted(sizes: list[int], goal: int) -> int:
        looked.append(len(sizes))
        return level(sizes, goal)

    monkeypatch.setattr(day_notices, "_level", counted)
    kept = day(*(order(str(who), str(n)) for n in range(20) for who in range(500)), total_bytes=6400 * COST)

    assert 6300 * COST - 500 * COST <= kept.size_bytes <= 6400 * COST
    assert 0 < len(looked) <= 50


def test_of_investors_the_directory_does_not_know_nothing_is_kept() -> None:
    """The operator's session carries the whole organization's; who is registered at noon is told to query."""
    known = KnownOwners()
    known.learn("10001", ("10001",))
    known.know_all()
    kept = day(order("10001", "1"), *(order("10002", str(n)) for n in range(9)), known=known)
    known.learn(BOB.investor_id, BOB.accounts)
    record(kept, order("10002", "99"))

    assert kept.size_bytes == 2 * COST
    assert kept.replay(ALICE).complete
    assert (given(kept, BOB), kept.replay(BOB).complete) == ([order("10002", "99")], False)


def test_a_new_day_is_empty_and_complete() -> None:
    """Yesterday is gone."""
    kept = day(order("10001", "1"), order("10001", "2"), owner_bytes=1)
    kept.start_day()

    assert given(kept, ALICE) == []
    assert kept.replay(ALICE).complete


def test_a_busy_investors_day_is_kept() -> None:
    """A thousand orders and their trades, in a relay that nobody has told another bound."""
    kept = DayNotices(CATALOG, OWNERSHIP, None)
    for number in range(1_000):
        record(kept, order("10001", str(number)))
        record(kept, trade("10001", f"t{number}"))

    assert len(given(kept, ALICE)) == 2_000
    assert kept.replay(ALICE).complete
