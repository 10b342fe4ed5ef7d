"""What the values are, through relay, binding and counter: Chinese text, statements, prices without a value, retries."""

from __future__ import annotations

import pytest

from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from simcounter.errors_text import ErrorId, text_of
from terminal_client import CounterRejected
from terminal_client.cli.queries import statement
from tests.contract.watched import CATALOG, Watched
from tests.e2e.site import INVESTORS, WECHAT_TERMINAL, WILL_REST, Site, buy, collect_now, first, login_message

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_chinese_text_goes_out_and_comes_back(watched: Watched) -> None:
    """GB18030 at the counter, Unicode at the terminal; also characters that GB2312 does not have."""
    unit = "镕㐀组合"
    memo = "夜盘套利" if CATALOG.structs["InputOrder"].has("OrderMemo") else ""
    order = buy(WILL_REST)
    order.order_memo, order.business_unit = memo, unit
    orders = watched.terminal.orders()

    reply = await watched.terminal.requests.order_insert(order)

    def is_mine(item: ctp.Order) -> bool:
        return item.order_ref.strip() == reply.order_ref.strip()

    shown = await first(orders, is_mine)
    orders.close()
    (row,) = filter(is_mine, (await watched.terminal.requests.qry_order(ctp.QryOrder())).rows)
    assert (shown.order_memo, shown.business_unit) == (memo, unit)
    assert (row.order_memo, row.business_unit) == (memo, unit)
    known = watched.site.counter.kernel.desk.orders
    body = bytes(known[max(known)].body)
    assert all(text.encode("gb18030") in body for text in (memo, unit))


async def test_an_error_is_told_in_chinese(watched: Watched) -> None:
    """CTP's own text for the ErrorID."""
    body = ctp.QryMaxOrderVolume(instrument_id="nothing")

    with pytest.raises(CounterRejected) as caught:
        await watched.terminal.requests.qry_max_order_volume(body)

    assert (caught.value.error_id, caught.value.text) == (ErrorId.NO_PRIVILEGE, text_of(ErrorId.NO_PRIVILEGE))
    assert not caught.value.text.isascii()


async def test_a_statement_is_joined_before_it_is_read(watched: Watched) -> None:
    """Its pieces are cut every 500 bytes, inside a character too: only together they are text."""
    rows = (await watched.terminal.requests.qry_settlement_info(ctp.QrySettlementInfo())).rows

    broken = [row.sequence_no for row in rows if "\ufffd" in row.content.decode("gb18030", errors="replace")]
    text = statement(rows)
    assert len(rows) > 1
    assert broken
    assert "交易结算单(盯市)" in text
    assert text.rstrip().endswith("否则视为确认。")
    assert "\ufffd" not in text


async def test_a_price_without_a_value_is_absent(watched: Watched) -> None:
    """CTP's DBL_MAX is no number for the terminal; a real price is there."""
    body = ctp.QryDepthMarketData(instrument_id="au2702")

    (row,) = (await watched.terminal.requests.qry_depth_market_data(body)).rows

    assert not row.HasField("close_price")
    assert not row.HasField("settlement_price")
    assert row.HasField("pre_settlement_price")
    assert 0 < row.pre_settlement_price < 1e6


async def test_an_answer_without_rows_is_no_error(watched: Watched) -> None:
    """This instrument has no trades."""
    reply = await watched.terminal.requests.qry_trade(ctp.QryTrade(instrument_id="nr2702"))

    assert reply.rows == ()


async def test_a_query_to_be_retried_is_retried_by_the_relay(watched: Watched) -> None:
    """OnRspError 90, 查询未就绪: the terminal sees nothing of it but the answer."""
    method = CATALOG.methods["ReqQryTradingAccount"]
    watched.site.counter.control.answer(method.name, "OnRspError", error_id=ErrorId.NEED_RETRY, times=2)

    done = await watched.exchange(method, ctp.QryTradingAccount())

    assert done.callbacks == ["OnRspQryTradingAccount"]
    assert len(done.heard) == 3


async def test_a_query_that_is_never_ready_is_given_up_and_told(watched: Watched) -> None:
    """When its time allows no further try, the terminal gets the counter's own answer."""
    method = CATALOG.methods["ReqQryTradingAccount"]
    watched.site.counter.control.answer(method.name, "OnRspError", error_id=ErrorId.NEED_RETRY, times=0)

    done = await watched.exchange(method, ctp.QryTradingAccount())

    assert (done.callbacks, done.error_id) == (["OnRspError"], ErrorId.NEED_RETRY)
    assert len(done.heard) > 1


async def test_an_order_is_never_retried(watched: Watched) -> None:
    """Whatever the counter says to it."""
    method = CATALOG.methods["ReqOrderInsert"]
    watched.site.counter.control.answer(method.name, "OnRspError", error_id=ErrorId.NEED_RETRY, times=0)

    done = await watched.exchange(method, buy(WILL_REST))

    assert (done.callbacks, len(done.heard)) == (["OnRspError"], 1)


@pytest.mark.skipif(
    "RegisterWechatUserSystemInfo" not in CATALOG.methods,
    reason="this binding has no such report; tests/e2e/test_other_binding.py sees it refused",
)
async def test_a_wechat_terminal_is_reported_with_its_own_call(site: Site) -> None:
    """RegisterWechatUserSystemInfo or SubmitWechatUserSystemInfo, with the same bytes; then it is logged in."""
    investor, collected = INVESTORS[2], await collect_now()
    async with site.raw() as stream:
        login = login_message(await stream.hello(WECHAT_TERMINAL), investor, collected)
        login.report_kind = pb.REPORT_KIND_WECHAT
        answer = await stream.log_in(login)
        stored = site.counter.tmdb.reports(user_id=investor)[-1]

    assert answer.trading_day
    assert stored.inner_info == collected.system_info
    assert stored.kind == ("register" if site.mode is Mode.MANY_TO_MANY else "submit")
    entry = [e for e in site.relay.ledger() if e.kind == "terminal_report"][-1]
    assert entry.data["wechat"] is True
