"""A market data stream without manners, and the conversation on it step by step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from ctprelay.v1 import market_pb2 as pb
from ctprelay.v1 import terminal_pb2
from terminal_client.proof import auth_info
from tests.e2e.raw_stream import DEADLINE_SECONDS

_METHOD = "/ctprelay.v1.MarketDataService/Watch"
SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65536))
"""what is on the way to a reader that stands still stays small"""


class RawMarket:
    """One stream; `batch` gives None at its end."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def send(self, message: pb.MarketDataRequest | bytes) -> None:
        await self._call.write(message if isinstance(message, bytes) else message.SerializeToString())

    async def batch(self) -> pb.MarketDataBatch | None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            batch = await self._call.read()
        return batch if isinstance(batch, pb.MarketDataBatch) else None

    async def batch_status(self) -> str:
        """The status of a stream that is not served."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            code: grpc.StatusCode = await self._call.code()
        return code.name

    async def first(self, body: str) -> Any:
        """The first message of this kind, whatever came before it."""
        while (batch := await self.batch()) is not None:
            for message in batch.messages:
                if message.WhichOneof("body") == body:
                    return getattr(message, body)
        raise AssertionError(f"the stream ended without {body}")

    async def ask_in(self, token: bytes, app_id: str, auth_code: str) -> None:
        """Hello, and the attachment; what comes of it is the next message."""
        await self.send(pb.MarketDataRequest(hello=terminal_pb2.Hello(protocol=1, app_id=app_id)))
        challenge = (await self.first("challenge")).timestamp
        attach = pb.AttachMarketData(token=token, auth_info=auth_info(auth_code, challenge))
        await self.send(pb.MarketDataRequest(attach=attach))

    async def subscribe(self, *names: str, change_id: int = 1) -> Any:
        change = pb.ChangeSubscriptions(change_id=change_id, feed=pb.FEED_DEPTH, instrument_ids=names)
        await self.send(pb.MarketDataRequest(change=change))
        return await self.first("changed")


@asynccontextmanager
async def open_market(port: int, authority: bytes, options: Sequence[tuple[str, int]] = ()) -> AsyncIterator[RawMarket]:
    """A stream to the relay's market data at this port."""
    credentials = grpc.ssl_channel_credentials(authority)
    own = (("grpc.use_local_subchannel_pool", 1), *options)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=own) as channel:
        call: Any = channel.stream_stream(_METHOD, response_deserializer=pb.MarketDataBatch.FromString)()
        try:
            yield RawMarket(call)
        finally:
            call.cancel()
