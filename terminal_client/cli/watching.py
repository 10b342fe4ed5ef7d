"""`ctp-terminal login` and `watch`: one session, and its notices as they come."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from ctprelay.ctp.v1 import events_pb2
from terminal_client.cli.output import Output
from terminal_client.cli.session import in_session, options_of
from terminal_client.client import RelayTerminal
from terminal_client.errors import SlowConsumer
from terminal_client.session import Status
from terminal_client.subscriptions import Subscription


def login(context: typer.Context) -> None:
    """登录: log in, show the session, log out."""

    async def work(terminal: RelayTerminal, output: Output) -> None:
        if terminal.info is not None:
            output.session(terminal.info)

    in_session(options_of(context), work)


def watch(
    context: typer.Context,
    live: Annotated[bool, typer.Option("--live", help="只看新的 Without the day's earlier notices")] = False,
    count: Annotated[int, typer.Option(help="个数 Stop after this many notices; 0 never")] = 0,
) -> None:
    """监视: show every notice as it comes, over reconnects, until interrupted."""

    async def work(terminal: RelayTerminal, output: Output) -> None:
        notices, statuses = terminal.notices(), terminal.statuses()
        telling = asyncio.get_running_loop().create_task(tell_statuses(statuses, output), name="tell-statuses")
        try:
            await tell_notices(notices, output, count)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    in_session(options_of(context), work, live_only=live)


async def tell_statuses(statuses: Subscription[Status], output: Output) -> None:
    async for status in statuses:
        output.status(status)


async def tell_notices(notices: Subscription[events_pb2.Event], output: Output, count: int) -> None:
    """Show `count` notices, or all there are; a gap is printed and passed over."""
    seen = 0
    while not count or seen < count:
        try:
            output.event(await anext(notices))
            seen += 1
        except SlowConsumer as gap:
            output.warning(str(gap))
        except StopAsyncIteration:
            return
