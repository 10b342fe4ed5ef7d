"""The relay's doors for terminals: what is listened at, where a terminal's address comes from, the open streams."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from relay.admission.origin.trusted_proxies import Network, Origin, OriginUnknown, origin_of, parse_networks
from relay.counter.port import Evidence
from relay.edge.descriptors import most_logging_in, most_strangers, raise_limit
from relay.edge.edge import Edge
from relay.edge.handed import HandedConnections
from relay.edge.limits import EdgeLimits
from relay.edge.pace import PaceLimits
from relay.edge.passage import Passage, ServedDoor
from relay.edge.shares import ShareLimits
from relay.edge.stream_gate import MOST_WAITING, GateLimits, StreamGate
from relay.http2.call import Call
from relay.market_data.hub import MarketHub
from relay.market_data.stream import MarketStream
from relay.rpc.certificates import Certificates, CertificateUnusable, ServedFiles
from relay.rpc.elsewhere import PassedStreams
from relay.rpc.health import Health
from relay.rpc.terminal_service import TerminalService
from relay.sessions.sessions import STOPPING, TOKEN_BYTES, Sessions
from relay.sessions.stream import StreamSettings, TerminalStream
from relay.settings.listen_section import Listen
from relay.settings.settings import Settings
from relay.tasks import Tasks

_FAREWELL_SECONDS = 5.0
"""how long the last words on the streams may take to be read"""


Serve = Callable[[Passage, Call], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class MarketListen:
    """How market data is served."""

    open_stream: Callable[[Origin], MarketStream]
    address: str | None
    """None: at the ports of the terminal service"""
    public_port: int | None


@dataclass(slots=True)
class _ServedAddress:
    """An address and what is behind it."""

    key: str
    """of the setting"""
    address: str
    door: ServedDoor
    port: int = 0


class Listener:
    handed_ports: Mapping[str, int] | None = None
    """by the key of the setting, where another process listens and hands the connections over; None where this one does"""

    def __init__(
        self,
        settings: Listen,
        open_stream: Callable[[Origin], TerminalStream],
        gate: StreamGate,
        max_sessions: int,
        known_place: Callable[[str], bool] = lambda _: False,
        market: MarketListen | None = None,
    ) -> None:
        """`known_place` says whether an investor has logged in from a place. OSError where certificate or key cannot be used."""
        self._settings = settings
        self._market = market
        self._max_sessions = max_sessions if market is None else 2 * max_sessions
        """connections that sessions may have"""
        self._descriptors = raise_limit()
        self._most_bytes = 2 * settings.max_message_bytes
        self.certificates: Certificates | None = None
        if settings.tls_certificate is not None and settings.tls_key is not None:
            files = ServedFiles(settings.tls_certificate, settings.tls_key, settings.client_ca)
            self.certificates = Certificates(files)
        self.edge = Edge(self._edge_limits(settings), known_place)
        self._origins = _Origins(self.edge)
        open_market = market.open_stream if market is not None else None
        self._service = TerminalService(
            open_stream, self._origins, gate, self.edge, settings.max_message_bytes, open_market
        )
        self._doors = list(self._served_addresses(settings))
        self._take_networks(settings)
        self._tasks = Tasks()

    @property
    def valid_until(self) -> dt.datetime | None:
        """When the certificate that is served expires; None without TLS."""
        return self.certificates.valid_until if self.certificates is not None else None

    @property
    def health(self) -> Health:
        """Who may ask whether terminals should be sent here, and what is answered."""
        return self._service.health

    @property
    def origins_unknown(self) -> int:
        """Streams refused since the start because no trusted proxy said where they come from."""
        return self._service.origins_unknown

    @property
    def origins_without_port(self) -> int:
        """Streams since the start whose proxy gave their address without the port, so that reports say port 0."""
        return self._origins.without_port

    @property
    def connections_refused(self) -> int:
        """Connections refused since the start, for whatever cause."""
        return self.edge.counts.refused

    async def start(self) -> int:
        """Begin to serve; returns the port. OSError where the address cannot be used."""
        for served in self._doors:
            try:
                served.port = await self._let_in(served)
            except OSError as error:
                where = f"{served.key} {served.address}"
                raise OSError(f"{where} cannot be used: is another program there? ({error})") from None
        if self.certificates is not None:
            self._tasks.start(self.certificates.watch(), "watch the certificate")
        return self._doors[0].port

    def find_owners_by(self, owner_of: Callable[[bytes], Path | None]) -> None:
        """By the token a terminal shows: where the session is, if that is at another worker."""
        self._service.owner_of = owner_of

    async def _let_in(self, served: _ServedAddress) -> int:
        if self.handed_ports is None:
            return await self.edge.start(served.address, served.door)
        self.edge.serve_handed(served.key, served.door)
        return self.handed_ports[served.key]

    @property
    def port_with_certificates(self) -> int:
        """The port of the second address; 0 where there is none."""
        return next((door.port for door in self._doors if door.key == "listen.address_with_certificates"), 0)

    @property
    def market_port(self) -> int | None:
        """The port that terminals are to use for market data, 0 for the one they use; None where there is none."""
        if self._market is None:
            return None
        own = next((door.port for door in self._doors if door.key == "market_data.address"), 0)
        return self._market.public_port or own

    async def stop(self, seconds: float) -> None:
        """Take no more streams, let those there are end within this time, then cut them; idempotent."""
        await self._tasks.cancel()
        self.edge.close()
        await self.edge.leave(seconds)
        self.edge.stop()

    def take_settings(self, settings: Listen) -> None:
        """What may change while it serves: proxies, bounds, the largest message. ValueError where it may not."""
        if settings.max_message_bytes > self._most_bytes:
            raise ValueError("listen.max_message_bytes can grow beyond twice its value at the start by a restart only")
        self._take_networks(settings)
        self._service.max_message = settings.max_message_bytes
        self.edge.take_limits(self._edge_limits(settings))

    def take_certificate(self, settings: Settings) -> None:
        """Read the certificate again; blocks, raises CertificateUnusable."""
        listen = settings.listen
        if self.certificates is None or listen.tls_certificate is None or listen.tls_key is None:
            raise CertificateUnusable("TLS can be switched on or off by a restart only")
        if (listen.client_ca is None) != (self._settings.client_ca is None):
            raise CertificateUnusable("certificates of terminals can be switched on or off by a restart only")
        self.certificates.use(ServedFiles(listen.tls_certificate, listen.tls_key, listen.client_ca))

    def _take_networks(self, settings: Listen) -> None:
        self._origins.trusted = self.edge.carries_many = parse_networks(settings.trusted_proxies)
        self.edge.writes_header = parse_networks(settings.proxy_protocol_from)
        self._service.health.asked_from = parse_networks(settings.health_checks_from)

    def _edge_limits(self, settings: Listen) -> EdgeLimits:
        strangers = most_strangers(settings.max_connections_without_session, self._max_sessions, self._descriptors)
        logging_in = most_logging_in(strangers, self._max_sessions, self._descriptors)
        return EdgeLimits(
            ShareLimits(strangers, settings.max_connections_without_session_per_address),
            ShareLimits(logging_in, logging_in),
            PaceLimits(settings.connections_per_second, settings.connections_per_second_per_address),
            settings.max_message_bytes,
            settings.hello_timeout_seconds,
            2 * (self._max_sessions + settings.max_streams_without_session + MOST_WAITING),
            self._max_sessions,
        )

    def _served_addresses(self, settings: Listen) -> Iterator[_ServedAddress]:
        asks, serve = settings.client_certificates == "required", self._service.serve
        yield self._served("listen.address", settings.address, asks, serve)
        if settings.address_with_certificates is not None:
            yield self._served("listen.address_with_certificates", settings.address_with_certificates, True, serve)
        if self._market is not None and self._market.address is not None:
            self._service.serves_market = False
            yield self._served("market_data.address", self._market.address, asks, self._service.serve_market)

    def _served(self, key: str, address: str, asks: bool, serve: Serve) -> _ServedAddress:
        """`asks` whether a terminal must show a certificate there."""
        tls = functools.partial(self.certificates.context, asks=asks) if self.certificates is not None else None
        # A message that is too large for the setting is refused by name; one that is larger than this ends its call.
        return _ServedAddress(key, address, ServedDoor(serve, tls, self._most_bytes))


class _Origins:
    """Tells a terminal's origin from its connection and, behind a proxy, from what the proxy says."""

    def __init__(self, edge: Edge) -> None:
        self.trusted: Sequence[Network] = ()
        self.without_port = 0
        self._edge = edge

    def __call__(self, connection: Origin | None, metadata: Sequence[tuple[str, str]]) -> Origin:
        if connection is None:
            raise OriginUnknown("the proxy speaks for itself in its PROXY header and names no address")
        forwarded = [value for key, value in metadata if key == "x-forwarded-for"]
        origin = origin_of(connection, forwarded, self.trusted)
        if origin.port == 0:
            self.without_port += 1
            self._edge.lines.say("terminal_port_unknown", origin.place, advice="let the proxy append [ADDRESS]:PORT")
        return origin


