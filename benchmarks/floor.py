"""The floor of the road: the direct terminal, with a bare grpc.aio relay between its codec and the vendor's library.

`Road` stands in the place of the vendor's API in the terminal's process, and this module as a program is the relay: the same calls
and callbacks cross one gRPC stream over TLS as bytes, and nothing is looked at on the way. Terminal, vendor's library and counter do
what they do for a direct terminal, so floor less direct is what gRPC, TLS and one more process cost, and no relay on this road
can be faster. The terminal's identity, accounts, checks, the ledger and the order map are what the floor leaves out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import grpc

from ctpabi.api import binding
from ctpabi.api.inbox import Inbox
from ctpabi.api.spi import Put, RawEvent
from ctpabi.api.trader import QUICK, TraderApi
from ctpabi.catalog import Callback, Method
from ctpabi.catalog.data import load_catalog
from ctpabi.shim.wire import HEADER, Frame, FrameReader, FrameType

_STREAM = "/floor.Road/Stream"
_NO_STRUCT = 0xFFFFFFFF
_OPTIONS = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 1024 * 1024))
"""without them gRPC measures the road with a ping after nearly every message"""


def pack_event(event: RawEvent) -> bytes:
    """A callback as bytes: its header, its struct, its RspInfo."""
    body, info = event.body, event.rsp_info or b""
    size = _NO_STRUCT if body is None else len(body)
    content = (body or b"") + info
    number = event.request_id or event.reason
    return HEADER.pack(len(content), ord(FrameType.EVENT), event.is_last, event.callback.slot, number, size) + content


def unpack_event(callbacks: Mapping[int, Callback], data: bytes) -> RawEvent:
    """What `pack_event` made."""
    size, _, last, slot, number, struct = HEADER.unpack_from(data)
    body = None if struct == _NO_STRUCT else data[HEADER.size : HEADER.size + struct]
    info = data[HEADER.size + len(body or b"") : HEADER.size + size] or None
    return RawEvent(callbacks[slot], body, info, number, bool(last), number)


class Road:
    """In the vendor's API's place in a terminal: what it is asked for is done by the relay."""

    def __init__(self, address: str, ca: Path, put: Put) -> None:
        roots = grpc.ssl_channel_credentials(ca.read_bytes())
        self._channel = grpc.aio.secure_channel(address, roots, _OPTIONS)
        self._loop = asyncio.get_running_loop()
        self._put = put
        self._callbacks = {callback.slot: callback for callback in load_catalog().callbacks.values()}
        self._calls: asyncio.Queue[bytes] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def connect(self, _fronts: Sequence[str], _private_topic: int, _public_topic: int) -> None:
        stream: Any = self._channel.stream_stream(_STREAM)()
        self._tasks = [self._loop.create_task(self._send(stream)), self._loop.create_task(self._read(stream))]

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        self._calls.put_nowait(Frame(FrameType.CALL, method.slot, request_id=request_id, body=bytes(body)).encode())
        return 0

    def release(self) -> None:
        """On a thread of its own, as the vendor's is."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])

    async def _send(self, stream: Any) -> None:
        while True:
            await stream.write(await self._calls.get())

    async def _read(self, stream: Any) -> None:
        async for data in stream:
            self._put(unpack_event(self._callbacks, data))


class FloorRelay(grpc.GenericRpcHandler):
    """An instance of the vendor's library for each stream."""

    def __init__(self, front: str) -> None:
        self._front = front
        self._methods = {method.slot: method for method in load_catalog().requests}

    def service(self, _details: Any) -> Any:
        return grpc.stream_stream_rpc_method_handler(self._stream)

    async def _stream(self, requests: AsyncIterator[bytes], context: Any) -> None:
        bursts: asyncio.Queue[list[RawEvent]] = asyncio.Queue()
        inbox: Inbox[RawEvent] = Inbox(asyncio.get_running_loop(), bursts.put_nowait, 100_000)
        with tempfile.TemporaryDirectory() as flow:
            api = TraderApi(binding.load(), Path(flow), inbox.put)
            api.connect([self._front], QUICK, QUICK)
            up = asyncio.get_running_loop().create_task(self._up(bursts, context))
            frames = FrameReader()
            try:
                async for data in requests:
                    for frame in frames.feed(data):
                        api.call(self._methods[frame.slot], frame.body, frame.request_id)
            finally:
                up.cancel()
                await asyncio.to_thread(api.release)

    async def _up(self, bursts: asyncio.Queue[list[RawEvent]], context: Any) -> None:
        while True:
            for event in await bursts.get():
                await context.write(pack_event(event))


async def serve(given: argparse.Namespace) -> None:
    """Until standard input ends."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((FloorRelay(given.front),))
    pair = [(given.key.read_bytes(), given.certificate.read_bytes())]
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(pair))
    await server.start()
    print(json.dumps({"port": port}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(grace=1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description="the bare relay")
    parser.add_argument("--front", required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    given = parser.parse_args()
    # The relay's loop: uvloop's where it is installed.
    run = import_module("uvloop").run if find_spec("uvloop") else asyncio.run
    run(serve(given))


if __name__ == "__main__":
    main()
