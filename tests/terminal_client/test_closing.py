"""A closed terminal has closed its connection, however it ended: nothing waits for the garbage collector."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Iterator

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from terminal_client import Collected, LoginRejected, NotConnected, RelayTerminal, SyncTerminal, TerminalError, Tls
from terminal_client.session import Deadlines, Status
from terminal_client.subscriptions import Subscription
from tests.e2e.site import eventually, ports_to
from tests.terminal_client.scripted_relay import AUTH_CODE, ScriptedRelay, ServedRelay

Connect = Callable[..., RelayTerminal]
End = Callable[[ScriptedRelay, Connect, Collected], Awaitable[None]]
LOGIN = ("9999", "100001", "password")
TERMINALS = 5


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def log_out(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    async with connect() as terminal:
        await terminal.login(*LOGIN, collected)


async def be_refused(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    relay.login_refusals = [pb.Rejected(source=pb.SOURCE_RELAY, reason="investor_not_accepted")]
    with pytest.raises(LoginRejected):
        async with connect() as terminal:
            await terminal.login(*LOGIN, collected)


async def get_no_answer(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    relay.silent = True
    with pytest.raises(NotConnected, match="no answer"):
        async with connect(deadlines=Deadlines(login_seconds=0.3)) as terminal:
            await terminal.login(*LOGIN, collected)


async def give_up(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    relay.silent = True
    terminal = connect()
    streams = relay.streams
    login = asyncio.ensure_future(terminal.login(*LOGIN, collected))
    await eventually("the relay has the stream", lambda: relay.streams > streams)
    login.cancel()
    await asyncio.gather(login, return_exceptions=True)
    await terminal.close()


async def be_shown_out(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    async with connect() as terminal:
        statuses = terminal.statuses()
        await terminal.login(*LOGIN, collected)
        relay.send(pb.RelayMessage(goodbye=pb.Goodbye(reason="the firm ended the session")))
        await over(statuses)


async def break_and_be_refused(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    relay.resumable = False
    async with connect() as terminal:
        statuses = terminal.statuses()
        await terminal.login(*LOGIN, collected)
        relay.break_streams()
        await over(statuses)


async def be_interrupted(relay: ScriptedRelay, connect: Connect, collected: Collected) -> None:
    terminal = connect()
    await terminal.login(*LOGIN, collected)
    relay.deaf = True
    heard = len(relay.received)
    closing = asyncio.ensure_future(terminal.close())
    await eventually("the relay has the logout", lambda: len(relay.received) > heard)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)


@pytest.mark.parametrize(
    "end",
    [log_out, be_refused, get_no_answer, give_up, be_shown_out, break_and_be_refused, be_interrupted],
    ids=lambda end: end.__name__,
)
async def test_a_closed_terminal_has_no_connection_any_more(
    relay: ScriptedRelay, connect: Connect, collected: Collected, end: End
) -> None:
    """A program that logs in and out all day would hold a connection, and the relay a descriptor, for each."""
    for _ in range(TERMINALS):
        await end(relay, connect, collected)
        relay.silent, relay.deaf, relay.resumable = False, False, True

    await closed(relay.port)


async def over(statuses: Subscription[Status]) -> None:
    """Wait until the session's end has been told."""
    with contextlib.suppress(TerminalError):
        async for _ in statuses:
            pass


async def closed(port: int) -> None:
    await eventually("no connection is left", lambda: not ports_to(port))


async def test_a_session_that_ended_by_itself_lets_go_without_being_closed(
    relay: ScriptedRelay, connect: Connect, collected: Collected
) -> None:
    """Programs forget to close what is over."""
    terminal = connect()
    statuses = terminal.statuses()
    await terminal.login(*LOGIN, collected)
    relay.send(pb.RelayMessage(goodbye=pb.Goodbye(reason="the firm ended the session")))
    await over(statuses)

    await closed(relay.port)


async def test_a_blocking_terminal_lets_go_as_well(served: ServedRelay, collected: Collected) -> None:
    """Its loop's thread ends with it."""
    served.relay.login_refusals = [pb.Rejected(source=pb.SOURCE_RELAY, reason="no")]

    def refused_and_then_in() -> None:
        options = {"app_id": "demo_terminal_1.0", "auth_code": AUTH_CODE, "tls": Tls(ca_file=served.authority)}
        refused = pytest.raises(LoginRejected)
        with refused, SyncTerminal(served.address, **options) as terminal:  # type: ignore[arg-type]
            terminal.login(*LOGIN, collected)
        with SyncTerminal(served.address, **options) as terminal:  # type: ignore[arg-type]
            terminal.login(*LOGIN, collected)

    await asyncio.to_thread(refused_and_then_in)

    await closed(served.relay.port)
