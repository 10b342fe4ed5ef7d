"""Many cheap terminals behind one way: each logs in, reads, and comes back by itself; they order nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import grpc

from ctprelay.v1 import terminal_pb2 as pb
from tests.chaos.records import LoggedIn, TerminalRecord
from tests.e2e.broken_network import Way
from tests.e2e.raw_stream import RawStream, open_raw
from tests.e2e.site import INVESTORS, TERMINAL, collect_now, login_message, resume_message

_OPTIONS = (("grpc.use_local_subchannel_pool", 1),)
_AT_ONCE = 20
"""of them are between their connection and their session; the others come right behind"""
_AGAIN_SECONDS = 0.5


@dataclass(eq=False)
class IdleTerminal:
    """One of them."""

    record: TerminalRecord
    dice: random.Random
    is_live: bool = False
    token: bytes = b""


@dataclass
class Crowd:
    """All of them; `authority` is the PEM certificate they trust."""

    way: Way
    authority: bytes
    terminals: list[IdleTerminal]
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    @classmethod
    def made(cls, way: Way, authority: bytes, count: int, seed: int) -> Crowd:
        names = [(f"seat{1000 + number}", INVESTORS[number % len(INVESTORS)]) for number in range(count)]
        return cls(
            way, authority, [IdleTerminal(TerminalRecord(*name), random.Random(f"{seed} {name}")) for name in names]
        )

    @property
    def are_live(self) -> bool:
        return all(one.is_live for one in self.terminals)

    @property
    def records(self) -> Sequence[TerminalRecord]:
        return [one.record for one in self.terminals]

    async def sit(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for one in self.terminals:
                group.create_task(self._stay(one))

    async def _stay(self, one: IdleTerminal) -> None:
        while True:
            with suppress(grpc.RpcError, grpc.aio.UsageError, AssertionError, TimeoutError):
                async with AsyncExitStack() as stack:
                    async with self._gate:
                        way = open_raw(self.way.port, self.authority, _OPTIONS)
                        stream = await stack.enter_async_context(way)
                        await self._enter(one, stream)
                        one.is_live = True
                    await stream.read_on()
            one.is_live = False
            await asyncio.sleep(one.dice.uniform(0.0, _AGAIN_SECONDS))

    async def _enter(self, one: IdleTerminal, stream: RawStream) -> None:
        record = one.record
        collected = None if one.token else await collect_now()
        challenge = await stream.hello(TERMINAL)
        if collected is None:
            await stream.send(resume_message(challenge, one.token))
            one.token = b""
            one.token = (await stream.receive_until("logged_in")).resume_token
            record.resumes += 1
            return
        remark = f"{record.seat}-{len(record.logins) + 1}"
        login = login_message(challenge, record.investor, collected)
        login.login_remark, login.start_from = remark, pb.START_FROM_NOW
        welcome = await stream.log_in(login)
        one.token = welcome.resume_token
        name = (welcome.front_id, welcome.session_id)
        record.logins.append(LoggedIn(record.seat, record.investor, remark, name, welcome.trading_day))
