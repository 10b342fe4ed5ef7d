"""A close that the counter splits is one order to its terminal: pure, and against the simulated UFX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import requests_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode, TerminalCall
from relay.counter.translated.values import KnownOrder, OrderState
from relay.counter.ufx.from_native import UfxRowReader
from relay.counter.ufx.split_closes import SplitCloses
from simcounter.config import CounterConfig
from tests.relay.counter.cts.rig import Terminal
from tests.relay.counter.translated.played_native import cancel, fill, insert, state
from tests.relay.counter.ufx.rig import INVESTOR, UfxRig, ufx_rig
from tests.relay.counter.ufx.t2.conftest import counter_config
from tests.relay.counter.ufx.test_pure import MARKETS, NAME, ROW

__all__ = ["counter_config"]
KEY = "K"


def part(number: str, volume: int, **changes: object) -> OrderState:
    return state(number, volume=volume, offset="1", **changes)


def status(whole: OrderState) -> str:
    return KnownOrder(whole, None).status


def lots(whole: OrderState) -> tuple[str, int, int, str]:
    return whole.native_id, whole.volume, whole.traded, status(whole)


# Pure -------------------------------------------------------------------------------------------------------


def test_its_volume_is_what_was_sent_until_all_parts_are_heard_of() -> None:
    """Whatever comes first, a part's end ends nothing."""
    closes = SplitCloses()
    closes.sent(KEY, 5)
    first = closes.order(KEY, part("11", 2, traded=2))
    number = closes.answered(KEY, "SHFE", ["11", "12"])
    second = closes.order(KEY, part("12", 3))

    assert lots(first) == ("11", 5, 2, "1")
    assert number == "11"
    assert lots(second) == ("11", 5, 2, "1")
    assert lots(closes.order(KEY, part("12", 3, traded=3))) == ("11", 5, 5, "0")


def test_the_number_heard_first_stays() -> None:
    """Also where it is the second part's, and a trade or the answer comes later."""
    closes = SplitCloses()
    closes.sent(KEY, 5)
    trade = closes.trade(KEY, fill("T1", "12", 3))
    number = closes.answered(KEY, "SHFE", ["11", "12"])
    nameless = closes.trade("", fill("T2", "11", 2))

    assert (trade.native_id, number, nameless.native_id) == ("12", "12", "12")
    assert closes.number_of(("SHFE", "11")) == "12"
    assert sorted(closes.parts_of(("SHFE", "12"))) == ["11", "12"]
    assert closes.trade("", fill("T3", "99")).native_id == "99"
    assert closes.parts_of(("SHFE", "99")) == ["99"]


@pytest.mark.parametrize(
    ("ends", "wanted"),
    [
        ([part("11", 2, canceled=2)], ("11", 5, 0, "3")),
        ([part("11", 2, canceled=2), part("12", 3, canceled=3)], ("11", 5, 0, "5")),
        ([part("11", 2, traded=2), part("12", 3, canceled=3)], ("11", 5, 2, "5")),
        ([part("11", 2, is_rejected=True), part("12", 3)], ("11", 5, 0, "3")),
        ([part("11", 2, is_rejected=True), part("12", 3, traded=3)], ("11", 5, 3, "5")),
        ([part("11", 2, is_rejected=True), part("12", 3, is_rejected=True)], ("11", 5, 0, "5")),
        ([part("11", 2, traded=1), part("12", 3, traded=1)], ("11", 5, 2, "1")),
    ],
)
def test_it_ends_when_each_part_has_ended(ends: list[OrderState], wanted: tuple[str, int, int, str]) -> None:
    """And its end says what all of them did."""
    closes = SplitCloses()
    closes.sent(KEY, 5)
    closes.answered(KEY, "SHFE", ["11", "12"])
    closes.order(KEY, part("11", 2))
    closes.order(KEY, part("12", 3))
    told = [closes.order(KEY, end) for end in ends]

    assert lots(told[-1]) == wanted


def test_trades_end_it_where_nothing_else_says_so() -> None:
    """A part that traded by pushes alone, behind the other's cancel; each trade is counted once."""
    closes = SplitCloses()
    closes.sent(KEY, 5)
    closes.answered(KEY, "SHFE", ["11", "12"])
    closes.order(KEY, part("11", 2))
    closes.order(KEY, part("12", 3, canceled=3))
    for _ in range(2):
        closes.trade(KEY, fill("T1", "11", 1))
    before = closes.whole(("SHFE", "11"))
    closes.trade(KEY, fill("T2", "11", 1))
    after = closes.whole(("SHFE", "12"))

    assert before is not None
    assert after is not None
    assert (lots(before), lots(after)) == (("11", 5, 1, "1"), ("11", 5, 2, "5"))


