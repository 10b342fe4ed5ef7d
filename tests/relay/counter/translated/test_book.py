"""An account's day: told once, whatever order things are heard in, and never backwards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.counter.translated.book import MOST_EARLY, AccountBook, Notice
from relay.counter.translated.values import NewOrder, SentName, Values
from tests.relay.counter.translated.played_native import BROKER, DAY, INVESTOR, fill, state

NAME = SentName(1_000_000_007, 1, "5", 7_000_001)
SENT = {
    "ExchangeID": "SHFE", "InstrumentID": "rb2701", "Direction": "0", "CombOffsetFlag": "0", "CombHedgeFlag": "1",
    "LimitPrice": 3500.0, "VolumeTotalOriginal": 3, "OrderPriceType": "2", "RequestID": 9,
}  # fmt: skip


def fresh() -> AccountBook:
    book = AccountBook(BROKER, INVESTOR)
    book.begin_day(DAY)
    return book


def kinds(notices: list[Notice]) -> list[str]:
    return [callback for callback, _ in notices]


def orders_of(book: AccountBook) -> list[Values]:
    return [values for callback, values in book.day() if callback == "OnRtnOrder"]


def test_an_order_is_told_as_it_changes_and_not_again() -> None:
    """Accepted, partly filled, canceled; the same said twice is told once."""
    book = fresh()
    sent = book.sent(NewOrder(NAME, SENT), "T1", 1)
    told = [book.accepted(sent, "11"), book.order(state(traded=1)), book.order(state(traded=1))]
    told.append(book.order(state(traded=1, canceled=2)))

    assert [[values["OrderStatus"] for _, values in one] for one in told] == [["3"], ["1"], [], ["5"]]
    (_, last), *_ = told[-1]
    assert (last["FrontID"], last["SessionID"], last["OrderRef"], last["OrderSysID"]) == (1_000_000_007, 1, "5", "11")
    assert (last["VolumeTraded"], last["VolumeTotal"], last["RequestID"]) == (1, 2, 9)


def test_a_trade_before_the_answer_waits_for_its_order() -> None:
    """It is told behind it, under its terminal's reference; `unknown` names what must be asked for."""
    book = fresh()
    sent = book.sent(NewOrder(NAME, SENT), "T1", 1)

    assert book.trade(fill()) == []
    assert book.unknown == [("SHFE", "11")]
    told = book.accepted(sent, "11")
    assert kinds(told) == ["OnRtnOrder", "OnRtnOrder", "OnRtnTrade"]
    assert told[-1][1]["OrderRef"] == "5"
    assert told[1][1]["VolumeTraded"] == 1
    assert book.unknown == []


def test_a_push_may_bring_an_order_before_its_answer_does() -> None:
    """Without a name at first: the answer gives it, and then terminals hear whose it is."""
    book = fresh()
    sent = book.sent(NewOrder(NAME, SENT), "T1", 1)
    first = book.order(state())
    told = book.accepted(sent, "11")

    assert [values.get("OrderRef") for _, values in first] == [None]
    assert [values["OrderRef"] for _, values in told] == ["5"]
    assert book.named(1_000_000_007, 1, "5") is book.numbered("SHFE", "11")
    assert len(orders_of(book)) == 1


def test_what_was_final_stays_final() -> None:
    """A query that is older than the push that overtook it takes nothing back."""
    book = fresh()
    book.order(state())
    for number in ("1", "2", "3"):
        book.trade(fill(number))

    assert book.order(state(traded=1)) == []
    assert orders_of(book)[0]["OrderStatus"] == "0"


def test_both_sides_of_a_match_are_two_trades() -> None:
    """An account may trade with itself: the exchange's number is one, the direction is not."""
    book = fresh()
    book.order(state())
    book.order(state("12", direction="1"))
    told = book.trade(fill()) + book.trade(fill(native_id="12", direction="1")) + book.trade(fill())

    assert kinds(told).count("OnRtnTrade") == 2


def test_trades_without_their_order_are_bounded() -> None:
    """The oldest is forgotten; a rebuild brings it again."""
    book = fresh()
    for number in range(MOST_EARLY + 5):
        book.trade(fill(str(number), native_id="77"))

    told = book.order(state("77", volume=5000))
    assert kinds(told).count("OnRtnTrade") == MOST_EARLY
    assert kinds(book.trade(fill("0", native_id="77"))).count("OnRtnTrade") == 1


_EVENTS = st.permutations(
    [("order", 0), ("order", 1), ("order", 3), ("trade", 1), ("trade", 2), ("trade", 3), ("trade", 1), ("order", 1)]
)


@given(_EVENTS)
def test_any_order_of_hearing_ends_in_the_same_day(events: list[tuple[str, int]]) -> None:
    """Each trade once, never before its order, and the volumes never fall."""
    book, told = fresh(), list[Notice]()
    for kind, number in events:
        told += book.order(state(traded=number)) if kind == "order" else book.trade(fill(str(number)))

    traded = [values["VolumeTraded"] for callback, values in told if callback == "OnRtnOrder"]
    trades = [values["TradeID"] for callback, values in told if callback == "OnRtnTrade"]
    assert traded == sorted(traded)
    assert sorted(trades) == ["1", "2", "3"]
    assert told[0][0] == "OnRtnOrder"
    assert orders_of(book)[0]["OrderStatus"] == "0"
