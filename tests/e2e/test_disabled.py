"""The firm disables an investor or a terminal that is logged in, by a command in another process."""

from __future__ import annotations

import asyncio

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from terminal_client import LoginRejected, RelayTerminal
from tests.e2e.conftest import StartPair, StartRelay
from tests.e2e.site import (
    DEADLINE_SECONDS,
    INVESTORS,
    TERMINAL,
    Site,
    buy,
    collect_now,
    eventually,
    log_in,
    login_message,
    resume_message,
    trade,
)
from tests.e2e.test_lasting_orders import slow_front

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


NEVER = {"directory__look_seconds": 3600.0}
"""the look of every few seconds is out of the way: who is ended is ended because it was said"""


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
async def test_the_command_ends_the_sessions_before_it_returns(start_site: StartRelay, mode: Mode) -> None:
    """Through the control socket of the relay of the same settings; and the terminal may not resume."""
    site = await start_site(mode, **NEVER)
    async with site.raw() as stream:
        login = login_message(await stream.hello(TERMINAL), INVESTORS[0], await collect_now())
        logged_in = await stream.log_in(login)
        await _command(site, "terminal", "disable", TERMINAL)
        goodbye = await stream.receive_until("goodbye")

    async with site.raw() as stream:
        await stream.send(resume_message(await stream.hello(TERMINAL), logged_in.resume_token))
        refusal = await stream.rejection()

    assert goodbye.kind == pb.Goodbye.KIND_DISABLED
    assert refusal.reason in {"session_gone", "terminal_disabled"}


async def test_orders_that_wait_are_not_sent_once_the_command_has_returned(start_site: StartRelay) -> None:
    """The front takes three a second, the others wait in the relay: an investor the firm has stopped trades no more."""
    site = await slow_front(start_site, Mode.MANY_TO_ONE, **NEVER)
    async with site.terminal() as stopped, site.logged_in(INVESTORS[1]) as other:
        await log_in(stopped, INVESTORS[0])
        many = [asyncio.ensure_future(stopped.request("order_insert", buy(), valid_for=20.0)) for _ in range(30)]
        await eventually("the first is at the counter", lambda: site.called("ReqOrderInsert") > 0)

        await _command(site, "investor", "disable", INVESTORS[0])
        await asyncio.gather(*many, return_exceptions=True)
        sent = site.called("ReqOrderInsert")
        for _ in range(3):  # what waited would have had its turn before or with these
            await trade(other)

    on_their_way = 3  # what the library had before the command, and the front had not
    assert site.called("ReqOrderInsert") - 3 <= sent + on_their_way < len(many) - 10


async def test_every_process_of_the_firm_hears_of_it(start_pair: StartPair, postgres_url: str) -> None:
    """PostgreSQL says it to all who listen, whatever machine the command was typed on."""
    pair = await start_pair(Mode.MANY_TO_ONE, postgres_url, **NEVER)
    async with (
        pair[0].logged_in(INVESTORS[0]) as here,
        pair[1].logged_in(INVESTORS[0]) as there,
        pair[1].logged_in(INVESTORS[1]) as staying,
    ):
        ends = [asyncio.ensure_future(_end(terminal)) for terminal in (here, there)]
        await _command(pair[0], "investor", "disable", INVESTORS[0])
        reasons = await asyncio.gather(*ends)

        assert ["investor_disabled" in reason for reason in reasons] == [True, True]
        assert (await trade(staying)).investor_id == INVESTORS[1]


async def test_without_a_relay_there_is_nothing_to_tell(start_site: StartRelay) -> None:
    """The command changes the directory all the same, and complains of nothing."""
    site = await start_site(Mode.MANY_TO_ONE)
    await site.relay.stop()

    done = await asyncio.to_thread(site.relay.command, "investor", "disable", INVESTORS[0])

    assert (done.returncode, done.stderr) == (0, "")


async def _command(site: Site, *arguments: str) -> None:
    done = await asyncio.to_thread(site.relay.command, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
