"""What the relay processes of a firm share of the day's orders, on both kinds of database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, func, select

from relay.counter.ctp.lanes.lane import virtual_front
from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.ctp.order_map import in_database
from relay.counter.ctp.order_map.in_database import OrdersInDatabase
from relay.counter.ctp.order_map.tables import OrderTables
from relay.database.database import open_database, upgrade
from relay.database.schema import ORDER_KEY, ORDER_REFERENCE
from relay.refusals.refusal import Refused
from tests.postgres import PostgresServer

DAY = "20261123"
ME, CONTENT = "100001", b"\x00content\xff"


class Firm:
    """Relay processes on one database, by their number."""

    def __init__(self, engine: Engine, stack: ExitStack) -> None:
        self._engine = engine
        self._stack = stack

    def process(self, number: int, *, earlier: int | None = None, day: str = DAY) -> OrdersInDatabase:
        """One process; `earlier` is the number of the one it is the restart of."""
        own = frozenset() if earlier is None else frozenset({earlier})
        process = self._stack.enter_context(
            OrdersInDatabase(self._engine, OrderTables("9999", number, own), answer_seconds=30)
        )
        process.begin(day)
        return process


@pytest.fixture
def firm(engine: Engine) -> Iterator[Firm]:
    with ExitStack() as stack:
        yield Firm(engine, stack)


def entry(number: int, ref: int, key: str = "", investor: str = ME) -> MapEntry:
    """An order sent by the process of that number."""
    content = CONTENT if key else b""
    front = virtual_front(number)
    return MapEntry(RefSpace.ORDER, 1, 77, ref, 70000, front, 1, f" {ref}", 5, investor, key, content)


async def order(process: OrdersInDatabase, sent: MapEntry) -> None:
    """One keyed order, from its claim to its answer."""
    assert await process.claim(sent.investor_id, sent.order_key, sent.content) is None
    process.store([sent])
    process.release(sent.investor_id, sent.order_key, sent=True)
    await process.settled()


def first(ref: int, number: int = 1) -> FirstOrder:
    """The order `entry` makes."""
    return FirstOrder(virtual_front(number), 1, f" {ref}")


async def reason_of(claim: object) -> str:
    with pytest.raises(Refused) as refused:
        await claim  # type: ignore[misc]
    return refused.value.refusal.reason


# Keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["K1", "键", "zero\0inside", "\ud800", "x" * 64])
async def test_a_key_orders_once_in_the_whole_firm(firm: Firm, key: str) -> None:
    """The second process is told the first order's reference, and sends nothing."""
    await order(firm.process(1), entry(1, 41, key))

    assert await firm.process(2).claim(ME, key, CONTENT) == first(41)


async def test_a_key_is_an_investors_and_a_days(firm: Firm) -> None:
    """Others may use the same word, and so may everybody tomorrow."""
    await order(firm.process(1), entry(1, 41, "K1"))

    assert await firm.process(2).claim("100002", "K1", CONTENT) is None
    assert await firm.process(3, day="20261124").claim(ME, "K1", CONTENT) is None


async def test_a_key_that_names_another_order_is_refused(firm: Firm) -> None:
    """Sending it would trade twice, answering with the first would lose it."""
    await order(firm.process(1), entry(1, 41, "K1"))

    assert await reason_of(firm.process(2).claim(ME, "K1", b"something else")) == "order_key_reused"


async def test_a_key_whose_order_waits_at_another_process_is_in_doubt_until_it_is_sent(firm: Firm) -> None:
    """Nobody knows yet what becomes of it; a moment later somebody does."""
    one, other = firm.process(1), firm.process(2)
    await one.claim(ME, "K1", CONTENT)

    before = await reason_of(other.claim(ME, "K1", CONTENT))
    one.store([entry(1, 41, "K1")])
    await one.settled()

    assert before == "order_key_in_doubt"
    assert await other.claim(ME, "K1", CONTENT) == first(41)


async def test_a_key_whose_order_was_sent_stays_taken_although_its_call_was_given_up(firm: Firm) -> None:
    """The terminal left in the moment between: its order is at the counter all the same."""
    one, other = firm.process(1), firm.process(2)
    await one.claim(ME, "K1", CONTENT)
    one.store([entry(1, 41, "K1")])
    one.release(ME, "K1", sent=False)
    await one.settled()

    assert await other.claim(ME, "K1", CONTENT) == first(41)


