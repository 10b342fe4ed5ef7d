"""Market data that does what a test says, beside the scripted relay on the same port."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import grpc

from ctprelay.ctp.v1.structs_pb2 import DepthMarketData
from ctprelay.v1 import market_pb2 as pb
from ctprelay.v1 import terminal_pb2
from tests.terminal_client.scripted_proof import proved

TOKEN = b"market data token"


class ScriptedMarket:
    """The service of market.proto; accepts TOKEN."""

    def __init__(self) -> None:
        self.attached = 0
        self.changes: list[pb.ChangeSubscriptions] = []
        """of all streams"""
        self.refuse: set[str] = set()
        self.deaf = 0
        """so many changes are not answered"""
        self.gone = 0
        """so many attachments are refused as of no session"""
        self._outbox: asyncio.Queue[pb.MarketDataBatch | None] = asyncio.Queue()
        self.changed = asyncio.Condition()

    async def Watch(
        self, requests: AsyncIterator[pb.MarketDataRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.MarketDataBatch]:
        await anext(requests)
        timestamp = os.urandom(128)
        yield batch(pb.MarketDataMessage(challenge=terminal_pb2.Challenge(timestamp=timestamp)))
        attach = (await anext(requests)).attach
        if attach.token != TOKEN or not proved(attach.auth_info, timestamp) or self.gone:
            self.gone -= 1
            yield batch(pb.MarketDataMessage(rejected=terminal_pb2.Rejected(reason="session_gone")))
            return
        outbox: asyncio.Queue[pb.MarketDataBatch | None] = asyncio.Queue()
        self._outbox = outbox
        live = pb.MarketDataStatus(state=pb.MarketDataStatus.STATE_LIVE, trading_day="20261126")
        yield batch(pb.MarketDataMessage(attached=pb.MarketDataAttached(status=live, max_subscriptions=7)))
        reader = asyncio.get_running_loop().create_task(self._read(requests, outbox), name="scripted-market")
        await self._note(attached=1)
        try:
            while (item := await outbox.get()) is not None:
                yield item
            await context.abort(grpc.StatusCode.UNAVAILABLE, "scripted break")
        finally:
            reader.cancel()

    async def _read(
        self, requests: AsyncIterator[pb.MarketDataRequest], outbox: asyncio.Queue[pb.MarketDataBatch | None]
    ) -> None:
        async for request in requests:
            change = request.change
            if self.deaf:
                self.deaf -= 1
            else:
                refused = [
                    pb.RefusedInstrument(
                        instrument_id=name, rejected=terminal_pb2.Rejected(reason="too_many_instruments")
                    )
                    for name in change.instrument_ids
                    if name in self.refuse
                ]
                answer = pb.SubscriptionsChanged(change_id=change.change_id, refused=refused)
                outbox.put_nowait(batch(pb.MarketDataMessage(changed=answer)))
            await self._note(change=change)

    async def _note(self, attached: int = 0, change: pb.ChangeSubscriptions | None = None) -> None:
        async with self.changed:
            self.attached += attached
            self.changes += [change] if change is not None else []
            self.changed.notify_all()

    async def until(self, streams: int = 0, changes: int = 0) -> None:
        """Wait until so many streams were attached, and so many changes have come."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.attached >= streams and len(self.changes) >= changes)

    def send(self, *messages: pb.MarketDataMessage, **passed_over: int) -> None:
        counts = [pb.PassedOver(instrument_id=name, count=count) for name, count in passed_over.items()]
        self._outbox.put_nowait(pb.MarketDataBatch(messages=messages, passed_over=counts))

    def break_stream(self) -> None:
        """End the stream with UNAVAILABLE."""
        self._outbox.put_nowait(None)


def depth(name: str, volume: int) -> pb.MarketDataMessage:
    return pb.MarketDataMessage(depth=DepthMarketData(instrument_id=name, volume=volume))


def snapshot(name: str, volume: int) -> pb.MarketDataMessage:
    return pb.MarketDataMessage(snapshot=DepthMarketData(instrument_id=name, volume=volume))


def batch(*messages: pb.MarketDataMessage) -> pb.MarketDataBatch:
    return pb.MarketDataBatch(messages=messages)
