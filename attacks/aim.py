"""What one attack is given: where, from which addresses, how long, which names it knows; and what it has done so far."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from attacks.wire import CUT, Connection, opened, trusting_context
from ctprelay.v1 import terminal_pb2 as pb
from terminal_client.collector import Collected
from terminal_client.proof import TIMESTAMP_BYTES, auth_info

PROTOCOL = 1
SYSTEM_INFO_BYTES = 270


@dataclass(frozen=True, slots=True)
class Known:
    """What an attacker may know: public names, and, where he is an insider, a terminal's auth code and an account."""

    app_id: str
    """of the firm's registered terminal software; any user can read it"""
    broker_id: str
    others: tuple[str, ...]
    """investors who are not his"""
    auth_code: str = field(default="", repr=False)
    investor: str = ""
    """his own account"""
    password: str = field(default="", repr=False)


@dataclass(slots=True)
class Aim:
    """One attack on one relay."""

    port: int
    sources: Sequence[str]
    """addresses of 127.0.0.0/8 he comes from"""
    seconds: float
    known: Known
    collected: list[Collected] = field(default_factory=list, repr=False)
    """genuine system info, each good for one login"""
    done: Counter[str] = field(default_factory=Counter)
    """what he has done and what came of it, by word"""
    context: ssl.SSLContext = field(default_factory=trusting_context, repr=False)
    _end: float = field(init=False)
    _places: Iterator[str] = field(init=False, repr=False)
    _timeouts: list[asyncio.Timeout] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.seconds
        self._places = itertools.cycle(self.sources)

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._end

    def stop(self) -> None:
        """No more from here on; what is under way ends soon."""
        self._end = 0.0
        for timeout in tuple(self._timeouts):
            timeout.reschedule(0.0)

    def next_source(self) -> str:
        """His addresses in turn."""
        return next(self._places)

    def opened(self, source: str, settings: dict[int, int] | None = None) -> AbstractAsyncContextManager[Connection]:
        """An HTTP/2 connection over TLS."""
        self.done["connections"] += 1
        return opened(self.port, source, self.context, settings)

    async def keep(self, count: int, visit: Callable[[str], Awaitable[None]], *, pause: float = 0.05) -> None:
        """`count` visitors at a time until the attack is over; one that is cut comes again after the pause."""

        async def come_again_and_again() -> None:
            while not self.over:
                try:
                    await visit(self.next_source())
                except CUT:
                    self.done["cut"] += 1
                await asyncio.sleep(pause)

        timeout = asyncio.timeout(max(0.0, self._end - time.monotonic()))
        self._timeouts.append(timeout)
        try:
            async with timeout, asyncio.TaskGroup() as group:
                for _ in range(count):
                    group.create_task(come_again_and_again())
        except TimeoutError:
            pass
        finally:
            self._timeouts.remove(timeout)

    # What he says ----------------------------------------------------------------------------------------------

    def hello(self, app_id: str = "") -> pb.TerminalMessage:
        return pb.TerminalMessage(hello=pb.Hello(protocol=PROTOCOL, app_id=app_id or self.known.app_id))

    def bogus_login(self, investor: str) -> pb.TerminalMessage:
        """A login whose proof is made up."""
        login = pb.Login(
            auth_info=secrets.token_bytes(TIMESTAMP_BYTES),
            broker_id=self.known.broker_id,
            investor_id=investor,
            password=secrets.token_hex(4),
            system_info=secrets.token_bytes(SYSTEM_INFO_BYTES),
            system_info_length=SYSTEM_INFO_BYTES,
        )
        return pb.TerminalMessage(login=login)

    def login(self, challenge: bytes, investor: str, password: str) -> pb.Login:
        """A login with the right proof and genuine system info, which is used up."""
        collected = self.collected.pop()
        return pb.Login(
            auth_info=auth_info(self.known.auth_code, challenge),
            broker_id=self.known.broker_id,
            investor_id=investor,
            password=password,
            system_info=collected.system_info,
            system_info_length=collected.length,
            collector_code=collected.code,
            collector_version=collected.version,
            start_from=pb.START_FROM_NOW,
        )


class Pace:
    """At most so many a second, evenly."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._next = time.monotonic()

    async def turn(self) -> None:
        now = time.monotonic()
        self._next = max(self._next + self._gap, now - 0.1)
        if self._next > now:
            await asyncio.sleep(self._next - now)
