"""The simulated UFX over real TCP, by a small client of our own: logins, tokens, orders, pushes, and mischief on command."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest

from simcounter.config import CounterConfig
from simcounter.control_server import texts_of
from simcounter.counter import SimulatedCounter
from simcounter.session import china_now
from simcounter.settlement import day_report
from simcounter.tmdb import MonitoringKey
from simcounter.ufx.front import UfxFront
from simcounter.ufx.pack import PackError
from simcounter.ufx.tags import Tag, number_of
from tests.simcounter.ufx.t2_client import T2Client, UfxRefusal, client, order

INVESTOR, HOLDER = "100001", "100002"
DAY = "20261123"
INFO = bytes(range(256)) + b"\0" * 12
COUNTERS = [
    {"counter_id": "1", "terminal_no": base64.b64encode(INFO).decode(), "data_scale": "", "service_errcode": ""},
    {"counter_id": "2", "terminal_no": "HS" * 200, "data_scale": "D" * 128, "service_errcode": "3"},
]
TOKEN_DEAD = "1901"


@dataclasses.dataclass
class MovedClock:
    """The time of day, and how far it was moved."""

    seconds: float = 0.0

    def __call__(self) -> dt.datetime:
        return china_now() + dt.timedelta(seconds=self.seconds)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> CounterConfig:
    """With one key for all tests of this file: to make one takes longer than a test."""
    key = tmp_path_factory.mktemp("key") / "monitoring.key"
    MonitoringKey.generate().save_private(key)
    return CounterConfig(system="ufx", trading_day=DAY, monitoring_key=str(key))


@pytest.fixture
async def counter(config: CounterConfig, clock: MovedClock) -> AsyncIterator[SimulatedCounter]:
    async with SimulatedCounter(config, clock=clock) as started:
        yield started


def command(counter: SimulatedCounter, name: str, **arguments: Any) -> Any:
    return counter.control.commands()[name](**arguments)


def front(counter: SimulatedCounter) -> UfxFront:
    assert isinstance(counter.other, UfxFront)
    return counter.other


async def test_a_login_brings_a_row_for_each_upstream_counter(counter: SimulatedCounter) -> None:
    """Each is kept and reported: the address is the terminal's, the CTP collector's bytes come out of Base64."""
    async with client(counter) as asked:
        answer = await asked.log_in(INVESTOR, COUNTERS)

    assert set(answer) == {"user_token", "version_no"}
    assert command(counter, "ufx_logins")[0]["counters"] == COUNTERS
    assert "password" not in command(counter, "ufx_logins")[0]["fields"]
    reports, lines = counter.tmdb.reports(), day_report(counter.tmdb.reports(), counter.monitoring_key)
    assert [(line.kind, line.user_id) for line in lines] == [("ufx ctp", INVESTOR), ("ufx hundsun", INVESTOR)]
    assert [report.inner_info for report in reports] == [INFO, b"HS" * 200]


@pytest.mark.parametrize(
    ("changed", "counters", "code"),
    [
        ({"password": "wrong"}, [], 3),
        ({"ip_address": "2001:db8::1"}, [], 1905),
        ({"ip_address": ""}, [], 1905),
        ({}, [COUNTERS[0], COUNTERS[0]], 1906),
        ({}, [{"counter_id": "9", "terminal_no": "x"}], 1906),
        ({}, [{"counter_id": "2", "terminal_no": "x" * 1025}], 1906),
        ({}, [{"counter_id": "1", "terminal_no": "no Base64"}], 1906),
    ],
    ids=["password", "IPv6", "no address", "duplicate kinds", "unknown kind", "1025 bytes", "binary as it is"],
)
async def test_a_login_is_refused(
    counter: SimulatedCounter, changed: dict[str, object], counters: list[dict[str, str]], code: int
) -> None:
    """And leaves neither a token nor a session."""
    async with client(counter) as asked:
        with pytest.raises(UfxRefusal) as refused:
            await asked.log_in(INVESTOR, counters, **changed)

    assert refused.value.code == code
    assert command(counter, "ufx_status")["tokens"] == []
    assert counter.kernel.sessions == {}


@pytest.mark.parametrize(("idle", "lives"), [(299, True), (300, False), (301, False)])
async def test_a_token_dies_after_five_idle_minutes(
    counter: SimulatedCounter, clock: MovedClock, idle: int, *, lives: bool
) -> None:
    """Any call renews it; the heartbeat does nothing else."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        clock.seconds += 200
        await asked.ask(10000)
        clock.seconds += idle
        if lives:
            assert await asked.ask(10000) == []
        else:
            with pytest.raises(UfxRefusal, match=TOKEN_DEAD):
                await asked.ask(10000)


