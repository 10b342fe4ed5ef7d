"""The market data stream over its breaks: attach with the session's token, subscribe everything again, read.

Theory of operation
-------------------
One task, `_run`, does all reading, for as long as the market data is open. A round of it: wait until the terminal is
logged in; open a stream and attach; subscribe all that is wanted; read until the stream ends.

* A program's change is noted in `Subscribed` first. While a stream is attached it is sent at once; otherwise the next
  stream subscribes it with all else that is wanted.
* `change` returns when the relay has answered for every instrument asked for. Where the stream breaks before, it is asked
  again on the next one: a break delays a change, and does not fail it.
* Where the terminal's session ends for good, the market data ends with it, and every reader hears why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from ctprelay.ctp.v1.structs_pb2 import ForQuoteRsp
from ctprelay.v1 import market_pb2 as pb
from terminal_client.backoff import TryLater, retried
from terminal_client.channel import RelayChannel
from terminal_client.conversation import Endpoint, hello, refuse, timestamp_of
from terminal_client.errors import (
    LoginRejected,
    MarketDataNotOffered,
    NotConnected,
    Refusal,
    SessionEnded,
    SlowConsumer,
    TerminalError,
)
from terminal_client.farewells import Farewell, LastWord, NextStep, last_word
from terminal_client.market.subscribed import Subscribed, parts
from terminal_client.market.ticks import Tick, TickFeed
from terminal_client.proof import auth_info
from terminal_client.session import Deadlines, MarketAccess, State, Status
from terminal_client.stream import BatchStream, StreamBroken
from terminal_client.subscriptions import Feed, Subscription
from terminal_client.translation import market_status_of, refusal_of

log = logging.getLogger(__name__)


class WatchStream(BatchStream[pb.MarketDataRequest, pb.MarketDataBatch]):
    """The stream of a session's market data."""

    method = "/ctprelay.v1.MarketDataService/Watch"
    batch = pb.MarketDataBatch


class MarketSession(Protocol):
    """The terminal session that the market data belongs to."""

    state: State
    market_access: MarketAccess | None


