"""`ctp-terminal order` and `cancel`: each notice about the order, until its fate is decided."""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum
from typing import Annotated

import typer

from ctprelay.ctp.v1 import enums_pb2, events_pb2, structs_pb2
from terminal_client.cli.exit_status import ExitStatus
from terminal_client.cli.output import Output
from terminal_client.cli.session import NoticeRole, in_session, options_of, until
from terminal_client.client import RelayTerminal
from terminal_client.order_fate import DEAD, OrderFate, OrderKey, same_ref


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class Offset(StrEnum):
    OPEN = "open"
    CLOSE = "close"
    CLOSE_TODAY = "close-today"
    CLOSE_YESTERDAY = "close-yesterday"


class Validity(StrEnum):
    DAY = "day"
    FAK = "fak"
    FOK = "fok"


# CTP's characters: these two fields are strings of one character per leg.
OFFSETS = {Offset.OPEN: "0", Offset.CLOSE: "1", Offset.CLOSE_TODAY: "3", Offset.CLOSE_YESTERDAY: "4"}
SPECULATION = "1"


def order(
    context: typer.Context,
    instrument: Annotated[str, typer.Argument(help="合约 Instrument, e.g. rb2701")],
    side: Annotated[Side, typer.Argument(help="买卖 buy or sell")],
    offset: Annotated[Offset, typer.Argument(help="开平 open, close, close-today, close-yesterday")],
    price: Annotated[float, typer.Argument(help="限价 Limit price; 0 is a market order 市价")],
    volume: Annotated[int, typer.Argument(help="手数 Lots", min=1)],
    exchange: Annotated[str, typer.Option(help="交易所 Exchange, e.g. SHFE")] = "",
    validity: Annotated[Validity, typer.Option(help="有效期 day, fak or fok")] = Validity.DAY,
    key: Annotated[str, typer.Option(help="幂等键 Client order key: the same key never orders twice a day")] = "",
    wait: Annotated[float, typer.Option(help="等待秒数 Seconds to wait for the order's fate")] = 10.0,
) -> None:
    """报单: insert an order and show every notice about it until its fate is decided.

    Example: ctp-terminal order rb2701 buy open 3500 2 --exchange SHFE
    """
    body = input_order(instrument, side, offset, price, volume, exchange, validity)

    async def work(terminal: RelayTerminal, output: Output) -> None:
        notices = terminal.notices()
        reply = await terminal.requests.order_insert(body, client_order_key=key)
        if terminal.info is None:
            return
        info, ref = terminal.info, reply.order_ref
        output.text(f"已报 Order sent, 报单引用 order ref {ref}")
        fate = OrderFate(OrderKey(info.front_id, info.session_id, ref, reply.outcome.request_id))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while not fate.decided:
                    notice = await anext(notices)
                    if fate.take(notice):
                        output.event(notice)
        tell(output, fate)

    in_session(options_of(context), work)


def tell(output: Output, fate: OrderFate) -> None:
    """The order's fate in one line; exit code 1 for a rejected order."""
    key = fate.key
    if output.as_json:
        output.line(
            {
                "kind": "fate",
                "state": fate.state,
                "decided": fate.decided,
                "traded": fate.traded,
                "front_id": key.front_id,
                "session_id": key.session_id,
                "order_ref": key.order_ref,
            }
        )
    else:
        name = f"{key.front_id}:{key.session_id}:{key.order_ref}"
        output.text(f"结果 Fate of {name}: {fate.state}, 成交 traded {fate.traded}", "red" if fate.rejected else "bold")
    if fate.rejected:
        raise typer.Exit(ExitStatus.CALL_FAILED)


def input_order(
    instrument: str, side: Side, offset: Offset, price: float, volume: int, exchange: str, validity: Validity
) -> structs_pb2.InputOrder:
    """The order as CTP wants it; the relay fills in who it is from."""
    day = validity is Validity.DAY and price > 0
    return structs_pb2.InputOrder(
        instrument_id=instrument,
        exchange_id=exchange,
        direction=enums_pb2.DIRECTION_BUY if side is Side.BUY else enums_pb2.DIRECTION_SELL,
        comb_offset_flag=OFFSETS[offset],
        comb_hedge_flag=SPECULATION,
        order_price_type=enums_pb2.ORDER_PRICE_TYPE_LIMIT_PRICE if price > 0 else enums_pb2.ORDER_PRICE_TYPE_ANY_PRICE,
        limit_price=price,
        volume_total_original=volume,
        # CTP: fill-and-kill and fill-or-kill are immediate-or-cancel with any or all of the volume.
        time_condition=enums_pb2.TIME_CONDITION_GFD if day else enums_pb2.TIME_CONDITION_IOC,
        volume_condition=enums_pb2.VOLUME_CONDITION_CV if validity is Validity.FOK else enums_pb2.VOLUME_CONDITION_AV,
        min_volume=1,
        contingent_condition=enums_pb2.CONTINGENT_CONDITION_IMMEDIATELY,
        force_close_reason=enums_pb2.FORCE_CLOSE_REASON_NOT_FORCE_CLOSE,
    )


def cancel(
    context: typer.Context,
    instrument: Annotated[str, typer.Argument(help="合约 Instrument")],
    order_ref: Annotated[str, typer.Option(help="报单引用 With --front and --session")] = "",
    front: Annotated[int, typer.Option(help="前置编号 front_id")] = 0,
    session: Annotated[int, typer.Option(help="会话编号 session_id")] = 0,
    exchange: Annotated[str, typer.Option(help="交易所 Exchange")] = "",
    order_sys_id: Annotated[
        str, typer.Option(help="报单编号 With --exchange; exactly as received, with its leading blanks")
    ] = "",
    wait: Annotated[float, typer.Option(help="等待秒数 Seconds to wait for the notice")] = 5.0,
) -> None:
    """撤单: cancel an order, by front:session:ref or by exchange and order_sys_id."""
    if bool(order_ref) == bool(order_sys_id and exchange):
        raise typer.BadParameter("name the order by --order-ref --front --session, or by --exchange --order-sys-id")
    body = structs_pb2.InputOrderAction(
        instrument_id=instrument,
        order_ref=order_ref,
        front_id=front,
        session_id=session,
        exchange_id=exchange,
        order_sys_id=order_sys_id,
        action_flag=enums_pb2.ACTION_FLAG_DELETE,
    )

    async def work(terminal: RelayTerminal, output: Output) -> None:
        notices = terminal.notices()
        await terminal.requests.order_action(body)
        output.text("撤单已报 Cancel sent")
        await until(notices, output, lambda notice: cancel_step(notice, body), wait)

    in_session(options_of(context), work)


def cancel_step(notice: events_pb2.Event, asked: structs_pb2.InputOrderAction) -> NoticeRole:
    kind = notice.WhichOneof("body")
    if kind in ("rsp_order_action", "err_rtn_order_action", "rsp_error"):
        return NoticeRole.LAST
    if kind != "rtn_order" or not is_order(notice.rtn_order, asked):
        return NoticeRole.NONE
    return NoticeRole.LAST if notice.rtn_order.order_status in DEAD else NoticeRole.SHOWN


def is_order(order: structs_pb2.Order, asked: structs_pb2.InputOrderAction) -> bool:
    if asked.order_sys_id:
        return (order.exchange_id, order.order_sys_id) == (asked.exchange_id, asked.order_sys_id)
    own = (order.front_id, order.session_id) == (asked.front_id, asked.session_id)
    return own and same_ref(order.order_ref, asked.order_ref)
