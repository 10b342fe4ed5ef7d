"""A client without any secret, from one address and from a hundred: terminals elsewhere log in meanwhile, and it is cut."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import h2.events
import h2.exceptions
import pytest
import pytest_asyncio

from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from simcounter.config import CounterConfig
from simcounter.counter import SimulatedCounter
from terminal_client import LoginRejected, NotConnected, RelayTerminal
from tests.e2e.broken_network import way_to
from tests.e2e.raw_http2 import DEADLINE_SECONDS, RawHttp2, client_hello, connect, message, raw_http2
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.site import INVESTORS, TERMINAL, Site, log_in, register, trade
from tests.e2e.test_lasting_resume import terminal_on

pytestmark = pytest.mark.asyncio(loop_scope="session")

HELLO_SECONDS = 2.0
TRIES = 10
HELLO = message(pb.TerminalMessage(hello=pb.Hello(protocol=1, app_id=TERMINAL)))
ONE = ("127.0.0.2",)
HUNDRED = tuple(f"127.0.1.{number}" for number in range(1, 101))
FROM_ONE_AND_FROM_A_HUNDRED = pytest.mark.parametrize("sources", [ONE, HUNDRED], ids=["one address", "a hundred"])
MEBIBYTE = 1024 * 1024
FRESH = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def besieged(tls: TlsFiles, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A relay that may have 1,024 descriptors and as many strangers as it lets itself have."""
    async with SimulatedCounter(CounterConfig()) as counter:
        settings = {"listen__hello_timeout_seconds": HELLO_SECONDS}
        relay = RelayProcess(
            tmp_path_factory.mktemp("besieged") / "relay", Mode.MANY_TO_MANY, counter.address, tls, settings
        )
        relay.open_files = 1024
        register(relay)
        await relay.start()
        try:
            yield Site(counter, relay, tls)
        finally:
            await relay.stop()


async def terminals_log_in(site: Site, times: int = 3) -> None:
    """Each from an address of its own that no investor has logged in from before."""
    for number in range(times):
        source = f"127.0.2.{next(FRESH)}"
        async with way_to(site.relay.port, source) as way, terminal_on(way, site) as terminal:
            await log_in_in_time(terminal, INVESTORS[number])
            await trade(terminal)


async def log_in_in_time(terminal: RelayTerminal, investor: str) -> None:
    """Again where a busy machine took longer than this relay's short hello timeout: to answer the challenge, or to say hello."""
    for _ in range(TRIES):
        try:
            await log_in(terminal, investor)
        except LoginRejected as rejected:
            if rejected.refusal.reason != "challenge_expired":
                raise
        except NotConnected:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError(f"no login in {TRIES} tries")


@asynccontextmanager
async def attacking(
    site: Site, sources: Sequence[str], count: int, window: int | None = None
) -> AsyncIterator[list[RawHttp2]]:
    """So many connections of HTTP/2, as many as get in."""
    where = [sources[number % len(sources)] for number in range(count)]
    tries = (connect(site.relay.port, site.tls.authority, source, window) for source in where)
    connections = [connection for connection in await asyncio.gather(*tries) if connection is not None]
    try:
        yield connections
    finally:
        await asyncio.gather(*(connection.end() for connection in connections))


@asynccontextmanager
async def ended_by(over: asyncio.Event, flood: Sequence[asyncio.Future[None]]) -> AsyncIterator[None]:
    """A flood that is over at the end, however that comes."""
    try:
        yield
    finally:
        over.set()
        for one in flood:
            one.cancel()
        await asyncio.gather(*flood, return_exceptions=True)


async def all_closed(connections: Sequence[RawHttp2]) -> None:
    await asyncio.gather(*(connection.is_closed() for connection in connections))


def lines(site: Site, event: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in site.relay.output.splitlines() if f'"event": "{event}"' in line]


def errors(site: Site) -> list[str]:
    return [line for line in site.relay.output.splitlines() if '"level": "error"' in line or "Traceback" in line]