class MarketLink:
    """The market data of one terminal session."""

    def __init__(
        self,
        session: MarketSession,
        session_statuses: Subscription[Status],
        at: Callable[[MarketAccess], Endpoint],
        deadlines: Deadlines,
    ) -> None:
        """`at` says where the stream goes; each change of the session is in `session_statuses`."""
        self.state = State.LOGGING_IN
        self.max_subscriptions = 0
        self.ticks = TickFeed()
        self.quote_requests = Feed[ForQuoteRsp](deadlines.notice_capacity)
        self.statuses = Feed[Status](deadlines.notice_capacity)
        self._session = session
        self._session_statuses = session_statuses
        self._at = at
        self._deadlines = deadlines
        self._subscribed = Subscribed()
        self._stream: WatchStream | None = None
        self._unanswered: dict[int, tuple[pb.Feed, asyncio.Future[bool]]] = {}
        self._last_change = 0
        self._attached = asyncio.Event()
        """set while a stream is attached, and at the end"""
        self._agreement: list[asyncio.Future[bool]] = []
        """the answers to what the stream subscribed when it was attached"""
        self._error: TerminalError | None = None
        self._last: LastWord | None = None
        self._opening: WatchStream | None = None
        """the stream there is, attached or not yet"""
        self._channel: RelayChannel | None = None
        self._reader = asyncio.get_running_loop().create_task(self._run(), name="market-data-reader")

    async def change(self, feed: pb.Feed, instrument_ids: Iterable[str], *, unsubscribe: bool) -> dict[str, Refusal]:
        """Subscribe or unsubscribe, and wait for the relay's answer; what it refused. NotConnected when it does not come."""
        names = self._subscribed.want(feed, instrument_ids, unsubscribe=unsubscribe)
        seconds = self._deadlines.answer_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._carry_out(feed, names, unsubscribe=unsubscribe)
        except TimeoutError:
            raise NotConnected(
                f"no answer of the relay's market data within {seconds:g} s; it is kept in mind"
            ) from None
        return self._subscribed.refusals(feed, names)

    async def close(self) -> None:
        """End the stream and every reader; may be called again."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._settle("closed", None)

    # Changes --------------------------------------------------------------------------------------------------

    async def _carry_out(self, feed: pb.Feed, names: list[str], *, unsubscribe: bool) -> None:
        while True:
            was_attached = self._attached.is_set()
            await self._attached.wait()
            stream = self._stream
            if self.state is State.ENDED:
                raise self._error or SessionEnded("the market data was closed")
            if stream is None:
                continue
            answers = self._agreement  # a stream attached meanwhile has subscribed this too
            if was_attached:
                answers = [self._ask(stream, feed, part, unsubscribe=unsubscribe) for part in parts(names)]
            if all(await asyncio.gather(*answers)):
                return

    def _ask(self, stream: WatchStream, feed: pb.Feed, names: list[str], *, unsubscribe: bool) -> asyncio.Future[bool]:
        """Send one change; the future says whether it was answered, which it is not where the stream breaks before."""
        self._last_change += 1
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._unanswered[self._last_change] = feed, answered
        change = pb.ChangeSubscriptions(
            change_id=self._last_change, feed=feed, unsubscribe=unsubscribe, instrument_ids=names
        )
        stream.send(pb.MarketDataRequest(change=change))
        return answered

    # The stream -----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        error: TerminalError | None = None
        try:
            while True:
                stream = await retried(self._attach, self._deadlines)
                why = await self._read(stream)
                self._detached()
                if self._last is not None and self._last.kind.next_step is NextStep.STOP:
                    raise SessionEnded(self._last.reason, self._last.kind)
                self._enter(State.RECONNECTING, why)
        except TryLater as failure:
            error = SessionEnded(f"gave up reconnecting the market data: {failure}")
        except TerminalError as failure:
            error = failure
        finally:
            await self._settle("reader stopped" if error is None else str(error), error)

    async def _attach(self) -> WatchStream:
        """A stream with all that is wanted subscribed on it. TryLater; SessionEnded, MarketDataNotOffered."""
        access = await self._access()
        try:
            async with asyncio.timeout(self._deadlines.login_seconds):
                return await self._open(access)
        except TimeoutError:
            raise TryLater("the relay's market data did not answer in time") from None
        except StreamBroken as broken:
            raise TryLater(str(broken)) from None
        except LoginRejected as rejected:
            raise TryLater(str(rejected), rejected.refusal.retry_after_seconds) from None

    async def _access(self) -> MarketAccess:
        while self._session.state is not State.LIVE:
            if self._session.state is State.ENDED:
                raise SessionEnded("the terminal's session is over")
            try:
                await anext(self._session_statuses)
            except SlowConsumer:
                continue
            except (StopAsyncIteration, TerminalError):
                raise SessionEnded("the terminal's session is over") from None
        if self._session.market_access is None:
            raise MarketDataNotOffered("this relay has no market data")
        return self._session.market_access

    async def _open(self, access: MarketAccess) -> WatchStream:
        await self._let_go()
        endpoint = self._at(access)
        self._channel = RelayChannel(endpoint.address, endpoint.tls, self._deadlines.keepalive_seconds)
        stream = self._opening = WatchStream(self._channel)
        stream.send(pb.MarketDataRequest(hello=hello(endpoint)))
        timestamp = timestamp_of((await stream.receive_batch()).messages[0])
        proof = auth_info(endpoint.auth_code.reveal(), timestamp)
        attach = pb.AttachMarketData(token=bytes.fromhex(access.token.reveal()), auth_info=proof)
        stream.send(pb.MarketDataRequest(attach=attach))
        batch = await stream.receive_batch()
        welcome = batch.messages[0]
        refuse(welcome)
        if not welcome.HasField("attached"):
            raise StreamBroken(f"the relay answered attach with {welcome.WhichOneof('body')}")
        self._adopt(stream, welcome.attached)
        self._deliver(batch)
        return stream

    def _adopt(self, stream: WatchStream, attached: pb.MarketDataAttached) -> None:
        self.max_subscriptions = attached.max_subscriptions
        self._stream, self._last = stream, None
        wanted = self._subscribed.all_wanted()
        self._agreement = [self._ask(stream, feed, names, unsubscribe=False) for feed, names in wanted]
        self._enter(State.LIVE, "attached")
        self.statuses.publish(market_status_of(attached.status))
        self._attached.set()

    async def _read(self, stream: WatchStream) -> str:
        try:
            while self._last is None:
                self._deliver(await stream.receive_batch())
        except StreamBroken as error:
            return str(error)
        return self._last.reason

    def _deliver(self, batch: pb.MarketDataBatch) -> None:
        passed_over = {one.instrument_id: one.count for one in batch.passed_over}
        ticks: list[Tick] = []
        for message in batch.messages:
            match message.WhichOneof("body"):
                case "depth":
                    depth = message.depth
                    ticks.append(Tick(depth, False, passed_over.get(depth.instrument_id, 0) if passed_over else 0))
                case "snapshot":
                    ticks.append(Tick(message.snapshot, True))
                case "quote_request":
                    self.quote_requests.publish(message.quote_request)
                case "changed":
                    self._answered(message.changed)
                case "status":
                    self.statuses.publish(market_status_of(message.status))
                case "goodbye":
                    self._last = last_word(message.goodbye)
                case "rejected":  # something sent here was out of turn or malformed
                    self._last = LastWord(Farewell.PROTOCOL_ERROR, str(refusal_of(message.rejected)))
                case _:
                    pass  # the welcome, and what a later relay may send
        if ticks:
            self.ticks.publish(ticks)

    def _answered(self, answer: pb.SubscriptionsChanged) -> None:
        if not answer.change_id:
            log.warning("the counter refused %s", [str(one.instrument_id) for one in answer.refused])
            self._subscribed.answered(answer.feed, answer)
        known = self._unanswered.pop(answer.change_id, None)
        if known is not None:
            feed, answered = known
            self._subscribed.answered(feed, answer)
            if not answered.done():
                answered.set_result(True)

    def _enter(self, state: State, reason: str) -> None:
        log.info("market data %s: %s", state, reason)
        self.state = state
        cause = "" if self._last is None else self._last.kind.word
        self.statuses.publish(Status("relay", state, reason, cause=cause))

    def _detached(self) -> None:
        """No stream is attached: what was asked on it is not answered any more."""
        self._stream = None
        self._attached.clear()
        unanswered, self._unanswered = self._unanswered, {}
        for _, answered in unanswered.values():
            if not answered.done():
                answered.set_result(False)

    async def _let_go(self) -> None:
        """End the stream and the connection there were."""
        opening, self._opening = self._opening, None
        channel, self._channel = self._channel, None
        if opening is not None:
            opening.cancel()
        if channel is not None:
            await channel.close()

    async def _settle(self, why: str, error: TerminalError | None) -> None:
        if self.state is not State.ENDED:
            self._error = error
            self._enter(State.ENDED, why)
            self._detached()
            self._attached.set()
            self._session_statuses.close()
            self.ticks.end(error)
            self.quote_requests.end(error)
            self.statuses.end(error)
        await self._let_go()