class Doors:
    """Where terminals come in."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        evidence: Evidence,
        known_place: Callable[[str], bool] = lambda _: False,
        hub: MarketHub | None = None,
        handed: HandedConnections | None = None,
    ) -> None:
        """As `Listener`'s. `known_place` says whether an investor has logged in from a place. OSError where certificate or key cannot be used."""
        self._sessions = sessions
        self._evidence = evidence
        self._clock = asyncio.get_running_loop().time
        self._about = StreamSettings(
            version("ctp-relay"), settings.listen.hello_timeout_seconds, 2 * settings.sessions.journal_bytes
        )
        self._streams: weakref.WeakSet[TerminalStream | MarketStream] = weakref.WeakSet()
        self.gate = StreamGate(_gate_limits(settings.listen), sessions.resumable_at)
        market = None
        if hub is not None:
            at = settings.market_data
            market = MarketListen(functools.partial(self._open_market, hub), at.address, at.public_port)
        self.listener = Listener(
            settings.listen, self._open_stream, self.gate, settings.max_sessions, known_place, market
        )
        self._handed = handed
        self._owner: PassedStreams | None = None
        if handed is not None:
            self.listener.handed_ports = handed.ports
            self.listener.find_owners_by(handed.owner_of)
            sessions.new_token = functools.partial(handed.new_token, TOKEN_BYTES)
            open_market = market.open_stream if market is not None else None
            self._owner = PassedStreams(handed.of[handed.number], self._open_stream, open_market)

    async def open(self) -> int:
        """Begin to serve; returns the port. OSError where the address cannot be used."""
        port = await self.listener.start()
        self._sessions.market_port = self.listener.market_port
        if self._handed is not None and self._owner is not None:
            await self._owner.start()
            self._handed.start(self.listener.edge.take_handed, self._room)
        return port

    async def close(self) -> None:
        """Tell everybody still on a stream, and stop; idempotent."""
        if self._handed is not None:
            self._handed.stop()
        for stream in tuple(self._streams):
            stream.stop(STOPPING)
        if self._owner is not None:
            await self._owner.stop()
        await self.listener.stop(_FAREWELL_SECONDS)

    def take_settings(self, settings: Settings) -> None:
        """What may change while terminals are connected; holds from the next stream on."""
        self._about.hello_timeout_seconds = settings.listen.hello_timeout_seconds
        self.gate.limits = _gate_limits(settings.listen)
        self.listener.take_settings(settings.listen)

    def _room(self) -> tuple[int, bool]:
        """For how many connections more, and whether a login can succeed."""
        edge = self.listener.edge
        return self._sessions.room() - edge.strangers - edge.logging_in, self.listener.health.is_ready()

    def _open_stream(self, origin: Origin) -> TerminalStream:
        stream = TerminalStream(origin, self._sessions, self._evidence, self._clock, self._about)
        self._streams.add(stream)
        return stream

    def _open_market(self, hub: MarketHub, origin: Origin) -> MarketStream:
        stream = MarketStream(origin, self._sessions, hub, self._clock, self._about)
        self._streams.add(stream)
        return stream


def _gate_limits(listen: Listen) -> GateLimits:
    return GateLimits(
        listen.max_streams_without_session_per_address, listen.max_streams_without_session, listen.hello_timeout_seconds
    )
