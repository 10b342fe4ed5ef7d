"""The relay's doors for terminals: gRPC's servers behind the edge, where a terminal's address comes from, the open streams."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import weakref
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import grpc

from relay.admission.origin.trusted_proxies import Network, Origin, origin_of, parse_networks
from relay.counter.port import Evidence
from relay.edge.descriptors import most_logging_in, most_strangers, raise_limit
from relay.edge.edge import Edge
from relay.edge.limits import EdgeLimits
from relay.edge.pace import PaceLimits
from relay.edge.shares import ShareLimits
from relay.edge.stream_gate import MOST_WAITING, GateLimits, StreamGate
from relay.rpc.certificates import Certificates, CertificateUnusable
from relay.rpc.terminal_service import TerminalService, is_news
from relay.sessions.sessions import STOPPING, Sessions
from relay.sessions.stream import StreamSettings, TerminalStream
from relay.settings.settings import Listen, Settings
from relay.tasks import Tasks

_INNER_ADDRESS = "127.0.0.1:0"
_STREAMS_OF_A_TERMINAL, _STREAMS_OF_A_PROXY = 8, 128
"""at a time on one connection: a terminal needs one; a proxy that carries many opens another connection"""
_IDLE_SECONDS_OF_A_TERMINAL, _IDLE_SECONDS_OF_A_PROXY = 10, 300
_HANDSHAKE_SECONDS = 5
_METADATA_BYTES = 8 * 1024
_NO_COMPRESSION = 1
"""the set of algorithms that has only the one that changes nothing"""
_FAREWELL_SECONDS = 5.0
"""how long the last words on the streams may take to be read"""


class Listener:
    def __init__(
        self,
        settings: Listen,
        open_stream: Callable[[Origin], TerminalStream],
        gate: StreamGate,
        max_sessions: int,
        known_place: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`known_place` says whether an investor has logged in from a place. OSError where certificate or key cannot be used."""
        self._settings = settings
        self._max_sessions = max_sessions
        self._descriptors = raise_limit()
        self._most_bytes = 2 * settings.max_message_bytes
        self.certificates: Certificates | None = None
        if settings.tls_certificate is not None and settings.tls_key is not None:
            self.certificates = Certificates(settings.tls_certificate, settings.tls_key)
        self.edge = Edge(self._edge_limits(settings), known_place, tls=self.certificates is not None)
        self._origins = _Origins(self.edge)
        self._service = TerminalService(open_stream, self._origins, gate, self.edge, settings.max_message_bytes)
        self._for_terminals = self._server(_STREAMS_OF_A_TERMINAL, _IDLE_SECONDS_OF_A_TERMINAL)
        self._for_proxies = self._server(_STREAMS_OF_A_PROXY, _IDLE_SECONDS_OF_A_PROXY)
        self._take_networks(settings)
        logging.getLogger("grpc._cython.cygrpc").addFilter(is_news)
        self._tasks = Tasks()

    @property
    def valid_until(self) -> dt.datetime | None:
        """When the certificate that is served expires; None without TLS."""
        return self.certificates.valid_until if self.certificates is not None else None

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
        address = self._settings.address
        try:
            ports = self._bind(self._for_terminals), self._bind(self._for_proxies)
            await self._for_terminals.start()
            await self._for_proxies.start()
            port = await self.edge.start(address, ports)
        except (RuntimeError, OSError) as error:  # grpc says RuntimeError, whatever stood in the way
            raise OSError(f"listen.address {address} cannot be used: is another program there? ({error})") from None
        if self.certificates is not None:
            self._tasks.start(self.certificates.watch(), "watch the certificate")
        return port

    async def stop(self, seconds: float) -> None:
        """Take no more streams, let those there are end within this time, then cut them; idempotent."""
        await self._tasks.cancel()
        self.edge.close()
        await asyncio.gather(self._for_terminals.stop(seconds), self._for_proxies.stop(seconds))
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
        certificate, key = settings.listen.tls_certificate, settings.listen.tls_key
        if self.certificates is None or certificate is None or key is None:
            raise CertificateUnusable("TLS can be switched on or off by a restart only")
        self.certificates.use(certificate, key)

    def _take_networks(self, settings: Listen) -> None:
        self._origins.trusted = self.edge.carries_many = parse_networks(settings.trusted_proxies)
        self.edge.writes_header = parse_networks(settings.proxy_protocol_from)

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
        )

    def _server(self, streams: int, idle_seconds: int) -> Any:
        server = grpc.aio.server(
            options=[
                # A message that is too large for the setting is refused by name, one that is larger by gRPC.
                ("grpc.max_receive_message_length", self._most_bytes),
                ("grpc.compression_enabled_algorithms_bitset", _NO_COMPRESSION),
                ("grpc.max_metadata_size", _METADATA_BYTES),
                ("grpc.absolute_max_metadata_size", _METADATA_BYTES),
                ("grpc.max_concurrent_streams", streams),
                ("grpc.max_connection_idle_ms", idle_seconds * 1000),
                ("grpc.server_handshake_timeout_ms", _HANDSHAKE_SECONDS * 1000),
                ("grpc.so_reuseport", 0),
                ("grpc.keepalive_time_ms", 20_000),
                ("grpc.keepalive_timeout_ms", 10_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
            ]
        )
        server.add_generic_rpc_handlers((self._service,))
        return server

    def _bind(self, server: Any) -> int:
        if self.certificates is None:
            return int(server.add_insecure_port(_INNER_ADDRESS))
        return int(server.add_secure_port(_INNER_ADDRESS, self.certificates.credentials()))


class _Origins:
    """Tells a terminal's origin from its connection and, behind a proxy, from what the proxy says."""

    def __init__(self, edge: Edge) -> None:
        self.trusted: Sequence[Network] = ()
        self.without_port = 0
        self._edge = edge

    def __call__(self, inner: Origin, metadata: Sequence[tuple[str, str | bytes]]) -> Origin:
        forwarded = [str(value) for key, value in metadata if key == "x-forwarded-for"]
        origin = origin_of(self._edge.origin(inner), forwarded, self.trusted)
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
    ) -> None:
        """`known_place` says whether an investor has logged in from a place. OSError where certificate or key cannot be used."""
        self._sessions = sessions
        self._evidence = evidence
        self._clock = asyncio.get_running_loop().time
        self._about = StreamSettings(
            version("ctp-relay"), settings.listen.hello_timeout_seconds, 2 * settings.sessions.journal_bytes
        )
        self._streams: weakref.WeakSet[TerminalStream] = weakref.WeakSet()
        self.gate = StreamGate(_gate_limits(settings.listen), sessions.resumable_at)
        self.listener = Listener(settings.listen, self._open_stream, self.gate, settings.max_sessions, known_place)

    async def close(self) -> None:
        """Tell everybody still on a stream, and stop; idempotent."""
        for stream in tuple(self._streams):
            stream.stop(STOPPING)
        await self.listener.stop(_FAREWELL_SECONDS)

    def take_settings(self, settings: Settings) -> None:
        """What may change while terminals are connected; holds from the next stream on."""
        self._about.hello_timeout_seconds = settings.listen.hello_timeout_seconds
        self.gate.limits = _gate_limits(settings.listen)
        self.listener.take_settings(settings.listen)

    def _open_stream(self, origin: Origin) -> TerminalStream:
        stream = TerminalStream(origin, self._sessions, self._evidence, self._clock, self._about)
        self._streams.add(stream)
        return stream


def _gate_limits(listen: Listen) -> GateLimits:
    return GateLimits(
        listen.max_streams_without_session_per_address, listen.max_streams_without_session, listen.hello_timeout_seconds
    )
