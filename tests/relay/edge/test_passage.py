"""Connections through proxies that only pass bytes on: whose they are, and what is not let through."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from ctprelay.v1 import terminal_pb2 as pb
from ctprelay.v1 import terminal_pb2_grpc
from relay.edge import passage
from relay.rpc.listener import Listener
from relay.sessions.endings import Ending, EndKind
from relay.settings.listen_section import Listen
from tests.relay.admission.origin.test_proxy_header import binary
from tests.relay.rpc.test_listener import certified
from tests.relay.rpc.test_terminal_service import HELLO, Site, wide_gate

TEXT = b"PROXY TCP4 203.0.113.9 10.0.0.5 41000 443\r\n"
LOOPBACK = ("127.0.0.0/8",)


class Proxy:
    """Passes bytes on, with what it has to write before them."""

    def __init__(self, header: bytes, pause: float = 0.0) -> None:
        self.header = header
        self.pause = pause
        self.relay_port = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self, relay_port: int) -> None:
        self.relay_port = relay_port
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to, out = await asyncio.open_connection("127.0.0.1", self.relay_port)
        self._writers += [writer, out]
        for piece in (self.header[:20], self.header[20:]):
            out.write(piece)
            await asyncio.sleep(self.pause)
        await asyncio.gather(_pass_on(reader, out), _pass_on(to, writer), return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def behind(proxy: Proxy, **settings: Any) -> AsyncIterator[Site]:
    """A relay's listener, and a terminal's channel to it through the proxy."""
    site = Site()
    listener = site.listener = Listener(Listen(address="127.0.0.1:0", **settings), site.open_stream, wide_gate(), 100)
    await proxy.start(await listener.start())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{proxy.port}") as channel:
        site.channel, site.stub = channel, terminal_pb2_grpc.TerminalServiceStub(channel)  # type: ignore[no-untyped-call]
        yield site
    await listener.stop(0)
    await proxy.stop()


async def refusal(site: Site) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        async for _ in site.stub.Session():
            pass
    return error.value


@pytest.mark.parametrize(
    ("header", "public_ip"),
    [
        (TEXT, "203.0.113.9"),
        (binary("203.0.113.9", 41000), "203.0.113.9"),
        (binary("2001:db8::7", 41000), "20010db8000000000000000000000007"),
    ],
)
async def test_a_terminal_is_whom_the_header_names(header: bytes, public_ip: str) -> None:
    """Also where the header comes in pieces."""
    async with behind(Proxy(header, pause=0.05), proxy_protocol_from=LOOPBACK) as site:
        call = await site.call(HELLO)
        site.streams[0].outbox.close(Ending(EndKind.LOGGED_OUT))
        read = [message async for batch in call for message in batch.messages]

    assert (site.streams[0].origin.public_ip, site.streams[0].origin.port) == (public_ip, 41000)
    assert read[-1].goodbye.kind == pb.Goodbye.KIND_LOGGED_OUT


async def test_a_second_proxy_may_stand_before_the_first() -> None:
    """One that speaks HTTP/2 and appends the address, behind one that only passes bytes on."""
    through = Proxy(b"PROXY TCP4 10.0.0.5 10.0.0.6 5000 443\r\n")
    async with behind(through, proxy_protocol_from=LOOPBACK, trusted_proxies=("10.0.0.5/32",)) as site:
        call = await site.call(HELLO, metadata=[("x-forwarded-for", "192.0.2.1, 203.0.113.9:41000")])
        call.cancel()

    assert site.streams[0].origin.public_ip == "203.0.113.9"


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", binary("10.0.0.5", 1, command=0x20)])
async def test_a_proxy_that_speaks_for_itself_may_connect_and_open_no_stream(header: bytes) -> None:
    """Its health checks succeed, and no report gets its address."""
    async with behind(Proxy(header), proxy_protocol_from=LOOPBACK) as site:
        error = await refusal(site)

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "origin_unknown" in (error.details() or "")
    assert site.streams == []
    assert site.listener is not None
    assert site.listener.origins_unknown == 1


async def test_a_proxy_without_a_header_is_refused_and_counted() -> None:
    """The specification forbids to guess whether there is one."""
    async with behind(Proxy(b""), proxy_protocol_from=LOOPBACK) as site:
        error = await refusal(site)

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert site.streams == []
    assert site.listener is not None
    assert site.listener.connections_refused > 0


async def test_a_proxy_that_says_nothing_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection costs a descriptor."""
    monkeypatch.setattr(passage, "_FIRST_BYTES_SECONDS", 0.05)
    site = Site()
    listener = Listener(Listen(address="127.0.0.1:0", proxy_protocol_from=LOOPBACK), site.open_stream, wide_gate(), 100)
    reader, writer = await asyncio.open_connection("127.0.0.1", await listener.start())
    writer.write(b"PROXY TCP4 203")

    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    await listener.stop(0)

    assert listener.connections_refused == 1


