"""`ctp-terminal order`, `cancel` and `transfer`: what moves money, told step by step."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from ctprelay.ctp.v1 import enums_pb2, events_pb2, structs_pb2
from terminal_client.cli_options import Options, secret
from terminal_client.cli_output import ExitCode, Output
from terminal_client.cli_session import in_session
from terminal_client.client import RelayTerminal
from terminal_client.order_fate import DEAD, OrderFate, OrderKey, same_ref
from terminal_client.subscriptions import Subscription


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


class Way(StrEnum):
    IN = "in"
    OUT = "out"


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
        raise typer.Exit(ExitCode.CALL_FAILED)


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
        str, typer.Option(help="报单编号 With --exchange; exactly as told, with its leading blanks")
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
        await until(notices, output, lambda notice: answers_cancel(notice, body), wait)

    in_session(options_of(context), work)


def transfer(
    context: typer.Context,
    way: Annotated[Way, typer.Argument(help="in 银行转期货 bank to futures; out 期货转银行 futures to bank")],
    amount: Annotated[float, typer.Argument(help="金额 Amount", min=0.01)],
    bank: Annotated[str, typer.Option(help="银行代码 Bank code")],
    branch: Annotated[str, typer.Option(help="分支机构 Branch")] = "0000",
    currency: Annotated[str, typer.Option(help="币种 Currency")] = "CNY",
    bank_password_file: Annotated[str, typer.Option(help="银行密码文件 File with the bank password")] = "",
    fund_password_file: Annotated[str, typer.Option(help="资金密码文件 File with the fund password")] = "",
    wait: Annotated[float, typer.Option(help="等待秒数 Seconds to wait for the bank")] = 20.0,
) -> None:
    """银期转账: move money between bank and futures account, and wait for the bank's notice."""
    options = options_of(context)
    bank_password = secret("bank_password", bank_password_file, "银行密码 Bank password") if way is Way.IN else None
    fund_password = secret("fund_password", fund_password_file, "资金密码 Fund password")
    body = structs_pb2.ReqTransfer(
        bank_id=bank,
        bank_branch_id=branch,
        currency_id=currency,
        trade_amount=amount,
        account_id=options.investor,
        bank_pass_word="" if bank_password is None else bank_password.reveal(),
        password=fund_password.reveal(),
        bank_pwd_flag=enums_pb2.PWD_FLAG_NO_CHECK if bank_password is None else enums_pb2.PWD_FLAG_BLANK_CHECK,
        secu_pwd_flag=enums_pb2.PWD_FLAG_BLANK_CHECK,
    )
    name, error = {
        Way.IN: ("from_bank_to_future_by_future", "err_rtn_bank_to_future_by_future"),
        Way.OUT: ("from_future_to_bank_by_future", "err_rtn_future_to_bank_by_future"),
    }[way]
    kinds = (f"rtn_{name}", f"rsp_{name}", error, "rsp_error")

    async def work(terminal: RelayTerminal, output: Output) -> None:
        notices = terminal.notices()
        await terminal.request(name, body)
        output.text("转账已报 Transfer sent")
        await until(notices, output, lambda notice: notice.WhichOneof("body") in kinds, wait)

    in_session(options, work)


def answers_cancel(notice: events_pb2.Event, asked: structs_pb2.InputOrderAction) -> bool:
    """Whether the notice tells what became of this cancel."""
    kind = notice.WhichOneof("body")
    if kind in ("rsp_order_action", "err_rtn_order_action", "rsp_error"):
        return True
    if kind != "rtn_order" or notice.rtn_order.order_status not in DEAD:
        return False
    order = notice.rtn_order
    if asked.order_sys_id:
        return (order.exchange_id, order.order_sys_id) == (asked.exchange_id, asked.order_sys_id)
    own = (order.front_id, order.session_id) == (asked.front_id, asked.session_id)
    return own and same_ref(order.order_ref, asked.order_ref)


async def until(
    notices: Subscription[events_pb2.Event],
    output: Output,
    wanted: Callable[[events_pb2.Event], bool],
    seconds: float,
) -> None:
    """Show notices until a wanted one came; exit code 1 for an error, or when none came in time."""
    try:
        async with asyncio.timeout(seconds):
            async for notice in notices:
                output.event(notice)
                if wanted(notice):
                    if notice.rsp_info.error_id:
                        raise typer.Exit(ExitCode.CALL_FAILED)
                    return
    except TimeoutError:
        output.warning("没有回报, 请查询 No notice came in time: query what became of it")
        raise typer.Exit(ExitCode.CALL_FAILED) from None


def options_of(context: typer.Context) -> Options:
    """The options the program was started with."""
    options = context.obj
    if not isinstance(options, Options):
        raise TypeError("started without options")
    return options
