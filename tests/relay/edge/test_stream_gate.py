"""Streams without a session: few for each address, a budget for all, and room for those who come back."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest

from relay.admission.origin.trusted_proxies import Origin
from relay.edge import stream_gate
from relay.edge.stream_gate import GateLimits, Slot, StreamGate
from tests.relay.hand_loop import HandLoop, settled

PATIENCE = 10.0
DEADLINE = 60


def at(address: str) -> Origin:
    return Origin(ipaddress.ip_address(address), 5000)


STRANGER, OFFICE, HOME = at("203.0.113.9"), at("198.51.100.7"), at("192.0.2.1")


def gate(per_address: int = 2, total: int = 5, resumable: dict[str, int] | None = None) -> StreamGate:
    return StreamGate(GateLimits(per_address, total, PATIENCE), lambda public_ip: (resumable or {}).get(public_ip, 0))


async def entered(of: StreamGate, origin: Origin) -> Slot:
    slot = await asyncio.wait_for(of.enter(origin), DEADLINE)
    assert slot is not None
    return slot


async def test_one_address_takes_its_own_slots_only() -> None:
    """However many streams it opens, others come in at once; its own further ones wait, and are refused in time."""
    loop, of = HandLoop(), gate()
    storm = [asyncio.ensure_future(of.enter(STRANGER)) for _ in range(200)]
    await settled()

    await entered(of, OFFICE)
    assert (of.held, of.waiting) == (3, 198)
    await loop.move(PATIENCE + 1)
    slots = await asyncio.gather(*storm)

    assert len([slot for slot in slots if slot is not None]) == 2
    assert (of.waiting, of.refused) == (0, 198)


async def test_a_burst_of_one_office_is_let_in_one_after_the_other() -> None:
    """In the order they came, each when one before it is logged in."""
    of, order = gate(), []

    async def log_in(number: int) -> None:
        slot = await entered(of, OFFICE)
        order.append(number)
        await asyncio.sleep(0)
        slot.leave()

    await asyncio.gather(*(log_in(number) for number in range(60)))

    assert order == list(range(60))
    assert (of.held, of.waiting, of.refused) == (0, 0, 0)


async def test_all_together_have_a_budget() -> None:
    """From many addresses the relay's room is not taken either."""
    of = gate(per_address=2, total=3)
    slots = [await entered(of, at(f"203.0.113.{number}")) for number in (1, 2, 3)]
    waits = asyncio.ensure_future(of.enter(HOME))
    await settled()
    assert not waits.done()

    slots[0].leave()
    slots[0].leave()

    assert await asyncio.wait_for(waits, DEADLINE) is not None
    assert of.held == 3


async def test_an_address_does_not_pass_its_slot_on_to_itself_while_others_have_none() -> None:
    """Many addresses with one stream each, and more that wait, would keep everybody else out."""
    of = gate(per_address=2, total=2)
    slots = [await entered(of, STRANGER), await entered(of, OFFICE)]
    again = [asyncio.ensure_future(of.enter(STRANGER)) for _ in range(3)]
    await settled()
    home = asyncio.ensure_future(of.enter(HOME))
    await settled()

    slots[0].leave()
    await settled()

    assert home.done()
    assert not any(one.done() for one in again)
    for one in again:
        one.cancel()
    await asyncio.gather(*again, return_exceptions=True)


async def test_a_session_that_waits_for_its_terminal_keeps_room_for_it() -> None:
    """Also where strangers have taken everything there is, here and elsewhere; for as many as can resume."""
    loop, of = HandLoop(), gate(per_address=1, total=2, resumable={"198.51.100.7": 1})
    await entered(of, STRANGER)
    await entered(of, HOME)

    await entered(of, OFFICE)
    second = asyncio.ensure_future(of.enter(OFFICE))
    await settled()
    assert not second.done()
    await loop.move(PATIENCE + 1)

    assert await second is None


async def test_an_ipv6_address_is_its_network() -> None:
    """One machine has all of it."""
    of = gate(per_address=2, total=10)
    for number in (1, 2):
        await entered(of, at(f"2001:db8::{number}"))
    third = asyncio.ensure_future(of.enter(at("2001:db8::3")))
    await settled()

    assert not third.done()
    await entered(of, at("2001:db8:0:1::1"))
    third.cancel()
    await asyncio.gather(third, return_exceptions=True)
    assert of.waiting == 0


async def test_a_stream_that_is_given_up_while_it_waits_takes_no_slot() -> None:
    """Not even at the moment it gets one."""
    of = gate(per_address=1)
    slot = await entered(of, OFFICE)
    waits = asyncio.ensure_future(of.enter(OFFICE))
    await settled()
    slot.leave()
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)

    assert (of.held, of.waiting) == (0, 0)
    await entered(of, OFFICE)


async def test_those_who_wait_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """More are refused at once."""
    monkeypatch.setattr(stream_gate, "MOST_WAITING", 3)
    of = gate(per_address=1)
    await entered(of, STRANGER)
    waiting = [asyncio.ensure_future(of.enter(STRANGER)) for _ in range(3)]
    await settled()

    assert await asyncio.wait_for(of.enter(STRANGER), DEADLINE) is None
    await entered(of, OFFICE)
    for wait in waiting:
        wait.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_where_all_slots_are_taken_the_fullest_address_gives_one_up() -> None:
    """Its oldest, to an address that holds fewer; that stream is ended, and its slot given back once."""
    of = gate(per_address=3, total=4)
    first = await entered(of, STRANGER)
    ended: list[str] = []
    first.on_give_way = lambda: ended.append("first")
    for origin in (STRANGER, STRANGER, HOME):
        await entered(of, origin)

    await entered(of, OFFICE)
    first.leave()

    assert ended == ["first"]
    assert (of.held, of.gave_way) == (4, 1)


async def test_no_address_gives_way_to_one_that_would_hold_as_much() -> None:
    """Two offices in the morning: each waits its turn."""
    of = gate(per_address=3, total=4)
    for origin in (STRANGER, STRANGER, OFFICE, OFFICE):
        await entered(of, origin)
    waits = asyncio.ensure_future(of.enter(OFFICE))
    await settled()

    assert not waits.done()
    assert of.gave_way == 0
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)
