"""One interface, two roads: what arrives, in which order, and what happens at the limit, is the same on both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ctpabi.api.inbox import Inbox
from ctpabi.api.native_inbox import NativeInbox, event_inbox
from ctpabi.api.spi import RawEvent
from ctpabi.catalog import Callback, Shape
from ctpabi.catalog.data import load_catalog
from ctpabi.native.events import NativeEvents
from tests.ctpabi.native_library import native_events

CATALOG = load_catalog()
RSP_INFO = (31).to_bytes(4, "little") + "资金不足".encode("gb18030").ljust(CATALOG.structs["RspInfo"].size - 4, b"\0")
OnBurst = Callable[[list[RawEvent]], None]
NewInbox = Callable[[OnBurst, int], Inbox[RawEvent] | NativeInbox]


@pytest.fixture(params=["python", "native"])
def new_inbox(request: pytest.FixtureRequest) -> NewInbox:
    native: NativeEvents | None = native_events(CATALOG) if request.param == "native" else None
    return lambda on_burst, limit: event_inbox(asyncio.get_running_loop(), on_burst, limit, native=native)


def order(number: int) -> RawEvent:
    body = number.to_bytes(8, "little").ljust(CATALOG.structs["Order"].size, b"\x01")
    return RawEvent(CATALOG.callbacks["OnRtnOrder"], body, None)


def everything(callback: Callback) -> list[RawEvent]:
    """What the API may say by this callback."""
    body = bytes(range(256)) * 64
    body = body[: CATALOG.structs[callback.struct].size] if callback.struct else b""
    match callback.shape:
        case Shape.RESPONSE:
            return [
                RawEvent(callback, body, RSP_INFO, 2**31 - 1, is_last=False),
                RawEvent(callback, body, None, -7, is_last=True),
                RawEvent(callback, None, RSP_INFO, 0, is_last=True),
                RawEvent(callback, None, None, 1, is_last=False),
            ]
        case Shape.RESPONSE_ERROR:
            return [RawEvent(callback, None, RSP_INFO, 5, is_last=False), RawEvent(callback, None, None, 6)]
        case Shape.ERROR_NOTICE:
            return [RawEvent(callback, body, RSP_INFO), RawEvent(callback, None, None)]
        case Shape.NOTICE:
            return [RawEvent(callback, body, None), RawEvent(callback, None, None)]
        case _ if callback.name == "OnFrontConnected":
            return [RawEvent(callback, None, None)]
        case _:
            return [RawEvent(callback, None, None, reason=0x1001), RawEvent(callback, None, None, reason=-1)]


async def arrived(taken: list[RawEvent], count: int) -> None:
    async with asyncio.timeout(20):
        while len(taken) < count:  # noqa: ASYNC110 - both roads are waited for in the same way
            await asyncio.sleep(0)


async def test_every_callback_arrives_as_it_came(new_inbox: NewInbox) -> None:
    """Every slot of the catalog, with struct and without, with an error and without; equal to what Python's road gives."""
    taken: list[RawEvent] = []
    inbox = new_inbox(taken.extend, 100_000)
    put = [event for callback in CATALOG.callbacks.values() for event in everything(callback)]

    for event in put:
        inbox.put(event)
    await arrived(taken, len(put))
    inbox.close()

    assert taken == put
    assert [event.error for event in taken] == [event.error for event in put]
    assert {type(event) for event in taken} == {RawEvent}


async def test_everything_a_foreign_thread_puts_arrives_in_order(new_inbox: NewInbox) -> None:
    """However the loop and the thread interleave."""
    taken: list[RawEvent] = []
    inbox = new_inbox(taken.extend, 1_000_000)
    put = [order(number) for number in range(5_000)]

    def foreign() -> None:
        for event in put:
            inbox.put(event)

    await asyncio.to_thread(foreign)
    await arrived(taken, len(put))
    inbox.close()

    assert taken == put
    assert not inbox.overflowed


async def test_a_burst_is_passed_on_as_one(new_inbox: NewInbox) -> None:
    """One wake-up, however many came."""
    bursts: list[list[RawEvent]] = []
    inbox = new_inbox(bursts.append, 100)
    put = [order(number) for number in range(10)]

    for event in put:
        inbox.put(event)
    async with asyncio.timeout(20):
        while not bursts:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0)
    inbox.close()

    assert bursts == [put]


async def test_more_than_the_limit_is_dropped_and_said(new_inbox: NewInbox) -> None:
    """Memory is bounded; the session knows that it must be renewed, also where the loop reads on afterwards."""
    taken: list[RawEvent] = []
    inbox = new_inbox(taken.extend, 3)
    put = [order(number) for number in range(5)]

    for event in put:
        inbox.put(event)
    await arrived(taken, 3)
    inbox.put(put[4])
    await arrived(taken, 4)
    inbox.close()

    assert taken == [*put[:3], put[4]]
    assert inbox.overflowed


async def test_after_close_nothing_is_passed_on(new_inbox: NewInbox) -> None:
    """The instance is gone; what its thread said last is nobody's."""
    taken: list[RawEvent] = []
    inbox = new_inbox(taken.extend, 10)

    inbox.put(order(1))
    inbox.close()
    inbox.close()
    for _ in range(5):
        await asyncio.sleep(0)

    assert taken == []


async def test_a_struct_of_another_size_is_not_taken() -> None:
    """The native Spi reads as many bytes as the catalog says."""
    inbox = event_inbox(asyncio.get_running_loop(), lambda _: None, 10, native=native_events(CATALOG))

    with pytest.raises(ValueError, match="872 bytes, not 871"):
        inbox.put(RawEvent(CATALOG.callbacks["OnRtnOrder"], bytes(871), None))
    inbox.close()


def descriptors() -> set[str]:
    return {one.name for one in Path("/proc/self/fd").iterdir()}


async def test_a_closed_inbox_holds_no_descriptor(new_inbox: NewInbox) -> None:
    """Logins that fail leave inboxes to the garbage collector, which may come late; descriptors are few."""
    before = descriptors()
    inboxes = [new_inbox(lambda _: None, 10) for _ in range(3)]

    for inbox in inboxes:
        inbox.close()
        inbox.close()
        inbox.put(order(1))  # as a thread does that was in the middle of a callback

    assert descriptors() == before
