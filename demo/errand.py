"""What the terminal does once it is logged in: confirm the statement, buy one lot, look at what it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ctprelay.ctp.v1 import enums_pb2, events_pb2
from ctprelay.ctp.v1 import structs_pb2 as structs
from demo.cast import EXCHANGE_ID, INSTRUMENT_ID
from terminal_client.client import RelayTerminal
from terminal_client.order_fate import OrderFate, OrderKey
from terminal_client.subscriptions import Subscription

Say = Callable[[str], None]
STATUS_TEXT = {
    "all_traded": "全部成交",
    "unknown": "已提交",
    "no_trade_queueing": "未成交，排队中",
    "canceled": "已撤单",
}


AT_THE_OFFER = 3501.0
"""yuan; where the simulated market of this contract is offered when the day begins"""


class NothingOffered(Exception):
    """No offer in the market."""


@dataclass(frozen=True, slots=True)
class Bought:
    """What became of the order."""

    order_ref: str
    order_status: str
    """CTP's OrderStatus in words: all_traded"""
    order_sys_id: str
    trades: int
    volume: int
    """lots"""
    price: float
    """yuan; of the last trade"""


@dataclass(frozen=True, slots=True)
class Holdings:
    """The investor's account after it, in yuan and lots."""

    available: float
    margin: float
    commission: float
    position: int


async def confirm_settlement(terminal: RelayTerminal) -> str:
    """The confirmed statement's date; CTP refuses the day's first order without it."""
    reply = await terminal.requests.settlement_info_confirm(structs.SettlementInfoConfirm())
    return reply.row.confirm_date


async def best_offer(terminal: RelayTerminal) -> float:
    """The price somebody sells at now; raises NothingOffered."""
    query = structs.QryDepthMarketData(instrument_id=INSTRUMENT_ID, exchange_id=EXCHANGE_ID)
    row = (await terminal.requests.qry_depth_market_data(query)).row
    if not row.HasField("ask_price1") or not row.ask_price1:
        raise NothingOffered(f"{INSTRUMENT_ID}: no offer")
    return row.ask_price1


async def buy(terminal: RelayTerminal, price: float, say: Say) -> Bought:
    """Buy one lot to open at `price` yuan, and follow the order until nothing more happens to it."""
    async with terminal.notices() as notices:
        reply = await terminal.requests.order_insert(_order(price))
        info = terminal.info
        key = OrderKey(
            info.front_id if info else 0, info.session_id if info else 0, reply.order_ref, reply.outcome.request_id
        )
        say(f"柜台 API 返回码 return code {reply.outcome.return_code}，报单引用 order ref {reply.order_ref}")
        return await _follow(notices, OrderFate(key), say)


async def _follow(notices: Subscription[events_pb2.Event], fate: OrderFate, say: Say) -> Bought:
    trades: list[structs.Trade] = []
    order_sys_id = ""
    async for event in notices:
        if not fate.take(event):
            continue
        match event.WhichOneof("body"):
            case "rtn_order":
                order_sys_id = event.rtn_order.order_sys_id.strip()
                say(f"报单回报 order notice：{STATUS_TEXT.get(fate.state, fate.state)} {fate.state}")
            case "rtn_trade":
                trades.append(event.rtn_trade)
                say(f"成交回报 trade notice：{event.rtn_trade.volume} 手 lot @ {event.rtn_trade.price:g}")
            case _:
                say(f"错误 error {event.rsp_info.error_id}：{event.rsp_info.error_msg}")
        if fate.decided:
            break
    price = trades[-1].price if trades else 0.0
    volume = sum(trade.volume for trade in trades)
    return Bought(fate.key.order_ref, fate.state, order_sys_id, len(trades), volume, price)


async def holdings(terminal: RelayTerminal) -> Holdings:
    """Funds and position, as the counter has them."""
    account = (await terminal.requests.qry_trading_account(structs.QryTradingAccount())).row
    positions = await terminal.requests.qry_investor_position(
        structs.QryInvestorPosition(instrument_id=INSTRUMENT_ID, exchange_id=EXCHANGE_ID)
    )
    held = sum(row.position for row in positions.rows)
    return Holdings(account.available, account.curr_margin, account.commission, held)


def _order(price: float) -> structs.InputOrder:
    return structs.InputOrder(
        instrument_id=INSTRUMENT_ID,
        exchange_id=EXCHANGE_ID,
        direction=enums_pb2.DIRECTION_BUY,
        comb_offset_flag="0",
        comb_hedge_flag="1",
        order_price_type=enums_pb2.ORDER_PRICE_TYPE_LIMIT_PRICE,
        limit_price=price,
        volume_total_original=1,
        time_condition=enums_pb2.TIME_CONDITION_GFD,
        volume_condition=enums_pb2.VOLUME_CONDITION_AV,
        min_volume=1,
        contingent_condition=enums_pb2.CONTINGENT_CONDITION_IMMEDIATELY,
        force_close_reason=enums_pb2.FORCE_CLOSE_REASON_NOT_FORCE_CLOSE,
    )
