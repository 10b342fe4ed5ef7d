"""What the relays are doing now: each is asked by one poller, and its answer goes to every browser that looks.

However many browsers look, a relay gets one question every `console.poll_seconds`. A browser's stream keeps no queue: it sends
the newest picture, and then waits for a newer one, so one that reads slowly misses pictures and holds nothing up. Streams are
bounded, for each account and in all; each ends after a quarter of an hour, so that the browser asks, and is judged, again.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog

from relay.admin_client import AdminClient
from relay.console.rates import Rates
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)

MOST_STREAMS_OF_ONE_ACCOUNT: Final = 6
_LONGEST_STREAM_SECONDS = 900.0
_QUIET_SECONDS = 15.0
"""a stream without news sends a comment, so that proxies keep it"""


class RelayAway(Exception):
    """A relay does not answer; the message says why."""


class RelayAsked(Protocol):
    """A relay, as the poller asks it."""

    @property
    def name(self) -> str: ...

    @property
    def client(self) -> AdminClient:
        """To ask it anything else."""
        ...

    async def status(self) -> Mapping[str, Any]:
        """What it says of itself, fit for JSON; raises RelayAway."""
        ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class WatchedRelay:
    """One relay, as the console knows it."""

    name: str
    reachable: bool = False
    why: str = "not asked yet"
    """why it does not answer; empty where it does"""
    asked_at: float = 0.0
    """seconds since the epoch"""
    since: float = 0.0
    """since when it answers, or does not"""
    status: Mapping[str, Any] = field(default_factory=dict)
    """its last answer; it stays while the relay is away"""
    rates: Rates = field(default_factory=Rates)

    def picture(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {
            "name": self.name,
            "reachable": self.reachable,
            "why": self.why,
            "asked_at": self.asked_at,
            "since": self.since,
            "status": _strict(self.status),
        }


def _strict(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """JSON has no NaN, which a figure is that is not known: it is left out."""
    figures = [row for row in status.get("figures", ()) if math.isfinite(float(row.get("value", 0)))]
    return {**status, "figures": figures} if status else status


class Live:
    """For the loop."""

    def __init__(
        self,
        relays: Sequence[RelayAsked],
        *,
        poll_seconds: float,
        most_streams: int,
        clock: Callable[[], float],
        counters: Callable[[Mapping[str, Any]], Mapping[str, float]],
    ) -> None:
        """`clock` gives seconds since the epoch; `counters` takes those of the rates out of a status."""
        self._relays = {relay.name: relay for relay in relays}
        self._watched = {name: WatchedRelay(name) for name in self._relays}
        self._poll_seconds = poll_seconds
        self._most_streams = most_streams
        self._clock = clock
        self._counters = counters
        self._news = asyncio.Event()
        self._streams: Counter[str] = Counter()
        self._over = False

    @property
    def watched(self) -> Sequence[WatchedRelay]:
        """Every relay there is a line of settings for, in that order."""
        return tuple(self._watched.values())

    def find(self, name: str) -> WatchedRelay | None:
        return self._watched.get(name)

    def relay(self, name: str) -> RelayAsked | None:
        """To ask it something else than its status."""
        return self._relays.get(name)

    @asynccontextmanager
    async def polled(self) -> AsyncIterator[None]:
        """Ask every relay, as long as the context lasts."""
        tasks = Tasks()
        for relay in self._relays.values():
            tasks.start(self._keep_asking(relay), f"status of {relay.name}")
        try:
            yield
        finally:
            self.end_streams()
            await tasks.cancel()
            for relay in self._relays.values():
                await relay.close()

    async def look(self, name: str) -> None:
        """Ask one relay now: after an action the next page shows what came of it."""
        if (relay := self._relays.get(name)) is not None:
            await self._ask(relay)

    def end_streams(self) -> None:
        """The process stops."""
        self._over = True
        self._publish()

    def take_stream(self, account: str) -> bool:
        """A place for one stream; False where there is none. `leave_stream` gives it back."""
        if self._streams.total() >= self._most_streams or self._streams[account] >= MOST_STREAMS_OF_ONE_ACCOUNT:
            return False
        self._streams[account] += 1
        return True

    def leave_stream(self, account: str) -> None:
        self._streams[account] -= 1
        if not self._streams[account]:
            del self._streams[account]

    async def pictures(self) -> AsyncIterator[str]:
        """Server-sent events, the newest picture first; a comment where nothing is new."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _LONGEST_STREAM_SECONDS
        yield "retry: 3000\n\n"
        while not self._over and loop.time() < ends_at:
            news = self._news
            yield self._event()
            try:
                async with asyncio.timeout(_QUIET_SECONDS):
                    await news.wait()
            except TimeoutError:
                yield ": quiet\n\n"

    def _event(self) -> str:
        picture = {"at": self._clock(), "relays": [one.picture() for one in self._watched.values()]}
        return f"event: relays\ndata: {json.dumps(picture, ensure_ascii=True)}\n\n"

    async def _keep_asking(self, relay: RelayAsked) -> None:
        while True:
            await self._ask(relay)
            await asyncio.sleep(self._poll_seconds)

    async def _ask(self, relay: RelayAsked) -> None:
        seen = self._watched[relay.name]
        try:
            status, why = await relay.status(), ""
        except RelayAway as away:
            status, why = None, str(away)
        except Exception as error:  # noqa: BLE001  # one that answers nonsense must not end its own poller
            status, why = None, type(error).__name__
        now = self._clock()
        if (status is not None) != seen.reachable or not seen.since:
            seen.since = now
            if status is None:
                _log.warning("console_relay_away", relay=relay.name, why=why)
        seen.reachable, seen.why, seen.asked_at = status is not None, why, now
        if status is not None:
            seen.status = status
            seen.rates.add(now, self._counters(status))
        self._publish()

    def _publish(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
