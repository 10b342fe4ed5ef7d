"""Where the counter's market data meets the terminals: the book says who gets a tick, the queues of the streams take it.

Theory of operation
-------------------
One task pulls items from the source and passes each on, some at a time, so that orders have the loop in between. A depth is
framed once, kept as the last known of its instrument, and its reference is put into the queue of each stream that wants it;
nothing is copied for a terminal until its stream writes.

* A change of a terminal is answered in the step in which it is carried out; then the last known depths follow as snapshots. An
  instrument that had a reader before ticks on: none of its depths is between answer and snapshot.
* A terminal session has one stream; a second takes its place. The stream ends in the same step in which the session begins to end.
* The last known depth is kept while an instrument has a reader, and forgotten on a new trading day.
* The fault begins some seconds after the session was lost: the API is back within one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import structlog

from relay.counter.counter_library import CounterLibrary
from relay.counter.market_port import FeedItem, FeedKind, MarketSource, MarketState, NotSubscribed
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.market_data import frames
from relay.market_data.book import BookBounds, SubscriptionBook
from relay.market_data.outbox import MarketOutbox
from relay.market_data.ticks import MarketTick, key_of, snapshot_of, tick_of
from relay.refusals import market_reasons
from relay.sessions.endings import Ending, EndKind
from relay.sessions.session import TerminalSession
from relay.tasks import Tasks
from relay.turns import LoopTurns

_log = structlog.get_logger(__name__)
_GRACE_SECONDS = 5.0
_STREAMS_IN_A_ROUND = 2


@dataclass(frozen=True, slots=True)
class HubSettings:
    bounds: BookBounds
    capacity: int
    """ticks that may wait for one terminal before it gets the newest of each instrument"""
    required: bool
    """whether a relay without market data is not ready"""


class MarketHub:
    """Of one process."""

    def __init__(self, source: MarketSource, faults: Faults, settings: HubSettings) -> None:
        self.settings = settings
        self.book: SubscriptionBook[MarketOutbox] = SubscriptionBook(settings.bounds)
        self.state = MarketState(live=False)
        self.received = 0
        """ticks of the counter, since the start"""
        self._source = source
        self._faults = faults
        self._fault = Fault.REQUIRED_MARKET_DATA_DOWN if settings.required else Fault.MARKET_DATA_DOWN
        self._turns = LoopTurns(_STREAMS_IN_A_ROUND)
        self._last: dict[str, MarketTick] = {}
        self._streams: dict[str, MarketOutbox] = {}
        """by terminal session"""
        self._sent_before = self._passed_before = 0
        """of streams that are gone"""
        self._grace: asyncio.TimerHandle | None = None
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._source.start()
        self._tasks.start(self._pump(), "market data")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._grace is not None:
            self._grace.cancel()
        await self._tasks.cancel()
        await self._source.stop()

    @property
    def fronts(self) -> Sequence[str]:
        return self._source.fronts

    @property
    def library(self) -> CounterLibrary | None:
        return self._source.library

    @property
    def readers(self) -> int:
        """Terminals with a market data stream."""
        return len(self._streams)

    @property
    def sent(self) -> int:
        """Ticks to terminals, since the start."""
        return self._sent_before + sum(outbox.sent for outbox in tuple(self._streams.values()))

    @property
    def passed_over(self) -> int:
        """Ticks that a terminal did not get because a newer one was there, since the start."""
        return self._passed_before + sum(outbox.pending.passed_over for outbox in tuple(self._streams.values()))

    def take_bounds(self, bounds: BookBounds, capacity: int) -> None:
        """From now on; what is subscribed beyond stays so. A stream with a backlog takes its new capacity after it."""
        self.book.bounds = bounds
        self.settings = replace(self.settings, bounds=bounds, capacity=capacity)
        for outbox in self._streams.values():
            outbox.pending.capacity = capacity

    # Terminals ------------------------------------------------------------------------------------------------

    def new_outbox(self) -> MarketOutbox:
        """For one stream."""
        return MarketOutbox(self._turns, self.settings.capacity)

    def attach(self, session: TerminalSession, outbox: MarketOutbox) -> None:
        """This stream is the session's from now on, until the session ends."""
        name = session.identity.session
        before = self._streams.get(name)
        if before is not None:
            before.close(Ending(EndKind.TAKEN_OVER))
            self.leave(session, before)
        self._streams[name] = outbox
        session.followers[outbox] = outbox.close
        outbox.put(frames.attached(self.state, self.settings.bounds.of_a_reader))

    def leave(self, session: TerminalSession, outbox: MarketOutbox) -> None:
        """The stream is over; idempotent."""
        session.followers.pop(outbox, None)
        if self._streams.get(session.identity.session) is not outbox:
            return
        del self._streams[session.identity.session]
        self._sent_before += outbox.sent
        self._passed_before += outbox.pending.passed_over
        for kind, names in self.book.leave(outbox).items():
            self._unwanted(kind, names)

    def subscribe(self, outbox: MarketOutbox, kind: FeedKind, change_id: int, names: Sequence[str]) -> None:
        """Carry a change out, answer it, and show what is known."""
        change = self.book.subscribe(kind, outbox, names)
        if change.first:
            self._source.subscribe(kind, change.first)
        outbox.put(frames.changed(change_id, kind, change.refused, self.book.count_of(kind, outbox)))
        if kind is FeedKind.DEPTH:
            for name in change.added:
                if (known := self._last.get(name)) is not None:
                    outbox.put_tick(snapshot_of(known))

    def unsubscribe(self, outbox: MarketOutbox, kind: FeedKind, change_id: int, names: Sequence[str]) -> None:
        """Carry a change out and answer it; nothing of these is sent behind the answer."""
        self._unwanted(kind, self.book.unsubscribe(kind, outbox, names))
        outbox.pending.drop({key_of(kind, name) for name in names})
        outbox.put(frames.changed(change_id, kind, {}, self.book.count_of(kind, outbox)))

    def _unwanted(self, kind: FeedKind, names: Sequence[str]) -> None:
        if names:
            self._source.unsubscribe(kind, names)
        if kind is FeedKind.DEPTH:
            for name in names:
                self._last.pop(name, None)

    # The counter ----------------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        while True:
            for item in await self._source.next_batch():
                match item:
                    case FeedItem():
                        self._pass_on(item)
                    case MarketState():
                        self._became(item)
                    case NotSubscribed():
                        self._not_subscribed(item)
            await asyncio.sleep(0)

    def _pass_on(self, item: FeedItem) -> None:
        readers = self.book.readers(item.kind, item.instrument_id)
        self.received += 1
        if not readers:  # it was on its way when the last reader left
            return
        tick = tick_of(item)
        if item.kind is FeedKind.DEPTH:
            self._last[item.instrument_id] = tick
        for outbox in readers:
            outbox.put_tick(tick)
        if item.passed_over:
            for outbox in readers:
                outbox.pending.pass_over(tick.key, item.passed_over)

    def _became(self, state: MarketState) -> None:
        if state.live:
            _log.info("market_data_live", trading_day=state.trading_day)
            self._faults.end(self._fault)
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        if not state.live:
            begin = partial(self._faults.begin, self._fault, state.reason)
            self._grace = asyncio.get_running_loop().call_later(_GRACE_SECONDS, begin)
        if state.day_changed:
            self._last.clear()
        self.state = MarketState(state.live, state.reason, state.trading_day)
        for outbox in self._streams.values():
            outbox.put(frames.status(state))

    def _not_subscribed(self, item: NotSubscribed) -> None:
        _log.warning("instrument_refused", instrument=item.instrument_id, error_id=item.error_id, text=item.text)
        why = market_reasons.refused_by_market_data(text=f"CTP {item.error_id}: {item.text}")
        for outbox in self.book.end(item.kind, item.instrument_id):
            outbox.put(frames.changed(0, item.kind, {item.instrument_id: why}, self.book.count_of(item.kind, outbox)))
