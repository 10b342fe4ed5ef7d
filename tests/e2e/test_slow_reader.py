"""A terminal that stops reading: cut at a bounded cost, with the reason, still there to be resumed, and no other terminal notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import pytest

from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from tests.e2e.conftest import StartRelay
from tests.e2e.order_notices import number_of, tell_orders
from tests.e2e.raw_stream import RawStream, open_raw
from tests.e2e.site import INVESTORS, TERMINAL, Site, collect_now, eventually, login_message, resume_message

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW, *OTHERS = INVESTORS
TERMINALS = 50
KEPT_BYTES = 256 * 1024
FLOOD, STEP = 15_000, 250
"""order notices to the slow terminal, about 10 MB; after each STEP of them everybody else gets one"""
END = 1_000_000
"""the notice after the resume"""
REMEMBERED_BYTES = 250
"""what the relay remembers of each state, for the day and for each session, slow or not, so that none is sent twice"""
NOISE_BYTES = 3 * 1024 * 1024
MOST_BYTES = 3 * KEPT_BYTES + 2 * FLOOD * REMEMBERED_BYTES + NOISE_BYTES
"""the journal keeps KEPT_BYTES, and what waits for a stream may be twice as much"""


async def test_a_terminal_that_stops_reading(start_site: StartRelay) -> None:
    """Fifty others get every notice in order meanwhile; the memory grows by what the settings allow; it may resume."""
    site = await start_site(
        Mode.MANY_TO_ONE,
        sessions__journal_bytes=KEPT_BYTES,
        sessions__max_per_investor=TERMINALS,
        sessions__max_per_process=TERMINALS + 1,
    )
    async with AsyncExitStack() as stack:
        others = await asyncio.gather(*(log_in(site, stack, OTHERS[n % len(OTHERS)]) for n in range(TERMINALS)))
        async with logged_in(site, SLOW) as (reads, _):
            await flood(site, [reads], [SLOW])
            await leave(reads)

        async with logged_in(site, SLOW) as (slow, welcome):
            before = site.relay.memory()  # after the login: a password check may leave its 19 MiB resident
            await flood(site, [stream for stream, _ in others], OTHERS, after=FLOOD)
            grown = site.relay.memory() - before
            await eventually("it is cut", lambda: "terminal_too_slow" in site.relay.output)
            messages, goodbye = await everything_left(slow)
        async with resumed(site, welcome.resume_token, after=messages[-1].sequence) as (back, again):
            await tell_orders(site, SLOW, [END])
            rest = await order_numbers(back, END)

    assert grown < MOST_BYTES
    assert goodbye.startswith("slow_reader")
    assert [message.sequence for message in messages] == list(range(1, len(messages) + 1))
    assert again.resumed
    assert again.lost_history
    assert rest == [*range(rest[0], 2 * FLOOD + 1), END]


async def flood(site: Site, readers: Sequence[RawStream], of: Sequence[str], after: int = 0) -> None:
    """The slow investor's notices, step by step: each step ends with one to the readers, which all of them get.

    Their numbers begin behind `after`: what the relay has passed on today, it does not pass on again.
    """
    for first in range(after + 1, after + FLOOD + 1, STEP):
        step_end = first + STEP - 1
        await tell_orders(site, SLOW, range(first, step_end + 1))
        for investor in of:
            await tell_orders(site, investor, [step_end])
        for numbers in await asyncio.gather(*(order_numbers(stream, step_end) for stream in readers)):
            assert numbers in ([step_end], list(range(first, step_end + 1)))


async def leave(stream: RawStream) -> None:
    await stream.send(pb.TerminalMessage(logout=pb.Logout()))
    await stream.receive_until("goodbye")


@asynccontextmanager
async def logged_in(site: Site, investor_id: str) -> AsyncIterator[tuple[RawStream, pb.LoggedIn]]:
    """gRPC reads ahead for a program by megabytes, unless it is set not to."""
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 64 * 1024)]
    async with open_raw(site.relay.port, site.tls.authority.read_bytes(), options) as stream:
        login = login_message(await stream.hello(TERMINAL), investor_id, await collect_now())
        login.start_from = pb.START_FROM_NOW
        yield stream, await stream.log_in(login)


async def log_in(site: Site, stack: AsyncExitStack, investor_id: str) -> tuple[RawStream, pb.LoggedIn]:
    return await stack.enter_async_context(logged_in(site, investor_id))


@asynccontextmanager
async def resumed(site: Site, token: bytes, after: int) -> AsyncIterator[tuple[RawStream, pb.LoggedIn]]:
    async with site.raw() as stream:
        await stream.send(resume_message(await stream.hello(TERMINAL), token, after))
        yield stream, await stream.receive_until("logged_in")


async def order_numbers(stream: RawStream, last: int) -> list[int]:
    """The numbers of its order notices up to `last`; its sequence has no gap."""
    numbers: list[int] = []
    sequence = 0
    while (message := await stream.receive()) is not None:
        if message.sequence:
            assert sequence in {0, message.sequence - 1}
            sequence = message.sequence
        number = number_of(message.event.rtn_order)
        if number is not None:
            numbers.append(number)
        if number == last:
            return numbers
    raise AssertionError(f"the stream ended after {numbers[-1:]}")


async def everything_left(stream: RawStream) -> tuple[list[pb.RelayMessage], str]:
    """What a terminal that reads again finds: the events that had left, and why no more come."""
    messages: list[pb.RelayMessage] = []
    try:
        while (message := await stream.receive()) is not None:
            if message.WhichOneof("body") == "goodbye":
                return messages, message.goodbye.reason
            messages.append(message)
    except grpc.aio.AioRpcError as status:
        return messages, status.details() or ""
    return messages, ""
