"""The firm disables an investor or a terminal that is logged in, by a command in another process."""

from __future__ import annotations

import asyncio

import pytest

from relay.counter.port import Mode
from terminal_client import LoginRejected, RelayTerminal
from tests.e2e.conftest import StartRelay
from tests.e2e.site import DEADLINE_SECONDS, INVESTORS, TERMINAL, log_in, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_who_is_disabled_is_shown_out_within_seconds(start_site: StartRelay) -> None:
    """Each gets the reason and may not come back; the others trade on."""
    site = await start_site(Mode.MANY_TO_ONE)
    async with site.logged_in(INVESTORS[0]) as shut_out, site.logged_in(INVESTORS[1]) as staying:
        ends = [asyncio.ensure_future(_end(terminal)) for terminal in (shut_out, staying)]
        await asyncio.to_thread(site.relay.command, "investor", "disable", INVESTORS[0])
        investor_told = await ends[0]
        await trade(staying)
        await asyncio.to_thread(site.relay.command, "terminal", "disable", TERMINAL)
        terminal_told = await ends[1]
        async with site.terminal() as newcomer:
            with pytest.raises(LoginRejected) as refused:
                await log_in(newcomer, INVESTORS[1])

    ended = [entry.data["reason"] for entry in site.relay.ledger() if entry.kind == "terminal_logout"]
    assert [reason.partition(":")[0] for reason in ended] == ["investor_disabled", "terminal_disabled"]
    assert ended[0] in investor_told
    assert ended[1] in terminal_told
    assert refused.value.reason == "terminal_disabled"


async def _end(terminal: RelayTerminal) -> str:
    """The reason the terminal is sent when its session with the relay ends."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for status in terminal.statuses():
            if (status.of, status.state) == ("relay", "ended"):
                return status.reason
    raise AssertionError("the terminal heard nothing")