@pytest.mark.parametrize("how", ["refused before it was sent", "not taken by the API"])
async def test_a_key_whose_order_was_not_sent_is_free_everywhere(firm: Firm, how: str) -> None:
    """The terminal may try again, here or elsewhere."""
    one, other = firm.process(1), firm.process(2)
    await one.claim(ME, "K1", CONTENT)
    if how == "not taken by the API":
        one.store([entry(1, 41, "K1")])
        one.retract([entry(1, 41, "K1")])
    one.release(ME, "K1", sent=False)
    await one.settled()

    assert await other.claim(ME, "K1", CONTENT) is None
    assert await other.named((RefSpace.ORDER, virtual_front(1), 1, 41)) is None


async def test_a_key_is_not_freed_while_another_call_stands_behind_it(firm: Firm) -> None:
    """Two calls with one key wait in one process: the first one's end must not let another process order too."""
    one, other = firm.process(1), firm.process(2)
    await one.claim(ME, "K1", CONTENT)
    await one.claim(ME, "K1", CONTENT)

    one.release(ME, "K1", sent=False)
    await one.settled()
    while_one_waits = await reason_of(other.claim(ME, "K1", CONTENT))
    one.release(ME, "K1", sent=False)
    await one.settled()

    assert while_one_waits == "order_key_in_doubt"
    assert await other.claim(ME, "K1", CONTENT) is None


async def test_a_key_that_a_call_relies_on_stands_for_nothing_else(firm: Firm) -> None:
    """Two sessions of one process ask at once for different orders: the row says what the one that is sent orders."""
    one, other = firm.process(1), firm.process(2)
    both = (one.claim(ME, "K1", content) for content in (CONTENT, b"something else"))
    answers = await asyncio.gather(*both, return_exceptions=True)
    one.store([entry(1, 41, "K1")])
    one.release(ME, "K1", sent=True)
    await one.settled()

    assert answers[0] is None
    assert [a.refusal.reason for a in answers if isinstance(a, Refused)] == ["order_key_reused"]
    assert await other.claim(ME, "K1", CONTENT) == first(41)
    assert await reason_of(other.claim(ME, "K1", b"something else")) == "order_key_reused"


async def test_a_key_that_no_call_relies_on_any_more_may_stand_for_something_else(firm: Firm) -> None:
    """What it was claimed for first was not sent."""
    one, other = firm.process(1), firm.process(2)
    await one.claim(ME, "K1", b"something else")
    one.release(ME, "K1", sent=False)

    await order(one, entry(1, 41, "K1"))

    assert await other.claim(ME, "K1", CONTENT) == first(41)


async def test_a_restarted_process_takes_up_what_it_had_claimed(firm: Firm) -> None:
    """It knows from its order map that the order was not sent; another process does not."""
    await firm.process(1).claim(ME, "K1", CONTENT)

    assert await reason_of(firm.process(2).claim(ME, "K1", CONTENT)) == "order_key_in_doubt"
    assert await firm.process(3, earlier=1).claim(ME, "K1", CONTENT) is None
    assert await reason_of(firm.process(2).claim(ME, "K1", CONTENT)) == "order_key_in_doubt"


async def test_of_two_processes_that_claim_at_the_same_time_one_gets_the_key(firm: Firm) -> None:
    """A terminal whose stream broke asks both within a moment."""
    one, other = firm.process(1), firm.process(2)

    for number in range(20):
        both = (process.claim(ME, f"K{number}", CONTENT) for process in (one, other))
        answers = await asyncio.gather(*both, return_exceptions=True)
        assert answers.count(None) == 1
        assert [a.refusal.reason for a in answers if isinstance(a, Refused)] == ["order_key_in_doubt"]


# References ----------------------------------------------------------------------------------------------------


async def test_references_are_known_to_the_other_processes_a_moment_later(firm: Firm) -> None:
    """Of one investor, or one by its name; its own the process knows better."""
    one, other = firm.process(1), firm.process(2)
    sent = [entry(1, ref) for ref in range(1, 30)]
    for each in sent:
        one.store([each])
    one.store([entry(1, 30, investor="100002")])
    await one.settled()

    assert sorted(await other.of_investor(ME), key=lambda each: each.counter_ref) == sent
    assert await other.named((RefSpace.ORDER, virtual_front(1), 1, 30)) == entry(1, 30, investor="100002")
    assert await other.named((RefSpace.QUOTE, virtual_front(1), 1, 30)) is None
    assert await one.of_investor(ME) == []