async def test_somebody_else_who_says_nothing_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that stay for ever would use up the relay's descriptors."""
    monkeypatch.setattr(passage, "_FIRST_BYTES_SECONDS", 0.05)
    listen = Listen(address="127.0.0.1:0", plaintext_on_loopback=True, proxy_protocol_from=("192.0.2.1/32",))
    listener = Listener(listen, Site().open_stream, wide_gate(), 10)
    port = await listener.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        assert listener.connections_refused == 1
    finally:
        await listener.stop(0)


async def test_others_than_the_proxies_connect_as_themselves() -> None:
    """To the same address: one of the firm's own machines, for instance."""
    async with behind(Proxy(b""), proxy_protocol_from=("10.9.9.9/32",)) as site:
        call = await site.call(HELLO)
        call.cancel()

    assert site.streams[0].origin.public_ip == "127.0.0.1"


async def test_a_header_of_somebody_else_is_refused_and_counted() -> None:
    """Otherwise anybody could choose the address that goes into his report."""
    async with behind(Proxy(TEXT), proxy_protocol_from=("10.9.9.9/32",)) as site:
        error = await refusal(site)

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert site.streams == []
    assert site.listener is not None
    assert site.listener.connections_refused > 0


async def test_many_whose_address_is_unknown_are_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A proxy's checks come again and again: there is no line for each."""
    async with behind(Proxy(b"PROXY UNKNOWN\r\n"), proxy_protocol_from=LOOPBACK) as site:
        for _ in range(3):
            assert "origin_unknown" in ((await refusal(site)).details() or "")
        assert site.listener is not None
        lines = dict(site.listener.edge.lines._said)

    assert not caplog.records
    assert list(lines.values()) == [3]
    assert site.listener.origins_unknown == 3


async def test_tls_goes_through_as_it_is(tmp_path: Path) -> None:
    """The header stands before it; the relay still holds the key."""
    settings, authority = certified(tmp_path)
    trust = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trust))
    proxy = Proxy(TEXT)
    tls = {"tls_certificate": settings.tls_certificate, "tls_key": settings.tls_key}
    async with behind(proxy, proxy_protocol_from=LOOPBACK, **tls) as site:
        credentials = grpc.ssl_channel_credentials(trust.read_bytes())
        async with grpc.aio.secure_channel(f"localhost:{proxy.port}", credentials) as secure:
            site.stub = terminal_pb2_grpc.TerminalServiceStub(secure)  # type: ignore[no-untyped-call]
            call = await site.call(HELLO)
            call.cancel()

    assert site.streams[0].origin.public_ip == "203.0.113.9"


async def test_much_goes_through_whole_and_in_order() -> None:
    """Also when the terminal reads late: what waits is in the stream's outbox, which has a bound."""
    async with behind(Proxy(TEXT), proxy_protocol_from=LOOPBACK) as site:
        call = await site.call(HELLO)
        (stream,) = site.streams
        sent = [pb.RelayMessage(sequence=number, goodbye=pb.Goodbye(reason="x" * 50_000)) for number in range(1, 20)]
        for _ in range(10):
            for message in sent:
                stream.outbox.put(message.SerializeToString())
            read: list[pb.RelayMessage] = []
            while len(read) < len(sent):
                batch = await asyncio.wait_for(call.read(), 30)
                read += list(batch.messages)
            assert read == sent
        call.cancel()


async def test_the_header_can_be_asked_for_while_the_relay_serves() -> None:
    """By a reload; the next connection has to bring one."""
    async with behind(Proxy(TEXT)) as site:
        error = await refusal(site)
        assert site.listener is not None
        site.listener.take_settings(Listen(address="127.0.0.1:0", proxy_protocol_from=LOOPBACK))
        call = site.stub.Session(wait_for_ready=True)
        await call.write(HELLO)
        await asyncio.wait_for(site.opened.wait(), 30)
        call.cancel()

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert site.streams[0].origin.public_ip == "203.0.113.9"


async def test_a_much_larger_message_than_at_the_start_waits_for_a_restart() -> None:
    """The limit of a door is twice the setting, and stays."""
    async with behind(Proxy(b"")) as site:
        assert site.listener is not None
        site.listener.take_settings(Listen(address="127.0.0.1:0", max_message_bytes=131_072))
        with pytest.raises(ValueError, match="restart"):
            site.listener.take_settings(Listen(address="127.0.0.1:0", max_message_bytes=131_073))
