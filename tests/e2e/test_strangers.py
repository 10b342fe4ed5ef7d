"""Terminals without an auth code: whatever they send, and however often, those who have one get in and they learn nothing."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from terminal_client import Collected
from tests.e2e.broken_network import Way, way_to
from tests.e2e.conftest import StartRelay
from tests.e2e.raw_stream import open_raw
from tests.e2e.secrecy import WRONG_AUTH_CODE
from tests.e2e.site import (
    AUTH_CODE,
    DISABLED_TERMINAL,
    INVESTORS,
    OTHER_MODE_TERMINAL,
    TERMINAL,
    Site,
    collect_now,
    login_message,
    trade,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
both_modes = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)


class Stranger:
    """Logs in with a wrong auth code, again and again, each time on a stream of its own."""

    def __init__(self, site: Site, way: Way, collected: Collected, app_id: str = TERMINAL) -> None:
        self._site = site
        self._way = way
        self._collected = collected
        self._app_id = app_id
        self.heard: list[str] = []

    async def try_once(self, code: str = WRONG_AUTH_CODE, **changed: str) -> None:
        async with open_raw(self._way.port, self._site.tls.authority.read_bytes()) as stream:
            challenge = await stream.hello(self._app_id)
            login = login_message(challenge, INVESTORS[0], self._collected, code)
            for name, value in changed.items():
                setattr(login, name, value)
            await stream.send(pb.TerminalMessage(login=login))
            self.heard.append((await stream.rejection()).reason)

    async def try_until(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.try_once()


async def ways(stack: AsyncExitStack, site: Site, *addresses: str) -> list[Way]:
    return [await stack.enter_async_context(way_to(site.relay.port, address)) for address in addresses]


@both_modes
async def test_wrong_proofs_lock_no_terminal_out(start_site: StartRelay, mode: Mode) -> None:
    """50 from three addresses and 25 from the honest one's own: the app id logs in from everywhere, also from there."""
    site, collected = await start_site(mode), await collect_now()
    async with AsyncExitStack() as stack:
        three = await ways(stack, site, "127.0.0.2", "127.0.0.3", "127.0.0.4")
        (home,) = await ways(stack, site, "127.0.0.1")
        strangers = [Stranger(site, three[n % 3], collected) for n in range(50)]
        strangers += [Stranger(site, home, collected) for _ in range(25)]
        await asyncio.gather(*(stranger.try_once() for stranger in strangers))
        for investor in INVESTORS[:2]:
            async with site.logged_in(investor) as terminal:
                await trade(terminal)
        async with open_raw(three[0].port, site.tls.authority.read_bytes()) as stream:
            challenge = await stream.hello(TERMINAL)
            await stream.log_in(login_message(challenge, INVESTORS[2], await collect_now()))

    assert {word for stranger in strangers for word in stranger.heard} == {"terminal_not_accepted"}
    assert sum(len(stranger.heard) for stranger in strangers) == 75


@both_modes
async def test_a_flood_of_wrong_proofs_takes_no_honest_logins_place(start_site: StartRelay, mode: Mode) -> None:
    """A relay with room for four sessions, 48 strangers at a time from four addresses: all logins of others succeed."""
    site, collected, over = await start_site(mode, sessions__max_per_process=4), await collect_now(), asyncio.Event()
    async with AsyncExitStack() as stack:
        roads = await ways(stack, site, *(f"127.0.0.{n}" for n in range(2, 6)))
        strangers = [Stranger(site, road, collected, app_id) for road in roads for app_id in (TERMINAL, "x_1.0") * 6]
        flood = [asyncio.ensure_future(stranger.try_until(over)) for stranger in strangers]
        for n in range(24):
            async with site.logged_in(INVESTORS[n % 3]) as terminal:
                await trade(terminal)
            if n >= 5 and sum(len(stranger.heard) for stranger in strangers) > 100:
                break
        over.set()
        await asyncio.gather(*flood)

    assert {word for stranger in strangers for word in stranger.heard} == {"terminal_not_accepted"}
    assert sum(len(stranger.heard) for stranger in strangers) > 100


@both_modes
async def test_a_stranger_learns_nothing_of_the_relay(start_site: StartRelay, mode: Mode) -> None:
    """Full, the wrong broker, a disabled terminal, one of the other mode, a password too long: one answer to them all.

    With the auth code each of them is said.
    """
    site, collected = await start_site(mode, sessions__max_per_process=1), await collect_now()
    asked = [
        (TERMINAL, {}, "relay_full"),
        (TERMINAL, {"broker_id": "8888"}, "wrong_broker"),
        (TERMINAL, {"password": "p" * 200}, "request_malformed"),
        (DISABLED_TERMINAL, {}, "terminal_disabled"),
        (OTHER_MODE_TERMINAL, {}, "mode_not_allowed"),
    ]
    async with site.logged_in(INVESTORS[1]), AsyncExitStack() as stack:
        (way,) = await ways(stack, site, "127.0.0.2")
        for app_id, changed, reason in asked:
            stranger = Stranger(site, way, collected, app_id)
            await stranger.try_once(**changed)
            await stranger.try_once(code=AUTH_CODE, **changed)

            assert stranger.heard == ["terminal_not_accepted", reason]
