"""A day of thousands at login, pushes in any order, and cancels that race with fills."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ctprelay.ctp.v1 import events_pb2, requests_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.cts.account import RootNetAccount
from relay.counter.cts.from_native import RowReader
from relay.counter.port import CounterEvent, CounterLink, Mode
from relay.counter.translated.book import AccountBook, Notice
from relay.counter.translated.events import EventMaker
from relay.counter.translated.link import MOST_IN_A_BATCH
from relay.counter.translated.tools import SLICE
from relay.counter.translated.values import OrderState
from simcounter.cts.front import CtsFront
from simcounter.cts.logins import CtsSession
from simcounter.cts.requests import CtsAnswer
from tests.relay.counter.batches import batches
from tests.relay.counter.cts.rig import INVESTOR, Rig, Terminal, rig
from tests.relay.counter.translated.played_native import cancel, insert

MANY = Mode.MANY_TO_MANY
ORDERS, PAGE = 5000, 500
ROW: dict[str, Any] = {
    "acctId": INVESTOR, "exchId": "S", "stkId": "rb2701", "bsFlag": "B", "f_offSetFlag": "OPEN", "orderQty": 3,
    "orderPrice": 3400.0, "knockQty": 0, "withdrawQty": 0, "validFlag": 0, "orderTime": "09:00:00",
}  # fmt: skip
KNOCK: dict[str, Any] = {name: ROW[name] for name in ("acctId", "exchId", "stkId", "bsFlag", "f_offSetFlag")}
TRADE: dict[str, Any] = {"knockQty": 1, "knockPrice": 3400.0, "knockCode": "901", "returnType": "2"}


def event_of(item: Any) -> Any:
    return events_pb2.Event.FromString(item.wire)


def states_of(terminal: Terminal) -> list[tuple[str, int]]:
    """Status and traded volume of each OnRtnOrder."""
    told = [said.rtn_order for name, said in terminal.got if name == "OnRtnOrder"]
    return [(chr(order.order_status), order.volume_traded) for order in told]


def numbers_of(terminal: Terminal) -> dict[str, Any]:
    return {"front_id": terminal.link.attached.front_id, "session_id": terminal.link.attached.session_id}


def has_orders(made: Rig, rows: list[dict[str, Any]]) -> None:
    """The counter shows these orders, in pages."""
    front = made.simulated.other
    assert isinstance(front, CtsFront)

    def show(cts: CtsSession, request: Mapping[str, Any]) -> CtsAnswer:
        del cts
        first = (request["pageNum"] - 1) * request["maxRowNum"]
        return CtsAnswer([{"orderInfo": rows[first : first + request["maxRowNum"]]}])

    front.requests.handlers[16011] = show


async def taken_to_the_trade(link: CounterLink) -> tuple[list[str], int]:
    """The orders' numbers as they are told, up to the first trade; and the largest batch."""
    numbers: list[str] = []
    largest = 0
    async for batch in batches(link):
        largest = max(largest, len(batch))
        events = [event_of(item) for item in batch if isinstance(item, CounterEvent)]
        numbers += [event.rtn_order.order_sys_id for event in events if event.HasField("rtn_order")]
        if any(event.HasField("rtn_trade") for event in events):
            break
    return numbers, largest