@FROM_ONE_AND_FROM_A_HUNDRED
async def test_streams_whose_window_is_closed_hold_nothing(besieged: Site, sources: Sequence[str]) -> None:
    """gRPC would give such a place back never: the answer waits for the window, and so does the status."""
    async with attacking(besieged, sources, 100, window=0) as connections:
        assert connections
        for connection in connections:
            for _ in range(8):
                connection.send(connection.open_stream(), HELLO)
        await terminals_log_in(besieged)

        await all_closed(connections)
    await terminals_log_in(besieged, 1)


@FROM_ONE_AND_FROM_A_HUNDRED
async def test_streams_that_are_opened_again_and_again_hold_nothing(besieged: Site, sources: Sequence[str]) -> None:
    """A connection has eight before its terminal proves itself; then it has to be opened anew, in its turn."""

    over = asyncio.Event()  # a cancellation that meets the end of a connection is not always passed on

    async def reopen(source: str) -> None:
        while not over.is_set():
            connection = await connect(besieged.relay.port, besieged.tls.authority, source)
            if connection is None:
                await asyncio.sleep(0.05)
                continue
            try:
                for _ in range(20):
                    connection.h2.reset_stream(connection.open_stream())
                    connection.flush()
                for _ in range(8):
                    connection.open_stream()
                await connection.is_closed()
            except h2.exceptions.ProtocolError:
                pass
            finally:
                await connection.end()

    async with ended_by(over, [asyncio.ensure_future(reopen(source)) for source in sources]):
        await terminals_log_in(besieged)


@FROM_ONE_AND_FROM_A_HUNDRED
async def test_half_handshakes_hold_nothing(besieged: Site, sources: Sequence[str]) -> None:
    """Neither half a ClientHello nor a whole one that nothing follows; both are closed within seconds."""
    hello = client_hello()
    held = [
        opened(besieged.relay.port, sources[number % len(sources)], first)
        for first in (b"", hello[:100], hello)
        for number in range(200)
    ]
    try:
        await terminals_log_in(besieged)

        for connection in held:
            await asyncio.wait_for(closed_by_relay(connection), DEADLINE_SECONDS)
    finally:
        for connection in held:
            connection.close()


@FROM_ONE_AND_FROM_A_HUNDRED
async def test_a_flood_of_connections_leaves_room(besieged: Site, sources: Sequence[str]) -> None:
    """As fast as they can be opened, with bytes that are none of TLS, or with a ClientHello."""
    flooding = True
    before, began = len(lines(besieged, "connection_refused")), time.monotonic()
    beginnings = itertools.cycle([b"GET / HTTP/1.1\r\n\r\n", client_hello(), b""])
    addresses = itertools.cycle(sources)

    async def flood() -> None:
        held: deque[socket.socket] = deque()
        while flooding:
            held += [opened(besieged.relay.port, next(addresses), next(beginnings)) for _ in range(10)]
            while len(held) > 2000:
                held.popleft().close()
            await asyncio.sleep(0.005)
        for connection in held:
            connection.close()

    floods = asyncio.ensure_future(flood())
    try:
        await terminals_log_in(besieged)
    finally:
        flooding = False
        await floods

    minutes = 2 + int((time.monotonic() - began) / 60)  # each that was begun has a line of its own for an address
    assert len(lines(besieged, "connection_refused")) - before <= minutes * len(sources)


async def test_connections_without_a_stream_are_closed(besieged: Site) -> None:
    """TLS is agreed on, and then there is nothing."""
    async with attacking(besieged, ONE, 50) as connections:
        assert connections
        await all_closed(connections)


