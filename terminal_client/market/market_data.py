"""What a program holds of market data: it subscribes, reads ticks, and hears how the feed is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Self

from ctprelay.ctp.v1.structs_pb2 import ForQuoteRsp
from ctprelay.v1 import market_pb2 as pb
from terminal_client.conversation import Endpoint
from terminal_client.errors import Refusal
from terminal_client.market.link import MarketLink, MarketSession
from terminal_client.market.ticks import TickReader
from terminal_client.session import Deadlines, MarketAccess, State, Status
from terminal_client.subscriptions import Subscription


class MarketData:
    """Market data of one terminal, from `RelayTerminal.market_data()`.

        market = terminal.market_data()
        ticks = market.ticks()                       # before subscribing: the snapshots come at once
        refused = await market.subscribe(["rb2701", "IF2612"])
        async for tick in ticks:
            print(tick.instrument_id, tick.depth.last_price, tick.passed_over)

    It connects by itself when the terminal is logged in, and again when its stream breaks; then everything is subscribed
    again, and snapshots come again. It ends with the terminal's session: readers raise SessionEnded.
    """

    def __init__(
        self,
        session: MarketSession,
        session_statuses: Subscription[Status],
        endpoint: Endpoint,
        deadlines: Deadlines,
        address: str,
    ) -> None:
        """`address` (host:port) is where the market data is, where it is not where the relay says."""

        def at(access: MarketAccess) -> Endpoint:
            if address:
                return dataclasses.replace(endpoint, address=address)
            if not access.port:
                return endpoint
            host = endpoint.address.rpartition(":")[0]
            return dataclasses.replace(endpoint, address=f"{host}:{access.port}")

        self._deadlines = deadlines
        self._link = MarketLink(session, session_statuses, at, deadlines)

    def __repr__(self) -> str:
        return f"MarketData(state={self.state.value})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @property
    def state(self) -> State:
        """Of the stream to the relay: LOGGING_IN at first, LIVE, RECONNECTING, ENDED."""
        return self._link.state

    @property
    def max_subscriptions(self) -> int:
        """How many instruments this terminal may have subscribed, for each feed; 0 before the first connection."""
        return self._link.max_subscriptions

    async def subscribe(self, instrument_ids: Iterable[str]) -> dict[str, Refusal]:
        """Subscribe the depths of these instruments. Returns those that the relay refused, and why: normally none.

        Waits for the relay's answer, over reconnects; NotConnected when it does not come in time (`Deadlines.answer_seconds`):
        the instruments stay wanted, and are subscribed when the stream is there. SessionEnded, MarketDataNotOffered. An
        instrument that does not exist is not refused; it never ticks. What is subscribed already changes nothing.
        """
        return await self._link.change(pb.FEED_DEPTH, instrument_ids, unsubscribe=False)

    async def unsubscribe(self, instrument_ids: Iterable[str]) -> None:
        """End these; ticks of them that are on their way still come. Raises what `subscribe` raises."""
        await self._link.change(pb.FEED_DEPTH, instrument_ids, unsubscribe=True)

    async def subscribe_quote_requests(self, instrument_ids: Iterable[str]) -> dict[str, Refusal]:
        """Subscribe the requests for quotes (询价通知) of these instruments; as `subscribe`."""
        return await self._link.change(pb.FEED_QUOTE_REQUESTS, instrument_ids, unsubscribe=False)

    async def unsubscribe_quote_requests(self, instrument_ids: Iterable[str]) -> None:
        """End these; as `unsubscribe`."""
        await self._link.change(pb.FEED_QUOTE_REQUESTS, instrument_ids, unsubscribe=True)

    def ticks(self, instrument_ids: Iterable[str] | None = None, capacity: int = 0) -> TickReader:
        """A reader of the ticks that come from now on: all that are subscribed, or only those of `instrument_ids`.

        It subscribes nothing. It may be called any number of times; every reader gets every tick. `capacity` ticks may wait
        for this reader (0: `Deadlines.tick_capacity`); one that has more waiting gets the newest of each instrument.
        """
        return self._link.ticks.read(capacity or self._deadlines.tick_capacity, instrument_ids)

    def quote_requests(self, capacity: int = 0) -> Subscription[ForQuoteRsp]:
        """The requests for quotes that come from now on."""
        return self._link.quote_requests.subscribe(capacity)

    def statuses(self, capacity: int = 0) -> Subscription[Status]:
        """Changes: `of` is "relay" for the stream (`state` a State), "counter" for the relay's own connection.

        The counter's `state` is "live", or "recovering": then no tick comes, and the last ones grow old. It comes at each
        connection too. `trading_day_changed`: forget yesterday's depths.
        """
        return self._link.statuses.subscribe(capacity)

    async def close(self) -> None:
        """End the stream and its readers; the terminal's session goes on. May be called again."""
        await self._link.close()