async def test_logins_have_tokens_of_their_own(counter: SimulatedCounter) -> None:
    """The same operator twice on one connection; a logout ends one of them."""
    async with client(counter) as asked:
        first = (await asked.log_in(INVESTOR))["user_token"]
        second = (await asked.log_in(INVESTOR))["user_token"]
        await asked.call(10002, [{"user_token": first}])
        await asked.call(10000, [{"user_token": second}])
        with pytest.raises(UfxRefusal, match=TOKEN_DEAD):
            await asked.call(10000, [{"user_token": first}])

    assert first != second


async def test_accounts_and_portfolios_are_the_operators(counter: SimulatedCounter) -> None:
    """An investor sees its own, an operator its organization's, and another's is refused."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        (account,) = await asked.ask(30001)
        (portfolio,) = await asked.ask(30003)
        with pytest.raises(UfxRefusal, match="1904"):
            await asked.ask(30003, account_code=HOLDER)
        with pytest.raises(UfxRefusal, match="1904"):
            await asked.ask(31003, combi_no=f"{HOLDER}0101")

    assert account["account_code"] == INVESTOR
    assert (portfolio["market_no_list"], portfolio["futu_invest_type"]) == ("3,4,7,9", "a")


async def test_an_order_rests_and_is_canceled(counter: SimulatedCounter) -> None:
    """Pushes a, b, then d and e; both references are in each, and the query shows what is left."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        assert await asked.subscribe(INVESTOR) == 0
        (answer,) = await asked.ask(91004, **order())
        assert await asked.push(2) == ["a", "b"]
        (cancel,) = await asked.ask(91105, entrust_no=answer["entrust_no"])
        assert await asked.push(4) == ["a", "b", "d", "e"]
        (row,) = await asked.ask(32003)

    assert cancel["success_flag"] == "1"
    assert {(p["extsystem_id"], p["third_reff"]) for p in asked.pushes} == {("7", "s1:1")}
    assert (row["entrust_state"], row["withdraw_amount"]) == ("9", "2")


async def test_an_order_trades(counter: SimulatedCounter) -> None:
    """Push g; trades, positions and margin say the same."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        await asked.subscribe(INVESTOR)
        await asked.ask(91004, **order(entrust_price="3600"))
        assert await asked.push(3) == ["a", "b", "g"]
        (deal,), (held,) = await asked.ask(33003), await asked.ask(31003)
        (margin,) = await asked.ask(34003)

    assert (deal["deal_amount"], held["total_amount"]) == ("2", "2")
    assert asked.pushes[-1]["total_deal_amount"] == "2"
    assert float(margin["occupy_deposit_balance"]) > 0


async def test_a_close_at_shfe_takes_todays_lots_first(counter: SimulatedCounter) -> None:
    """Two entrusts of one batch where today's are not enough."""
    async with client(counter) as asked:
        await asked.log_in(HOLDER)
        held = {row["stock_code"]: row for row in await asked.ask(31003)}["rb2701"]
        direction = "2" if held["position_flag"] == "1" else "1"
        opening = "1" if direction == "2" else "2"
        price = {"1": "3600", "2": "3400"}
        own = {"account_code": HOLDER, "entrust_amount": "1"}
        await asked.ask(91004, **order(**own, entrust_direction=opening, entrust_price=price[opening]))
        own["entrust_amount"] = "2"
        closing = {"entrust_direction": direction, "futures_direction": "2", "entrust_price": price[direction]}
        answers = await asked.ask(91004, **order(**own, **closing))

    assert len({row["batch_no"] for row in answers}) == 1
    assert [row["extsystem_id"] for row in answers] == ["7", "7"]


