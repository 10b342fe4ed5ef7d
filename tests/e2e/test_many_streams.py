"""A client without credentials opens streams and holds them: terminals log in, and cut-off ones come back."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from relay.counter.port import Mode
from tests.e2e.broken_network import way_to
from tests.e2e.conftest import StartRelay
from tests.e2e.raw_stream import open_raw
from tests.e2e.site import INVESTORS, TERMINAL, Site, log_in, trade
from tests.e2e.test_lasting_resume import stream_is, terminal_on

pytestmark = pytest.mark.asyncio(loop_scope="session")

PER_ADDRESS = 2


async def hold(stack: contextlib.AsyncExitStack, site: Site, address: str, streams: int) -> list[asyncio.Task[bytes]]:
    """Streams from this address that say hello and nothing more; the futures are their challenges."""
    way = await stack.enter_async_context(way_to(site.relay.port, address))
    held = []
    for _ in range(streams):
        stream = await stack.enter_async_context(open_raw(way.port, site.tls.authority.read_bytes()))
        held.append(asyncio.ensure_future(stream.hello(TERMINAL)))
    return held


async def test_a_stranger_who_holds_streams_takes_nobodys_place(start_site: StartRelay) -> None:
    """He has his few, from every address he has; a terminal elsewhere logs in, one whose connection broke resumes."""
    site = await start_site(
        Mode.MANY_TO_MANY,
        listen__max_streams_without_session_per_address=PER_ADDRESS,
        listen__max_streams_without_session=2 * PER_ADDRESS,
        listen__hello_timeout_seconds=600.0,
    )
    async with contextlib.AsyncExitStack() as strangers:
        async with way_to(site.relay.port, "127.0.0.3") as way, terminal_on(way, site) as terminal:
            statuses = terminal.statuses()
            await log_in(terminal, INVESTORS[0])
            first = await hold(strangers, site, "127.0.0.2", 10)
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            async with site.logged_in(INVESTORS[1]) as other:
                await trade(other)
            second = await hold(strangers, site, "127.0.0.4", 10)
            await asyncio.wait(second, return_when=asyncio.FIRST_COMPLETED)

            await stream_is(statuses, "live")
            way.cut()
            await stream_is(statuses, "reconnecting")
            resumed = await stream_is(statuses, "live")
            await trade(terminal)

        assert resumed.reason == "resumed"
        assert not resumed.lost_history
        assert sum(challenge.done() for challenge in first) <= PER_ADDRESS
        assert sum(challenge.done() for challenge in first + second) <= 2 * PER_ADDRESS
        for challenge in first + second:
            challenge.cancel()
        await asyncio.gather(*first, *second, return_exceptions=True)
