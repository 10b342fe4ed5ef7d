"""A terminal's day at a simulated UFX, through the relay and Hundsun's own client library; in both modes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ctprelay.ctp.v1 import enums_pb2 as enums
from ctprelay.ctp.v1 import structs_pb2 as ctp
from relay.counter.port import Mode
from simcounter import demo_accounts
from terminal_client import LoginRejected, RelayTerminal
from terminal_client.collectors import collectors_of
from terminal_client.errors import CallRefused
from tests.e2e.relay_process import TlsFiles
from tests.e2e.secrecy import leaks
from tests.e2e.site import (
    BROKER,
    INVESTORS,
    TERMINAL,
    WILL_FILL,
    WILL_REST,
    Site,
    buy,
    collect_now,
    counter_state,
    eventually,
    first,
    log_in,
    trade,
)
from tests.e2e.ufx_site import ufx_site
from tests.t2sdk import library_path

pytestmark = pytest.mark.asyncio(loop_scope="session")
ONE, TWO, THREE = INVESTORS[:3]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ufx(mode: Mode, tls: TlsFiles, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """One UFX counter and relay for all tests of a mode."""
    async with ufx_site(mode, tls, tmp_path_factory.mktemp("ufx")) as site:
        yield site
        assert leaks(site.relay) == []


def command(site: Site, name: str, **arguments: Any) -> Any:
    return site.counter.control.commands()[name](**arguments)


def operator_of(site: Site, investor_id: str) -> str:
    return investor_id if site.mode is Mode.MANY_TO_MANY else demo_accounts.OPERATOR_ID


async def test_the_terminals_information_is_in_the_login(ufx: Site) -> None:
    """A row for each collector, byte for byte, Hundsun's own included; from where, and as which terminal."""
    collected = await collect_now()
    hundsun = library_path().with_name("libHsFutuSystemInfo.so")
    async with ufx.terminal() as terminal:
        info = await terminal.login(
            BROKER, ONE, demo_accounts.password_of(ONE), collected, collectors=collectors_of([f"hundsun={hundsun}"])
        )
        login = command(ufx, "ufx_logins")[-1]

    rows = {row["counter_id"]: row for row in login["counters"]}
    assert base64.b64decode(rows["1"]["terminal_no"]) == collected.system_info
    assert len(rows["2"]["terminal_no"]) > 400
    assert rows["2"]["service_errcode"] in {"", "3"}, "3: not all of a machine without dmidecode"
    assert login["operator_no"] == operator_of(ufx, ONE)
    assert (login["fields"]["ip_address"], login["fields"]["app_id"]) == ("127.0.0.1", TERMINAL)
    assert int(login["fields"]["port_id"]) > 0
    assert info.counter is not None
    assert (info.counter.system, info.system_name) == ("ufx", "UFX")
    assert {one.code for one in info.counter.exchanges} == {"SHFE", "CZCE", "CFFEX", "DCE"}