async def test_the_exchange_and_the_risk_refuse(counter: SimulatedCounter) -> None:
    """A risk refusal is the answer's ErrorCode; the exchange's comes as push c; a cancel of nothing has its cause."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        await asked.subscribe(INVESTOR)
        with pytest.raises(UfxRefusal, match="1903"):
            await asked.ask(91004, **order(price_type="9"))
        with pytest.raises(UfxRefusal):
            await asked.ask(91004, **order(futures_direction="2", entrust_direction="2"))
        with pytest.raises(UfxRefusal, match="1903"):
            await asked.ask(91004, **order(extsystem_id="100000000"))
        await asked.ask(91004, **order(entrust_price="9999"))
        assert await asked.push(2) == ["a", "c"]
        (failed,) = await asked.ask(91105, entrust_no="77")

    assert asked.pushes[1]["revoke_cause"]
    assert (failed["success_flag"], failed["fail_cause"]) == ("2", "委托不存在")


async def test_queries_are_paged(counter: SimulatedCounter) -> None:
    """By position_str, as many as were asked for."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        for number in range(1, 6):
            await asked.ask(91004, **order(extsystem_id=str(number)))
        first = await asked.ask(32003, request_num="3")
        second = await asked.ask(32003, request_num="3", position_str=first[-1]["position_str"])
        command(counter, "ufx_skip_row", function=32003)
        skipped = await asked.ask(32003)

    assert [row["extsystem_id"] for row in (*first, *second)] == ["1", "2", "3", "4", "5"]
    assert len(skipped) == 4


async def test_another_fronts_trade_is_pushed_to_its_account(counter: SimulatedCounter) -> None:
    """One desk: a market that moves fills what rests."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        await asked.subscribe(INVESTOR)
        await asked.ask(91004, **order())
        counter.control.move_market("rb2701", 3390.0)

        assert await asked.push(3) == ["a", "b", "g"]


async def test_topics_are_refused_beaten_and_kicked(counter: SimulatedCounter) -> None:
    """A wrong check, a command, a heartbeat for each session, and 620715."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        assert await asked.subscribe(INVESTOR, "wrong") != 0
        command(counter, "ufx_refuse_topic", error=-7)
        assert await asked.subscribe(INVESTOR) == -7
        command(counter, "ufx_refuse_topic", error=0)
        assert await asked.subscribe(INVESTOR) == 0
        assert number_of(await asked.beat(), Tag.PACKET_TYPE) == 0
        assert command(counter, "ufx_status")["subscriptions"] == [INVESTOR]
        assert command(counter, "ufx_kick", operator_no=INVESTOR) == 1
        while number_of(await asked.read(), Tag.FUNCTION) != 620715:
            pass


async def test_misbehaves_on_command(counter: SimulatedCounter) -> None:
    """Refusals of both levels, no pack, no ErrorCode, a dead token."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        command(counter, "ufx_refuse", function=10000, code=77, text="no")
        with pytest.raises(UfxRefusal, match="77: no"):
            await asked.ask(10000)
        command(counter, "ufx_level_one", function=10000, code=-9, text="busy")
        assert number_of(await asked.answer(10000, {}), Tag.ERROR_NUMBER) == -9
        command(counter, "ufx_content", function=10000, content="00ff")
        with pytest.raises(PackError):
            await asked.ask(10000)
        command(counter, "ufx_table", function=10000, row={"a": "1"})
        with pytest.raises(KeyError, match="ErrorCode"):
            await asked.ask(10000)
        assert command(counter, "ufx_end_tokens") == 1
        with pytest.raises(UfxRefusal, match=TOKEN_DEAD):
            await asked.ask(10000)


async def test_pushes_misbehave_on_command(counter: SimulatedCounter) -> None:
    """Before the answer, twice, in another order, a flood; and silence ends by command."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        await asked.subscribe(INVESTOR)
        command(counter, "ufx_pushes_first")
        await asked.ask(91004, **order())
        assert [row["msgtype"] for row in asked.pushes] == ["a", "b"], "before the answer"
        command(counter, "ufx_duplicate", function=620706)
        command(counter, "ufx_hold", function=620706)
        assert command(counter, "ufx_push", operator_no=INVESTOR, row={"msgtype": "x"}) == 1
        command(counter, "ufx_push", operator_no=INVESTOR, row={"msgtype": "y"})
        assert sorted((await asked.push(5))[2:]) == ["x", "x", "y"]
        assert command(counter, "ufx_flood", operator_no=INVESTOR, count=1000) == 1000
        assert len(await asked.push(1005)) == 1005
        command(counter, "ufx_silent")
        asked.write({Tag.PACKET_TYPE: 2, Tag.FUNCTION: 33})
        command(counter, "ufx_clear")
        await asked.ask(10000)