@FROM_ONE_AND_FROM_A_HUNDRED
async def test_unfinished_messages_take_little_memory(besieged: Site, sources: Sequence[str]) -> None:
    """Each begins a message that is as large as gRPC lets it be; of a larger one the status says so at once."""
    before = besieged.relay.memory()
    most = before
    async with attacking(besieged, sources, 100) as connections:
        for connection in connections:
            for _ in range(8):
                stream = connection.open_stream()
                beginning = b"\0" + (2 * 65536 - 100).to_bytes(4, "big") + bytes(60_000)
                with contextlib.suppress(h2.exceptions.ProtocolError):
                    for start in range(0, len(beginning), 16_000):
                        connection.h2.send_data(stream, beginning[start : start + 16_000])
            connection.flush()
        while not all(connection.closed.is_set() for connection in connections):
            most = max(most, besieged.relay.memory())
            await asyncio.sleep(0.05)
    await terminals_log_in(besieged, 1)

    assert most - before < 100 * MEBIBYTE


async def test_a_compressed_message_is_refused(besieged: Site) -> None:
    """Before it is taken apart: a kilobyte could become a megabyte."""
    async with raw_http2(besieged.relay.port, besieged.tls.authority) as connection:
        stream = connection.open_stream(("grpc-encoding", "gzip"))
        connection.send(stream, message(b"\x1f\x8b" + bytes(100), compressed=True))
        await connection.received(h2.events.StreamEnded)

        assert connection.trailers()["grpc-status"] == "12"


CONTINUATION = b"\x00\x00\x10\x09\x00\x00\x00\x00\x01" + bytes(16)
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
PING = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8)
PRIORITY = b"\x00\x00\x05\x02\x00\x00\x00\x00\x01\x00\x00\x00\x00\x10"
HEADERS_OPEN = b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x88"


@pytest.mark.parametrize(
    ("first", "frame"),
    [(HEADERS_OPEN, CONTINUATION), (b"", SETTINGS), (b"", PING), (b"", PRIORITY)],
    ids=["CONTINUATION", "SETTINGS", "PING", "PRIORITY"],
)
async def test_a_flood_of_frames_is_cut(besieged: Site, first: bytes, frame: bytes) -> None:
    """A stranger's connection has a budget of bytes, whatever they are."""
    async with raw_http2(besieged.relay.port, besieged.tls.authority, ONE[0]) as connection:
        connection.raw(first)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not connection.closed.is_set():
                connection.raw(frame * 1000)
                await asyncio.sleep(0.01)
    await terminals_log_in(besieged, 1)


@pytest.mark.parametrize("how", ["reset", "hang up"])
async def test_a_client_that_hangs_up_is_no_error(besieged: Site, how: str) -> None:
    """In whatever phase: before hello, during the challenge, after it, in the middle of a message, while it is refused."""
    before = errors(besieged)
    too_large = message(pb.TerminalMessage(login=pb.Login(system_info=bytes(70_000))))
    phases = [b"", HELLO[:4], HELLO, HELLO * 2, HELLO + b"\0\0\0\1\0", b"\0\0\0\0\3\xff\xff\xff", too_large[:50_000]]
    for data in phases:
        for pause, window in ((0.0, None), (0.002, None), (0.01, None), (0.05, None), (0.05, 0)):
            async with raw_http2(besieged.relay.port, besieged.tls.authority, window=window) as connection:
                stream = connection.open_stream()
                for start in range(0, len(data), 16_000):
                    connection.h2.send_data(stream, data[start : start + 16_000])
                connection.flush()
                await asyncio.sleep(pause)
                if how == "reset":
                    with contextlib.suppress(h2.exceptions.ProtocolError):
                        connection.h2.reset_stream(stream)
                    connection.flush()
                    await asyncio.sleep(0)
                connection.hang_up()
    await terminals_log_in(besieged, 1)

    assert errors(besieged) == before


def opened(port: int, source: str, first: bytes) -> socket.socket:
    """A connection on which this was said."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    connection.bind((source, 0))
    connection.settimeout(5)
    with contextlib.suppress(OSError):
        connection.connect(("127.0.0.1", port))
        connection.sendall(first)
    connection.setblocking(False)
    return connection


async def closed_by_relay(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while await loop.sock_recv(connection, 65536):
            pass
