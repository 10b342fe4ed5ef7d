"""The relay's doors for terminals: the listener, the streams that are open, and what of both may change meanwhile."""

from __future__ import annotations

import asyncio
import weakref
from importlib.metadata import version

from relay.admission.origin.trusted_proxies import Origin
from relay.admission.stream_gate import GateLimits, StreamGate
from relay.counter.port import Evidence
from relay.rpc.listener import Listener
from relay.sessions.sessions import STOPPING, Sessions
from relay.sessions.stream import StreamSettings, TerminalStream
from relay.settings.settings import Listen, Settings

_FAREWELL_SECONDS = 5.0
"""how long the last words on the streams may take to be read"""


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

    async def open(self) -> int:
        """Begin to serve; returns the port. OSError where the address cannot be used."""
        return await self.listener.start()

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

    def take_certificate(self, settings: Settings) -> None:
        """Read the certificate again; blocks, raises CertificateUnusable."""
        self.listener.take_certificate(settings.listen)

    def _open_stream(self, origin: Origin) -> TerminalStream:
        stream = TerminalStream(origin, self._sessions, self._evidence, self._clock, self._about)
        self._streams.add(stream)
        return stream


def _gate_limits(listen: Listen) -> GateLimits:
    return GateLimits(
        listen.max_streams_without_session_per_address, listen.max_streams_without_session, listen.hello_timeout_seconds
    )