@pytest.fixture
def made_events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The callbacks of all notices that were encoded."""
    kept: list[str] = []
    make = EventMaker.notice

    def made(self: EventMaker, callback: str, *more: Any) -> CounterEvent:
        kept.append(callback)
        return make(self, callback, *more)

    monkeypatch.setattr(EventMaker, "notice", made)
    return kept


@pytest.fixture
async def orders_of_turns(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Counter[int]]:
    """How many orders were read or went into a book between two turns of the loop, by the number of the turn."""
    turns, kept, order, read = itertools.count(), Counter[int](), AccountBook.order, RowReader.order
    turn = next(turns)

    async def count() -> None:
        nonlocal turn
        while True:
            turn = next(turns)
            await asyncio.sleep(0)

    def ordered(self: AccountBook, state: OrderState) -> list[Notice]:
        kept[turn] += 1
        return order(self, state)

    def read_one(self: RowReader, row: Mapping[str, Any]) -> OrderState:
        kept[turn] += 1
        return read(self, row)

    monkeypatch.setattr(AccountBook, "order", ordered)
    monkeypatch.setattr(RowReader, "order", read_one)
    counting = asyncio.get_running_loop().create_task(count())
    yield kept
    counting.cancel()


async def test_a_day_of_thousands_comes_whole_and_in_order(
    tmp_path: Path, made_events: list[str], orders_of_turns: Counter[int]
) -> None:
    """Page by page and in slices; nothing of it is made before the terminal takes it, and what happens meanwhile comes behind it."""
    async with rig(MANY, tmp_path, max_rows=PAGE, check_order_seconds=0.0) as made:
        has_orders(made, [{**ROW, "contractNum": str(number)} for number in range(ORDERS)])
        link = await made.counter.attach(made.login())
        at_login = list(made_events)
        made.command("cts_push", acct_id=INVESTOR, values={**KNOCK, **TRADE, "contractNum": "0"})
        numbers, largest = await taken_to_the_trade(link)
        await link.detach("left")

    assert at_login == []
    assert orders_of_turns.total() == 2 * ORDERS
    assert max(orders_of_turns.values()) <= SLICE
    assert numbers == [*map(str, range(ORDERS)), "0"]
    assert largest <= MOST_IN_A_BATCH


async def test_a_cancel_that_comes_after_the_fill_is_refused_and_the_fill_is_told(tmp_path: Path) -> None:
    """The trade is on its way when the cancel leaves: the order was never canceled."""
    async with rig(MANY, tmp_path, check_order_seconds=0.0) as made:
        terminal = await made.attach()
        ref = (await terminal.call(insert(1, limit_price=3400.0, volume_total_original=3))).order_ref
        await terminal.order_with("3", ref)
        made.command("cts_delay", msg_type=17002, seconds=0.2, times=0)
        made.command("move_market", instrument_id="rb2701", price=3400.0)
        await terminal.call(cancel(2, order_ref=ref, **numbers_of(terminal)))
        refused = await terminal.wait("OnRspOrderAction")
        await terminal.order_with("0", ref)
        await terminal.wait("OnRtnTrade")

    assert refused.rsp_info.error_id
    assert "5" not in {status for status, _ in states_of(terminal)}


async def test_a_cancel_that_overtakes_its_orders_fill_leaves_both_told(tmp_path: Path) -> None:
    """What was traded before the cancel is told once, also where its push comes last, and nothing goes back."""
    async with rig(MANY, tmp_path, check_order_seconds=0.0) as made:
        terminal = await made.attach()
        made.command("cts_delay", msg_type=17002, seconds=0.3, times=0)
        ref = (await terminal.call(insert(1, limit_price=3501.0, volume_total_original=400))).order_ref
        await terminal.order_with("3", ref)
        await terminal.call(cancel(2, order_ref=ref, **numbers_of(terminal)))
        canceled = await terminal.order_with("5", ref)
        await terminal.wait("OnRtnTrade")
        sent = made.simulated.control.status()["by_method"]["ReqOrderAction"]

    states = states_of(terminal)
    trades = [said.rtn_trade for name, said in terminal.got if name == "OnRtnTrade"]
    assert 0 < canceled.volume_traded < 400
    assert states[-1] == ("5", canceled.volume_traded)
    assert [traded for _, traded in states] == sorted(traded for _, traded in states)
    assert sum(trade.volume for trade in trades) == canceled.volume_traded
    assert sent == 1


async def test_an_older_word_of_an_order_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The push of its confirmation comes after its cancel, and a query shows it as it was before: it stays canceled."""
    heard: list[str] = []
    hear = RootNetAccount.heard

    def also(self: RootNetAccount, row: Mapping[str, Any]) -> None:
        hear(self, row)
        heard.append(row["returnType"])

    monkeypatch.setattr(RootNetAccount, "heard", also)
    async with rig(MANY, tmp_path) as made:
        made.command("cts_tell_orders", on=True)
        made.command("cts_delay", msg_type=17002, seconds=0.4)
        terminal = await made.attach()
        ref = (await terminal.call(insert(1, limit_price=3400.0))).order_ref
        resting = await terminal.order_with("3", ref)
        await terminal.call(cancel(2, order_ref=ref, **numbers_of(terminal)))
        await terminal.order_with("5", ref)
        await made.until(lambda: heard[-1:] == ["0"], "the older push came")
        before = {**ROW, "contractNum": resting.order_sys_id.strip(), "batchNum": ""}
        made.command("cts_alter", msg_type=16011, changes={"data.orderInfo": [before]})
        rows = await terminal.rows(requests_pb2.Request(qry_order=ctp.QryOrder()), "OnRspQryOrder")

    assert heard == ["3", "0"]
    assert [chr(row.rsp_qry_order.order_status) for row in rows] == ["5"]
    assert states_of(terminal)[-1] == ("5", 0)
    assert [status for status, _ in states_of(terminal)].count("3") == 1


async def test_a_trade_of_an_order_that_is_not_known_yet_waits_for_it(tmp_path: Path) -> None:
    """Another program's order: its trade is pushed first, the order is asked for, and told before the trade."""
    async with rig(MANY, tmp_path) as made:
        terminal = await made.attach()
        has_orders(made, [{**ROW, "contractNum": "77"}])
        made.command("cts_push", acct_id=INVESTOR, values={**KNOCK, **TRADE, "contractNum": "77"})
        trade = await terminal.wait("OnRtnTrade")

    names = [name for name, _ in terminal.got]
    assert trade.rtn_trade.order_sys_id.strip() == "77"
    assert names.index("OnRtnOrder") < names.index("OnRtnTrade")
    assert states_of(terminal) == [("3", 0), ("1", 1)]


async def test_lost_answers_are_looked_for_together(tmp_path: Path) -> None:
    """A counter that answers no order of fifty is asked for its day a few times, not fifty."""
    async with rig(MANY, tmp_path, check_order_seconds=0.0, answer_seconds=0.5) as made:
        terminal = await made.attach()
        asked = made.simulated.front.counts.by_method
        made.command("cts_ignore", msg_type=15001, times=50)
        before = asked["ReqQryOrder"]
        for number in range(1, 51):
            await terminal.call(insert(number, limit_price=3400.0))
        await made.until(lambda: [name for name, _ in terminal.got].count("OnRspOrderInsert") == 50, "all are refused")
        funds = requests_pb2.Request(qry_trading_account=ctp.QryTradingAccount())
        await terminal.rows(funds, "OnRspQryTradingAccount")  # it waits behind what is to be read
        reads = asked["ReqQryOrder"] - before

    assert 1 <= reads < 25