async def test_the_ledger_has_the_report_before_the_login(ufx: Site) -> None:
    """With the collector's bytes; of the token its SHA-256 alone."""
    collected = await collect_now()
    async with ufx.logged_in(TWO, collected):
        token = ufx.counter.other.tokens.alive()[-1].value  # type: ignore[union-attr]
        entries = [entry for entry in ufx.relay.ledger() if entry.data.get("call") == "10001"]

    report, result, answer = entries[-3:]
    assert [entry.kind for entry in (report, result, answer)] == [
        "terminal_report",
        "terminal_report_result",
        "counter_login_answer",
    ]
    assert report.data["system_info"] == base64.b64encode(collected.system_info).decode()
    assert report.data["counter_ids"] == ["1"]
    assert answer.data["grant_sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str([entry.data for entry in ufx.relay.ledger()])


async def test_an_order_trades_rests_and_is_canceled(ufx: Site) -> None:
    """Notices in CTP's words under the terminal's own reference; queries say the same."""
    async with ufx.logged_in(ONE) as terminal:
        await trade(terminal)
        orders = terminal.orders()
        reply = await terminal.requests.order_insert(buy(WILL_REST, 2))
        resting = await first(orders, lambda o: o.order_ref.strip() == reply.order_ref and o.order_sys_id != "")
        await terminal.requests.order_action(
            ctp.InputOrderAction(
                exchange_id="SHFE", order_sys_id=resting.order_sys_id, action_flag=enums.ACTION_FLAG_DELETE
            )
        )
        canceled = await first(orders, lambda o: o.order_status == enums.ORDER_STATUS_CANCELED)
        positions = await terminal.requests.qry_investor_position(ctp.QryInvestorPosition())
        funds = await terminal.requests.qry_trading_account(ctp.QryTradingAccount())
        found = await terminal.requests.qry_order(ctp.QryOrder())
        trades = await terminal.requests.qry_trade(ctp.QryTrade())

    assert canceled.order_sys_id == resting.order_sys_id
    held = [row for row in positions.rows if row.instrument_id == "rb2701" and row.position]
    assert sum(row.position for row in held) >= 1
    portfolio = ufx.counter.kernel.desk.portfolios[ONE]
    assert funds.rows[0].curr_margin == pytest.approx(portfolio.margin)
    assert canceled.order_sys_id in {row.order_sys_id for row in found.rows}
    assert {row.order_ref for row in trades.rows} >= {"1"}


async def test_what_ufx_has_no_word_for_is_refused(ufx: Site) -> None:
    """By the relay, by name: another kind of price, close today, a request that is not translated, another's account."""
    async with ufx.logged_in(ONE) as terminal:
        before = ufx.called("ReqOrderInsert")
        market = buy()
        market.order_price_type = enums.ORDER_PRICE_TYPE_ANY_PRICE
        close_today = buy()
        close_today.comb_offset_flag = "3"
        elsewhere = buy()
        elsewhere.exchange_id = "INE"
        for order in (market, close_today, elsewhere):
            with pytest.raises(CallRefused) as refused:
                await terminal.requests.order_insert(order)
            assert refused.value.refusal.reason == "value_not_offered_by_counter"
        other = buy()
        other.investor_id = TWO
        with pytest.raises(CallRefused):
            await terminal.requests.order_insert(other)
        with pytest.raises(CallRefused) as refused:
            await terminal.requests.qry_instrument(ctp.QryInstrument())

    assert refused.value.refusal.reason == "not_offered_by_counter"
    assert ufx.called("ReqOrderInsert") == before


async def test_a_broken_connection_comes_back(ufx: Site) -> None:
    """Recovering, a new login with the same information, live; what traded meanwhile is told once."""
    async with ufx.logged_in(TWO) as terminal:
        statuses, trades = terminal.statuses(), terminal.trades()
        reply = await terminal.requests.order_insert(buy(WILL_REST - 5))
        await eventually("the order rests", lambda: rests(ufx, TWO))
        sent = ufx.called("ReqOrderInsert")
        command(ufx, "drop")
        await counter_state(statuses, "recovering")
        ufx.counter.control.move_market("rb2701", WILL_REST - 6)
        await counter_state(statuses, "live")
        done = await first(trades, lambda item: item.order_ref.strip() == reply.order_ref)
        ufx.counter.control.move_market("rb2701", WILL_FILL - 1)
        again = await trade(terminal)

    logins = [login for login in command(ufx, "ufx_logins") if login["counters"]]
    assert done.price == WILL_REST - 5
    assert again.order_ref.strip() != done.order_ref.strip()
    assert ufx.called("ReqOrderInsert") == sent + 1, "never sent again"
    assert logins[-1]["counters"] == logins[-2]["counters"]


def rests(site: Site, investor_id: str) -> bool:
    orders = site.counter.kernel.desk.orders.values()
    return any(order.investor_id == investor_id and order.resting is not None for order in orders)


async def test_a_dead_token_is_replaced_by_one_login(ufx: Site) -> None:
    """The order that finds it out is refused and not sent again; then recovering, live, and trading."""
    async with ufx.logged_in(ONE) as terminal:
        statuses = terminal.statuses()
        logins = len(command(ufx, "ufx_logins"))
        command(ufx, "ufx_end_tokens", operator_no=operator_of(ufx, ONE))
        with pytest.raises(Exception, match="1901"):
            await answered(terminal)
        await counter_state(statuses, "live")
        await trade(terminal)

    assert len(command(ufx, "ufx_logins")) == logins + 1


async def answered(terminal: RelayTerminal) -> None:
    """A query that the counter refuses."""
    reply = await terminal.requests.qry_trading_account(ctp.QryTradingAccount())
    raise AssertionError(f"it was answered: {reply.rows}")


async def test_a_kicked_topic_is_subscribed_again(ufx: Site) -> None:
    """And the day is read again, so that nothing is missed."""
    async with ufx.logged_in(ONE) as terminal:
        operator = operator_of(ufx, ONE)
        command(ufx, "ufx_kick", operator_no=operator)
        await eventually("it is subscribed again", lambda: operator in command(ufx, "ufx_status")["subscriptions"])
        await trade(terminal)


async def test_pushes_before_answers_twice_and_out_of_order_are_told_once(ufx: Site) -> None:
    """Each trade once, behind its order."""
    async with ufx.logged_in(THREE) as terminal:
        command(ufx, "ufx_pushes_first")
        command(ufx, "ufx_duplicate", function=620706, times=0)
        trades = terminal.trades()
        try:
            reply = await terminal.requests.order_insert(buy())
            one = await first(trades, lambda item: item.order_ref.strip() == reply.order_ref)
            command(ufx, "ufx_clear")
            two = await trade(terminal)
        finally:
            command(ufx, "ufx_clear")
        told = await terminal.requests.qry_trade(ctp.QryTrade())

    assert one.trade_id != two.trade_id
    assert len(told.rows) == 2


async def test_logins_are_refused(ufx: Site) -> None:
    """A wrong password in the counter's own words, no account, a topic that it does not give; none leaves a token."""
    tokens = len(command(ufx, "ufx_status")["tokens"])
    if ufx.mode is Mode.MANY_TO_MANY:
        async with ufx.terminal() as terminal:
            with pytest.raises(LoginRejected) as refused:
                await terminal.login(BROKER, ONE, "wrong", await collect_now())
        assert refused.value.refusal.source == "counter"
        assert "[3]" in refused.value.refusal.message
    command(ufx, "ufx_table", function=30001, row={"ErrorCode": "0"})
    async with ufx.terminal() as terminal:
        with pytest.raises(LoginRejected) as refused:
            await log_in(terminal, ONE)
    assert refused.value.reason == "account_not_at_counter"
    command(ufx, "ufx_refuse_topic", error=-1002)
    async with ufx.terminal() as terminal:
        with pytest.raises(LoginRejected) as refused:
            await log_in(terminal, ONE)
    command(ufx, "ufx_refuse_topic", error=0)

    assert "ufx_topic" in refused.value.refusal.message
    await eventually("no token is left", lambda: len(command(ufx, "ufx_status")["tokens"]) == tokens)
