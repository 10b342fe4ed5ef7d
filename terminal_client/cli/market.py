"""`ctp-terminal market`: ticks as they come, a table for people and a line for each for programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table

from ctpabi.outside_text import shown
from ctprelay.ctp.v1.structs_pb2 import DepthMarketData
from terminal_client.cli.exit_status import ExitStatus
from terminal_client.cli.output import Output
from terminal_client.cli.session import in_session, options_of
from terminal_client.client import RelayTerminal
from terminal_client.market.market_data import MarketData
from terminal_client.market.ticks import Tick, TickReader
from terminal_client.messages_text import cell, to_dict
from terminal_client.session import Status
from terminal_client.subscriptions import Subscription

_COLUMNS = (
    ("instrument_id", "合约 instrument"),
    ("last_price", "最新价 last"),
    ("volume", "成交量 volume"),
    ("bid_price1", "买价 bid"),
    ("bid_volume1", "买量"),
    ("ask_price1", "卖价 ask"),
    ("ask_volume1", "卖量"),
    ("open_interest", "持仓量 open interest"),
    ("update_time", "时间 time"),
)


def market(
    context: typer.Context,
    instruments: Annotated[list[str], typer.Argument(help="合约 e.g. rb2701 IF2612")],
    count: Annotated[int, typer.Option(help="个数 Stop after this many ticks; 0 never")] = 0,
) -> None:
    """行情: show the ticks of these instruments as they come, over reconnects, until interrupted."""

    async def work(terminal: RelayTerminal, output: Output) -> None:
        data = terminal.market_data()
        ticks, statuses = data.ticks(), data.statuses()
        telling = asyncio.get_running_loop().create_task(_tell(statuses, output), name="tell-market-data")
        try:
            await _subscribe(data, instruments, output)
            await (_lines(ticks, output, count) if output.as_json else _table(ticks, count))
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    in_session(options_of(context), work)


async def _subscribe(data: MarketData, instruments: list[str], output: Output) -> None:
    refused = await data.subscribe(instruments)
    for name, why in refused.items():
        output.warning(f"{name}: {why}")
    if len(refused) == len(set(instruments)):
        raise typer.Exit(ExitStatus.CALL_FAILED)


async def _tell(statuses: Subscription[Status], output: Output) -> None:
    async for status in statuses:
        if output.as_json or status.state != "live":
            output.status(status)


async def _lines(ticks: TickReader, output: Output, count: int) -> None:
    seen = 0
    async for tick in ticks:
        body = to_dict(tick.depth)
        output.line({"kind": "tick", "snapshot": tick.is_snapshot, "passed_over": tick.passed_over, "body": body})
        seen += 1
        if seen == count:
            return


async def _table(ticks: TickReader, count: int) -> None:
    newest: dict[str, DepthMarketData] = {}
    seen = 0
    with Live(_picture(newest), auto_refresh=False) as live:
        async for tick in _bursts(ticks):
            for one in tick:
                newest[one.instrument_id] = one.depth
            seen += len(tick)
            live.update(_picture(newest), refresh=True)
            if count and seen >= count:
                return


async def _bursts(ticks: TickReader) -> AsyncIterator[list[Tick]]:
    while True:
        try:
            yield await ticks.burst()
        except StopAsyncIteration:
            return


def _picture(newest: dict[str, DepthMarketData]) -> Table:
    table = Table()
    for name, title in _COLUMNS:
        table.add_column(title, justify="left" if name == "instrument_id" else "right")
    for depth in newest.values():
        table.add_row(*(shown(cell(depth, name)) for name, _ in _COLUMNS))
    return table
