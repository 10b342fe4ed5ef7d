"""The relay's doors for terminals: the listening gRPC server, where a terminal's address comes from, the open streams."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Sequence
from importlib.metadata import version

import grpc
import structlog

from relay.admission.origin.trusted_proxies import Network, Origin, origin_of, parse_networks, parse_peer
from relay.admission.stream_gate import MOST_WAITING, GateLimits, StreamGate
from relay.counter.port import Evidence
from relay.rpc.certificates import Certificates, CertificateUnusable
from relay.rpc.front import ProxyListener
from relay.rpc.terminal_service import TerminalService
from relay.sessions.sessions import STOPPING, Sessions
from relay.sessions.stream import StreamSettings, TerminalStream
from relay.settings.settings import Listen, Settings
from relay.tasks import Tasks

_log = structlog.get_logger(__name__)
_INNER_ADDRESS = "127.0.0.1:0"
_TRANSPORT_MESSAGE_BYTES = 16 * 1024 * 1024
"""what gRPC itself lets through: far more than the setting, so that a larger message is refused by name"""

_STREAMS_OF_A_CONNECTION = 128
"""a terminal has one; a proxy that carries many terminals opens another connection"""
_FAREWELL_SECONDS = 5.0
"""how long the last words on the streams may take to be read"""


class Listener:
    def __init__(
        self, settings: Listen, open_stream: Callable[[Origin], TerminalStream], gate: StreamGate, max_sessions: int
    ) -> None:
        """OSError where certificate or key cannot be used."""
        self._settings = settings
        proxies = parse_networks(settings.proxy_protocol_from)
        self._proxy_listener = ProxyListener(proxies) if proxies else None
        self._origins = _Origins(parse_networks(settings.trusted_proxies), self._proxy_listener)
        self._service = TerminalService(open_stream, self._origins, gate, settings.max_message_bytes)
        self.certificates: Certificates | None = None
        if settings.tls_certificate is not None and settings.tls_key is not None:
            self.certificates = Certificates(settings.tls_certificate, settings.tls_key)
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", _TRANSPORT_MESSAGE_BYTES),
                ("grpc.max_concurrent_streams", _STREAMS_OF_A_CONNECTION),
                ("grpc.so_reuseport", 0),
                ("grpc.keepalive_time_ms", 20_000),
                ("grpc.keepalive_timeout_ms", 10_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
            ],
            # The last bound; the gate and the sessions come first. A session that is resumed has two for a moment.
            maximum_concurrent_rpcs=2 * (max_sessions + settings.max_streams_without_session + MOST_WAITING),
        )
        self._server.add_generic_rpc_handlers((self._service,))
        self._tasks = Tasks()

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
        """Connections refused since the start because their PROXY header was missing, wrong or not theirs to send."""
        return self._proxy_listener.refused if self._proxy_listener is not None else 0

    async def start(self) -> int:
        """Begin to serve; returns the port. OSError where the address cannot be used."""
        address = self._settings.address
        try:
            port = self._bind(address if self._proxy_listener is None else _INNER_ADDRESS)
            await self._server.start()
            if self._proxy_listener is not None:
                port = await self._proxy_listener.start(address, port)
        except (RuntimeError, OSError) as error:  # grpc says RuntimeError, whatever stood in the way
            raise OSError(f"listen.address {address} cannot be used: is another program there? ({error})") from None
        if self.certificates is not None:
            self._tasks.start(self.certificates.watch(), "watch the certificate")
        return port

    async def stop(self, seconds: float) -> None:
        """Take no more streams, let those there are end within this time, then cut them; idempotent."""
        await self._tasks.cancel()
        if self._proxy_listener is not None:
            self._proxy_listener.close()
        await self._server.stop(seconds)
        if self._proxy_listener is not None:
            await self._proxy_listener.stop()

    def take_settings(self, settings: Listen) -> None:
        """What may change while it serves: trusted proxies, the largest message. ValueError where it may not."""
        if bool(settings.proxy_protocol_from) != (self._proxy_listener is not None):
            raise ValueError("listen.proxy_protocol_from can be set or emptied by a restart only")
        if self._proxy_listener is not None:
            self._proxy_listener.proxies = parse_networks(settings.proxy_protocol_from)
        self._origins.trusted = parse_networks(settings.trusted_proxies)
        self._service.max_message = settings.max_message_bytes

    def take_certificate(self, settings: Settings) -> None:
        """Read the certificate again; blocks, raises CertificateUnusable."""
        certificate, key = settings.listen.tls_certificate, settings.listen.tls_key
        if self.certificates is None or certificate is None or key is None:
            raise CertificateUnusable("TLS can be switched on or off by a restart only")
        self.certificates.use(certificate, key)

    def _bind(self, address: str) -> int:
        if self.certificates is None:
            return int(self._server.add_insecure_port(address))
        return int(self._server.add_secure_port(address, self.certificates.credentials()))


class _Origins:
    """Tells a terminal's origin from its connection and, behind a proxy, from what the proxy says."""

    def __init__(self, trusted: Sequence[Network], proxy_listener: ProxyListener | None) -> None:
        self.trusted = trusted
        self.without_port = 0
        self._proxy_listener = proxy_listener

    def __call__(self, peer: str, metadata: Sequence[tuple[str, str | bytes]]) -> Origin:
        forwarded = [str(value) for key, value in metadata if key == "x-forwarded-for"]
        connection = parse_peer(peer)
        if self._proxy_listener is not None:
            connection = self._proxy_listener.origin(connection)
        origin = origin_of(connection, forwarded, self.trusted)
        if origin.port == 0:
            self.without_port += 1
            _log.warning("terminal_port_unknown", peer=peer, advice="let the proxy append [ADDRESS]:PORT")
        return origin


class Doors:
    """Where terminals come in."""

    def __init__(self, settings: Settings, sessions: Sessions, evidence: Evidence) -> None:
        """OSError where certificate or key cannot be used."""
        self._sessions = sessions
        self._evidence = evidence
        self._clock = asyncio.get_running_loop().time
        self._about = StreamSettings(
            version("ctp-relay"), settings.listen.hello_timeout_seconds, 2 * settings.sessions.journal_bytes
        )
        self._streams: weakref.WeakSet[TerminalStream] = weakref.WeakSet()
        self.gate = StreamGate(_gate_limits(settings.listen), sessions.resumable_at)
        self.listener = Listener(settings.listen, self._open_stream, self.gate, settings.max_sessions)

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