async def test_what_was_taken_back_or_is_of_another_day_is_not_known(firm: Firm) -> None:
    """A cancel must never reach an order of yesterday under today's name."""
    one, other = firm.process(1), firm.process(2, day="20261124")
    one.store([entry(1, 1), entry(1, 2)])
    one.retract([entry(1, 1)])
    await one.settled()

    assert await firm.process(3).of_investor(ME) == [entry(1, 2)]
    assert await other.of_investor(ME) == []


async def test_weeks_of_orders_do_not_pile_up(firm: Firm, engine: Engine) -> None:
    """A day is of use while it lasts."""
    await order(firm.process(1, day="20261101"), entry(1, 41, "K1"))
    await firm.process(2).settled()

    with engine.connect() as connection:
        for table in (ORDER_KEY, ORDER_REFERENCE):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


# The database is away ------------------------------------------------------------------------------------------


@pytest.mark.postgres
async def test_while_the_database_is_away_keys_are_refused_by_name_and_the_rest_goes_on(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    """What was sent meanwhile, and what was given up, is told when the database is back."""
    engine = open_database(SecretStr(postgres_url))
    upgrade(engine)
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        firm = Firm(engine, stack)
        one, other = firm.process(1), firm.process(2)
        await one.claim(ME, "K1", CONTENT)
        await asyncio.to_thread(postgres_server.stop)
        try:
            refused = await reason_of(one.claim(ME, "K2", CONTENT))
            one.store([entry(1, 7)])
            one.release(ME, "K1", sent=False)
            await one.settled()  # the order was sent: its terminal is not kept waiting
        finally:
            await asyncio.to_thread(postgres_server.start)

        assert refused == "shared_orders_unavailable"
        await _back(one, other)
        assert await other.of_investor(ME) == [entry(1, 7)]
        assert await other.claim(ME, "K1", CONTENT) is None
        assert one.statistics() == {"waiting": 0, "lost": 0}


async def _back(*processes: OrdersInDatabase) -> None:
    """Wait until they have looked at the database again, and told it everything."""
    async with asyncio.timeout(60):
        for process in processes:
            while not await _answers(process) or process.statistics()["waiting"]:  # noqa: ASYNC110 - nobody announces it
                await asyncio.sleep(0.05)


async def _answers(process: OrdersInDatabase) -> bool:
    try:
        await process.of_investor(ME)
    except Refused:
        return False
    return True


async def test_who_asks_while_the_database_is_away_is_not_kept_waiting(tmp_path: Path) -> None:
    """All calls of a terminal wait behind such a question, its cancels too."""
    engine = open_database(SecretStr(f"sqlite:///{tmp_path / 'without-tables'}"))
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        process = Firm(engine, stack).process(1)
        assert await reason_of(process.claim(ME, "K1", CONTENT)) == "shared_orders_unavailable"

        before = asyncio.get_running_loop().time()
        for _ in range(100):
            assert await reason_of(process.claim(ME, "K1", CONTENT)) == "shared_orders_unavailable"

    assert asyncio.get_running_loop().time() - before < 25  # each would wait for up to 30 s otherwise


async def test_a_full_queue_says_what_it_loses(sqlite_engine: Engine) -> None:
    """Memory is bounded, and /metrics shows that something is missing."""
    process = OrdersInDatabase(sqlite_engine, OrderTables("9999", 1), capacity=3)  # its thread is not started
    for ref in range(1, 6):
        process.store([entry(1, ref)])

    assert process.statistics() == {"waiting": 3, "lost": 2}
    assert await reason_of(process.claim(ME, "K1", CONTENT)) == "shared_orders_unavailable"


async def test_after_a_question_that_hurries_the_news_are_gathered_again(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order is written with those of the next moment: one transaction for each would load the firm's database."""
    process = firm.process(1)
    monkeypatch.setattr(in_database, "_GATHER_SECONDS", 600.0)
    await process.claim(ME, "K1", CONTENT)

    process.store([entry(1, 41)])
    await asyncio.sleep(0.1)
    waits = process.statistics()["waiting"]
    await process.claim(ME, "K2", CONTENT)

    assert waits == 1
    assert process.statistics()["waiting"] == 0
