"""`ctp-terminal query` and the questions asked most: account, positions, orders, trades, settlement."""

from __future__ import annotations

from typing import Annotated

import typer
from google.protobuf.message import Message

from ctpabi.codec.text import joined
from ctprelay.ctp.v1 import structs_pb2
from terminal_client.cli.output import Output, reporting
from terminal_client.cli.session import in_session, options_of
from terminal_client.client import RelayTerminal
from terminal_client.messages_text import fill, find_request, from_json

Fields = Annotated[list[str] | None, typer.Argument(help="field=value …, e.g. instrument_id=rb2701")]


def ask(
    context: typer.Context,
    name: str,
    fields: list[str] | None,
    json_body: str = "",
    *,
    query: bool = False,
    fresh: bool = False,
) -> None:
    """Send one request built from words or JSON and show its rows."""
    with reporting():
        method = find_request(name, query=query)
        body: Message = getattr(structs_pb2, method.struct)()
        if json_body:
            from_json(body, json_body)
        fill(body, fields or ())

    async def work(terminal: RelayTerminal, output: Output) -> None:
        reply = await terminal.request(method.proto_name, body, fresh=fresh)
        output.rows(reply.rows, method.proto_name)

    in_session(options_of(context), work)


def query(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="查询名 instrument, qry_instrument or ReqQryInstrument")],
    fields: Fields = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="重新查询 Ask the counter, not the relay's memory")] = False,
) -> None:
    """查询: any of the counter's queries.

    Example: ctp-terminal query instrument exchange_id=SHFE product_id=rb
    """
    ask(context, name, fields, query=True, fresh=fresh)


def call(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="请求名 e.g. parked_order_insert or ReqParkedOrderInsert")],
    body: Annotated[str, typer.Argument(help="JSON object with the request's fields")] = "{}",
) -> None:
    """任意请求: any of the counter's requests, its fields as JSON."""
    ask(context, name, None, body)


def account(context: typer.Context, fields: Fields = None) -> None:
    """资金: the trading account."""
    ask(context, "qry_trading_account", fields)


def positions(context: typer.Context, fields: Fields = None) -> None:
    """持仓: the positions."""
    ask(context, "qry_investor_position", fields)


def orders(context: typer.Context, fields: Fields = None) -> None:
    """报单: the day's orders."""
    ask(context, "qry_order", fields)


def trades(context: typer.Context, fields: Fields = None) -> None:
    """成交: the day's trades."""
    ask(context, "qry_trade", fields)


def settlement(
    context: typer.Context,
    day: Annotated[str, typer.Option(help="交易日 Trading day YYYYMMDD; empty is the last one")] = "",
    confirm: Annotated[bool, typer.Option("--confirm", help="确认 Confirm it afterwards")] = False,
) -> None:
    """结算单: show the settlement statement, and confirm it where asked."""

    async def work(terminal: RelayTerminal, output: Output) -> None:
        reply = await terminal.requests.qry_settlement_info(structs_pb2.QrySettlementInfo(trading_day=day))
        output.document("settlement", statement(reply.rows), "无结算单 No statement")
        if confirm:
            confirmed = await terminal.requests.settlement_info_confirm(structs_pb2.SettlementInfoConfirm())
            output.rows(confirmed.rows, "settlement_info_confirm")

    in_session(options_of(context), work)


def notice(context: typer.Context) -> None:
    """客户通知: what the firm tells its customers."""

    async def work(terminal: RelayTerminal, output: Output) -> None:
        reply = await terminal.requests.qry_notice(structs_pb2.QryNotice())
        output.document("notice", joined(row.content for row in reply.rows), "无通知 No notice")

    in_session(options_of(context), work)


def statement(rows: tuple[structs_pb2.SettlementInfo, ...]) -> str:
    return joined(row.content for row in sorted(rows, key=lambda row: row.sequence_no))