@pytest.mark.parametrize("how", ["ufx_cut", "ufx_wrong_xor"])
async def test_a_message_is_cut_or_spoiled(counter: SimulatedCounter, how: str) -> None:
    """The client cannot go on with this connection."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        command(counter, how, function=10000)

        with pytest.raises((ConnectionResetError, ValueError)):
            await asked.ask(10000)


@pytest.mark.parametrize(
    "data", [b"\x09\0\0\x05junk!", b"\0\0\0\0", b"\x05\0\0\x055=32\0"], ids=["xor", "length 0", "calls unregistered"]
)
async def test_a_client_that_speaks_no_t2_is_cut(counter: SimulatedCounter, data: bytes) -> None:
    """And others go on."""
    async with client(counter) as asked, client(counter) as other:
        reader, writer = await asyncio.open_connection("127.0.0.1", counter.port)
        writer.write(data)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        asked.write_raw(b"\x05\0\0\x055=a1\0")
        with pytest.raises(ConnectionResetError):
            await asked.read()
        await other.log_in(INVESTOR)


async def test_there_is_a_second_address(counter: SimulatedCounter) -> None:
    """It goes on when the first is down, with the same tokens."""
    address = await command(counter, "ufx_second_address")
    async with client(counter, int(address.rpartition(":")[2])) as second, client(counter) as first:
        token = (await first.log_in(INVESTOR))["user_token"]
        await command(counter, "ufx_stop_first")
        with pytest.raises(ConnectionResetError):
            await first.read()
        await second.call(10000, [{"user_token": token}])
        await counter.control.resume()
        async with client(counter) as again:
            await again.call(10000, [{"user_token": token}])


async def test_a_new_day_forgets_tokens_and_entrusts(counter: SimulatedCounter) -> None:
    """Positions are carried; connections were cut."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        await asked.ask(91004, **order(entrust_price="3600"))
        old = asked.token
        counter.control.trading_day("20261124")
    async with client(counter) as asked:
        with pytest.raises(UfxRefusal, match=TOKEN_DEAD):
            await asked.call(10000, [{"user_token": old}])
        await asked.log_in(INVESTOR)

        assert await asked.ask(32003) == []
        assert [row["lastday_amount"] for row in await asked.ask(31003)] == ["2"]


async def test_registration_can_be_refused(counter: SimulatedCounter) -> None:
    """As a production server without our licence surely does."""
    command(counter, "ufx_refuse_registration", error=-20)
    reader, writer = await asyncio.open_connection("127.0.0.1", counter.port)
    asked = T2Client(reader, writer)

    assert await asked.register() == -20
    writer.close()


def test_the_control_socket_knows_which_arguments_are_texts() -> None:
    """Operators are digits, and texts."""
    assert texts_of("ufx_kick") == {"operator_no"}
    assert texts_of("ufx_markets") == {"account", "markets"}


async def test_rules_of_the_scenario_hold_here_too(counter: SimulatedCounter) -> None:
    """By the request of CTP that a function is at the kernel."""
    async with client(counter) as asked:
        await asked.log_in(INVESTOR)
        counter.control.refuse("ReqOrderInsert", 31, times=1)
        with pytest.raises(UfxRefusal, match="31: "):
            await asked.ask(91004, **order())
        await asked.ask(91004, **order())

    assert front(counter).tokens.alive()[0].operator_no == INVESTOR
    assert counter.control.status()["by_method"]["ReqOrderInsert"] == 2