def test_a_smaller_order_than_was_sent_is_shown_as_it_is() -> None:
    """Where the answer names all parts, or none came and the rows say what there is."""
    for told in (True, False):
        closes = SplitCloses()
        closes.sent(KEY, 5)
        if told:
            closes.answered(KEY, "SHFE", ["11"])
        else:
            closes.lost(KEY)
        assert lots(closes.order(KEY, part("11", 2, traded=2))) == ("11", 2, 2, "0")


def test_rows_of_a_close_are_one_order_until_the_next_day() -> None:
    """Opening ones are as they are, and so are those of other programs."""
    reader = UfxRowReader(MARKETS)
    reader.of_day("20261126")
    close = {**ROW, "futures_direction": "2", "deal_amount": "0"}
    reader.order(close)
    whole = reader.order({**close, "entrust_no": "18"})
    other = reader.order({**close, "entrust_no": "19", "third_reff": "theirs"})
    opened = [reader.order({**ROW, "entrust_no": number}).native_id for number in ("20", "21")]
    contract = reader.contract({**close, "entrust_no": "18"})
    reader.of_day("20261127")

    assert (whole.native_id, whole.volume, whole.name) == ("17", 10, NAME)
    assert (other.native_id, other.volume, other.name) == ("19", 5, None)
    assert (opened, contract) == (["20", "21"], ("SHFE", "17"))
    assert reader.order({**close, "entrust_no": "18"}).native_id == "18"


# Against the simulated UFX ----------------------------------------------------------------------------------


async def held(made: UfxRig, terminal: Terminal) -> int:
    """Five lots, two of them yesterday's."""
    await terminal.call(insert(1, limit_price=3520.0, volume_total_original=2))
    await terminal.order_with("0")
    positions = made.simulated.kernel.desk.portfolios[INVESTOR].positions
    (position,) = (one for key, one in positions.items() if (key.instrument_id, key.side.value) == ("rb2701", "0"))
    position.yesterday_lots, position.today_lots = position.today_lots, position.yesterday_lots
    position.yesterday, position.today = position.today, position.yesterday
    terminal.forget()
    await terminal.call(insert(2, limit_price=3520.0, volume_total_original=3))
    await terminal.order_with("0")
    terminal.forget()
    return position.total


def sell(request_id: int, price: float, volume: int) -> TerminalCall:
    return insert(
        request_id,
        limit_price=price,
        direction=enums.DIRECTION_SELL,
        comb_offset_flag="1",
        volume_total_original=volume,
    )


def notices(terminal: Terminal, name: str) -> list[Any]:
    return [getattr(said, name) for _, said in terminal.got if getattr(said, "HasField", lambda _: False)(name)]


@pytest.mark.parametrize("pushes_first", [False, True])
async def test_a_terminal_sees_one_order(counter_config: CounterConfig, tmp_path: Path, pushes_first: bool) -> None:
    """Of today's lots and yesterday's: one that is canceled at once, and one whose trades add up to it."""
    async with ufx_rig(counter_config, Mode.MANY_TO_MANY, tmp_path) as made:
        terminal = await made.attach()
        total = await held(made, terminal)
        made.command("ufx_pushes_first", on=pushes_first)
        first = (await terminal.call(sell(3, 3540.0, total))).order_ref
        resting = await terminal.order_with("3")
        await terminal.call(cancel(4, exchange_id="SHFE", order_sys_id=resting.order_sys_id))
        canceled = await terminal.order_with("5")
        second = (await terminal.call(sell(5, 3460.0, total))).order_ref
        done = await terminal.order_with("0", second)
        rows = await terminal.rows(requests_pb2.Request(qry_order=ctp.QryOrder()), "OnRspQryOrder")
        closes = [row.rsp_qry_order for row in rows if row.rsp_qry_order.comb_offset_flag == "1"]
        told, trades = notices(terminal, "rtn_order"), notices(terminal, "rtn_trade")

        entrusts = [one for one in made.simulated.kernel.desk.orders.values() if one.offset != "0"]
        assert len(entrusts) == 4, "two parts of each"
        assert [row.order_ref for row in closes] == [first, second]
        assert {(one.volume_total_original, one.order_ref in {first, second}) for one in told} == {(total, True)}
        assert (canceled.order_sys_id, canceled.volume_total) == (resting.order_sys_id, total)
        assert sum(trade.volume for trade in trades) == done.volume_traded == total
        assert {trade.order_sys_id for trade in trades} == {done.order_sys_id}
