"""Whatever ends a call whose key was claimed, nothing of this process relies on the key afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from relay.counter.ctp.lanes.lane import virtual_front
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.order_map.in_database import OrdersInDatabase
from relay.counter.ctp.order_map.tables import OrderTables
from relay.counter.port import CallOutcome
from relay.refusals.refusal import Refused
from tests.relay.counter.ctp.played_board import DAY, Board, Terminal, order_fields, refusal_of
from tests.relay.hand_loop import HandLoop, settled

ME, KEY = "100001", "K1"
_CONTENT = b"content"
_SENT = MapEntry(RefSpace.ORDER, 1, 555, 41, 70000, virtual_front(1), 1, "12", 0, ME, KEY, _CONTENT)
_Call = asyncio.Task[CallOutcome]


class Case:
    """One keyed order of a terminal, claimed in a database that another process shares."""

    def __init__(self, board: Board, shared: OrdersInDatabase, engine: Engine) -> None:
        self.board, self.shared, self.engine = board, shared, engine
        self.loop = HandLoop()
        self.mine: Terminal = board.terminal(ME)

    def order(self, ref: int, key: str = KEY, **fields: object) -> _Call:
        return self.board.begin(
            self.mine, "ReqOrderInsert", ref, order_key=key, **order_fields(OrderRef=str(ref), **fields)
        )

    async def waiting(self) -> _Call:
        """One that has its claim, and waits for its turn: the counter takes one package a second."""
        self.board.session.front = (0, 1)
        await self.board.log_in(session_id=78)
        await self.order(1, key="")
        call = self.order(2)
        await self.known()
        assert self.shared._claims
        assert not call.done()
        return call

    async def known(self) -> None:
        """The database has answered everything that was asked of it."""
        await settled()
        await self.shared.settled()
        await settled()


async def not_taken_by_the_api(case: Case) -> str:
    case.board.session.return_codes = [-1]
    return str((await case.order(1)).return_code)


async def refused_by_the_counter(case: Case) -> str:
    await case.order(1)
    await case.board.answer("OnRspOrderInsert", case.board.session.called[-1].request_id, 31, InvestorID=ME)
    await settled()
    return str(case.mine.answers(1)[0][0])


async def refused_by_scope(case: Case) -> str:
    return await refusal_of(case.order(1, InvestorID="100002"))


async def refused_by_a_limit(case: Case) -> str:
    await case.order(5, key="")
    return await refusal_of(case.order(5))


async def refused_by_a_full_disk(case: Case) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("relay.counter.ctp.order_map.file._write_all", _full)
        return await refusal_of(case.order(1))


async def too_late(case: Case) -> str:
    call = await case.waiting()
    await case.loop.move(3600)
    return await refusal_of(call)


async def cancelled_before_it_was_sent(case: Case) -> str:
    call = await case.waiting()
    cancel = case.board.begin(
        case.mine, "ReqOrderAction", 9, ExchangeID="SHFE", InstrumentID="rb2701", ActionFlag="0", OrderRef="2"
    )
    assert (await cancel).return_code == 0
    return await refusal_of(call)


async def given_up(case: Case) -> str:
    call = await case.waiting()
    call.cancel()
    await asyncio.wait([call])
    return "cancelled" if call.cancelled() else ""


async def given_up_while_it_asks(case: Case) -> str:
    call = case.order(1)
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])
    return "cancelled" if call.cancelled() else ""


async def its_terminal_left(case: Case) -> str:
    call = await case.waiting()
    await case.mine.link.detach("logged out")
    return await refusal_of(call)


async def the_session_broke(case: Case) -> str:
    call = await case.waiting()
    await case.board.break_off()
    return await refusal_of(call)


async def the_relay_ended(case: Case) -> str:
    call = case.order(1)
    await asyncio.sleep(0)
    await case.board.board.stop()
    call.cancel()
    await asyncio.wait([call])
    return "cancelled" if call.cancelled() else ""


async def the_database_was_away(case: Case) -> str:
    with case.engine.begin() as connection:
        connection.execute(text("ALTER TABLE order_key RENAME TO order_key_away"))
    reason = await refusal_of(case.order(1))
    with case.engine.begin() as connection:
        connection.execute(text("ALTER TABLE order_key_away RENAME TO order_key"))
    return reason


ENDS: dict[Callable[[Case], Awaitable[str]], str] = {
    not_taken_by_the_api: "-1",
    refused_by_scope: "not_your_investor",
    refused_by_a_limit: "reference_not_increasing",
    refused_by_a_full_disk: "order_map_unavailable",
    too_late: "deadline_passed",
    cancelled_before_it_was_sent: "cancelled_before_sent",
    given_up: "cancelled",
    given_up_while_it_asks: "cancelled",
    its_terminal_left: "session_gone",
    the_session_broke: "counter_unavailable",
    the_relay_ended: "cancelled",
    the_database_was_away: "shared_orders_unavailable",
}


@pytest.fixture
def processes(sqlite_engine: Engine) -> Iterator[tuple[OrdersInDatabase, OrdersInDatabase]]:
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(OrdersInDatabase(sqlite_engine, OrderTables("9999", number))) for number in (1, 2)
        )
        other.begin(DAY)
        yield one, other


@pytest.fixture
async def case(tmp_path: Path, sqlite_engine: Engine, processes: tuple[OrdersInDatabase, OrdersInDatabase]) -> Case:
    board = Board(tmp_path, firm=processes[0])
    await board.log_in()
    return Case(board, processes[0], sqlite_engine)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_a_call_that_orders_nothing_frees_its_key(
    case: Case, processes: tuple[OrdersInDatabase, OrdersInDatabase], end: Callable[[Case], Awaitable[str]]
) -> None:
    """The terminal may send it again, here or at another process."""
    why = await end(case)
    await back(*processes)

    assert why == ENDS[end]
    assert case.shared._claims == {}
    assert await processes[1].claim(ME, KEY, b"something else") is None
    await case.board.close()


async def test_an_order_that_the_counter_refuses_keeps_its_key(
    case: Case, processes: tuple[OrdersInDatabase, OrdersInDatabase]
) -> None:
    """It was sent, and its terminal reads why it came to nothing: the same key would bring the same order again."""
    error_id = await refused_by_the_counter(case)
    await back(*processes)

    again = await case.order(2)
    with pytest.raises(Refused, match="order_key_reused"):
        await processes[1].claim(ME, KEY, b"something else")

    assert (error_id, again.first_order_ref) == ("31", "1")
    assert case.shared._claims == {}
    await case.board.close()


@pytest.mark.parametrize("was_sent", [False, True], ids=["between claim and order", "between order and word of it"])
async def test_a_key_orders_once_although_its_relay_is_killed(
    tmp_path: Path, sqlite_engine: Engine, processes: tuple[OrdersInDatabase, OrdersInDatabase], was_sent: bool
) -> None:
    """Only the order map of the killed process knows whether it was sent: until it is back, no other process sends it."""
    order_map = OrderMapFile(tmp_path / "order_map")
    processes[0].begin(DAY)
    assert await processes[0].claim(ME, KEY, _CONTENT) is None
    if was_sent:
        order_map.begin(DAY)
        order_map.append([_SENT])
    order_map.close()
    with pytest.raises(Refused, match="order_key_in_doubt"):
        await processes[1].claim(ME, KEY, _CONTENT)

    with OrdersInDatabase(sqlite_engine, OrderTables("9999", 3, frozenset({1}))) as restarted:
        order_map = OrderMapFile(tmp_path / "order_map", restarted)
        order_map.begin(DAY)
        await restarted.settled()
        here = order_map.order_keys.first(ME, KEY, _CONTENT)
        if here is None:
            assert await restarted.claim(ME, KEY, _CONTENT) is None
            order_map.append([_SENT])
            restarted.release(ME, KEY, sent=True)
            await restarted.settled()

        assert (here is not None) is was_sent
        assert await processes[1].claim(ME, KEY, _CONTENT) == FirstOrder(_SENT.lane_front, 1, "12")
        order_map.close()


async def back(*processes: OrdersInDatabase) -> None:
    """Wait until every one has had its answers, and has told the database everything."""
    for process in processes:
        while True:
            try:
                await process.of_investor(ME)
            except Refused:
                await asyncio.to_thread(time.sleep, 0.05)  # the loop's clock stands still
            else:
                break


def _full(*_: object) -> None:
    raise OSError(28, "no space left on device")
