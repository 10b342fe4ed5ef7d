"""A listener in front of gRPC's own, for connections that come through proxies which only pass bytes on.

gRPC does not know the PROXY protocol, and takes connections only from a port that it listens on itself. So this listener
accepts the connection, reads the header where the peer is a proxy that writes one, opens a connection to gRPC's port on
loopback and passes bytes between the two, TLS included. It exists only where `listen.proxy_protocol_from` is set;
otherwise terminals connect to gRPC's port directly.

One connection is a pair: `_Outer`, from the terminal or the proxy, and `_Inner`, to gRPC. In order:

1. Accepted. A timer runs: 5 s for a header, 20 s for the first bytes of a peer that writes none.
2. The header is read, where the peer is in `proxies`. From any other peer a header is refused, because that peer could
   name any address.
3. The inner socket is bound, and its local port is stored with the terminal's address in `_origins`. Only then it
   connects. gRPC names this port as its peer, so `origin` finds the address before gRPC can ask for it.
4. Bytes go both ways.
5. Either side closes, and the other is closed too. The terminal has 10 s to read what is left.

What holds between two events:

* Until the inner side is there, the outer one is paused and its bytes wait in `_first`, so their order is kept and
  their number is bounded.
* A side whose peer does not read pauses the reading of the other side. No byte is buffered without bound here.
* A connection to the inner port that was not opened here has no entry in `_origins`. Its streams have no origin and
  are refused.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import cast

import structlog

from relay.admission.origin.proxy_header import ProxyHeaderWrong, begins_like_one, parse
from relay.admission.origin.trusted_proxies import Network, Origin, OriginUnknown, is_in, origin_at
from relay.settings.values import split_address
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_HEADER_SECONDS = 5.0
_FIRST_BYTES_SECONDS = 20.0
"""how long a peer that needs no header may be silent; gRPC itself would wait two minutes"""
_CONNECT_SECONDS = 5.0
_FLUSH_SECONDS = 10.0
"""how long a terminal may take to read the last bytes of a connection that gRPC has closed"""
_BACKLOG = 1024


class ProxyListener:
    """The outer listener, and where each inner connection really comes from."""

    def __init__(self, proxies: Sequence[Network]) -> None:
        self.proxies = proxies
        """the peers that write a header; all others must not"""
        self.refused = 0
        """connections refused since the start: no header, one that cannot be read, or one from another peer"""
        self.connections: set[_Outer] = set()
        self.tasks = Tasks()
        self._origins: dict[int, Origin | None] = {}
        self._server: asyncio.Server | None = None
        self._inner_port = 0

    async def start(self, address: str, inner_port: int) -> int:
        """Listen at `address` for what is passed on to the port on loopback; returns the port. Raises OSError."""
        host, port = split_address(address)
        self._inner_port = inner_port
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        listening = socket.create_server(
            found[0][4][:2],
            family=family,
            backlog=_BACKLOG,
            dualstack_ipv6=host == "::",  # as gRPC's own port
        )
        self._server = await loop.create_server(lambda: _Outer(self), sock=listening)
        return int(listening.getsockname()[1])

    def close(self) -> None:
        """Take no more connections; those there are go on."""
        if self._server is not None:
            self._server.close()

    async def stop(self) -> None:
        """Cut what is left; idempotent."""
        self.close()
        for connection in tuple(self.connections):
            connection.cut()
        await self.tasks.cancel()

    def origin(self, inner: Origin) -> Origin:
        """Where the connection that gRPC sees coming from `inner` really comes from; raises OriginUnknown."""
        if inner.port not in self._origins:
            raise OriginUnknown("the connection did not come through listen.address")
        origin = self._origins[inner.port]
        if origin is None:
            raise OriginUnknown("the proxy speaks for itself in its PROXY header and names no address")
        return origin

    def refuse(self, peer: Origin | None, why: str) -> None:
        """Count and say that a connection was refused."""
        self.refused += 1
        _log.warning("connection_refused", peer=str(peer.ip) if peer else "", why=why)

    async def connect(self, outer: _Outer, origin: Origin | None) -> _Inner:
        """A connection to gRPC for this origin, known before gRPC can ask for it. Raises OSError, TimeoutError."""
        loop = asyncio.get_running_loop()
        inner = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        port = 0
        try:
            inner.bind(("127.0.0.1", 0))
            port = inner.getsockname()[1]
            self._origins[port] = origin
            async with asyncio.timeout(_CONNECT_SECONDS):
                await loop.sock_connect(inner, ("127.0.0.1", self._inner_port))
                _, protocol = await loop.create_connection(lambda: _Inner(outer, self, port), sock=inner)
        except BaseException:
            inner.close()
            self.forget(port)
            raise
        return protocol

    def forget(self, port: int) -> None:
        """This inner connection is over."""
        self._origins.pop(port, None)


class _Outer(asyncio.Protocol):
    """A connection from a terminal or a proxy."""

    def __init__(self, proxy_listener: ProxyListener) -> None:
        self._proxy_listener = proxy_listener
        self._loop = asyncio.get_running_loop()
        self._peer: Origin | None = None
        self._behind_proxy = False
        self._first = b""
        """what came before the inner connection was there"""
        self._deadline: asyncio.TimerHandle | None = None
        self._opening = False
        self.inner: _Inner | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._proxy_listener.connections.add(self)
        try:
            host, port = transport.get_extra_info("peername")[:2]
            self._peer = origin_at(ipaddress.ip_address(host.partition("%")[0]), port)
        except (TypeError, ValueError):  # gone already
            self.cut()
            return
        self._behind_proxy = is_in(self._peer.ip, self._proxy_listener.proxies)
        seconds, why = _FIRST_BYTES_SECONDS, "nothing was sent in time"
        if self._behind_proxy:
            seconds, why = _HEADER_SECONDS, "no PROXY header in time"
        self._deadline = self._loop.call_later(seconds, self._refuse, why)

    def data_received(self, data: bytes) -> None:
        if self.inner is not None:
            self.inner.transport.write(data)
            return
        self._first += data
        if self._opening:  # read before the pause
            return
        if self._behind_proxy:
            self._read_header()
        elif begins_like_one(self._first):
            self._refuse("a PROXY header from outside listen.proxy_protocol_from")
        else:
            self._open(self._peer)

    def eof_received(self) -> None:
        """The other side of the pair is closed with the transport, which asyncio closes now."""

    def connection_lost(self, _: Exception | None) -> None:
        self._proxy_listener.connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
        if self.inner is not None:
            self.inner.transport.close()

    def pause_writing(self) -> None:
        if self.inner is not None and not self.inner.transport.is_closing():
            self.inner.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.inner is not None and not self.inner.transport.is_closing():
            self.inner.transport.resume_reading()

    def finish(self) -> None:
        """The inner side is closed: let the terminal read what is left, but not for ever."""
        if self.transport.is_closing():
            return
        self.transport.close()
        self._loop.call_later(_FLUSH_SECONDS, self.cut)

    def cut(self) -> None:
        """End at once."""
        self.transport.abort()

    def _read_header(self) -> None:
        try:
            header = parse(self._first)
        except ProxyHeaderWrong as wrong:
            self._refuse(str(wrong))
            return
        if header is not None:
            self._first = self._first[header.size :]
            self._open(header.origin)

    def _open(self, origin: Origin | None) -> None:
        self._opening = True
        if self._deadline is not None:
            self._deadline.cancel()
        self.transport.pause_reading()
        self._proxy_listener.tasks.start(self._pass_on(origin), "inner connection")

    async def _pass_on(self, origin: Origin | None) -> None:
        try:
            inner = await self._proxy_listener.connect(self, origin)
        except (OSError, TimeoutError) as error:
            self._refuse(f"gRPC does not take it: {type(error).__name__} {error}")
            return
        if self.transport.is_closing():
            inner.transport.close()
            return
        if self._first:
            inner.transport.write(self._first)
            self._first = b""
        self.inner = inner
        self.transport.resume_reading()

    def _refuse(self, why: str) -> None:
        self._proxy_listener.refuse(self._peer, why)
        self.cut()


class _Inner(asyncio.Protocol):
    """The connection to gRPC that belongs to an outer one."""

    def __init__(self, outer: _Outer, proxy_listener: ProxyListener, port: int) -> None:
        self._outer = outer
        self._proxy_listener = proxy_listener
        self._port = port
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._outer.transport.write(data)

    def eof_received(self) -> None:
        """See `_Outer`."""

    def connection_lost(self, _: Exception | None) -> None:
        self._proxy_listener.forget(self._port)
        self._outer.finish()

    def pause_writing(self) -> None:
        if not self._outer.transport.is_closing():
            self._outer.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._outer.transport.is_closing():
            self._outer.transport.resume_reading()
