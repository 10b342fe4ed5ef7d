"""A browser's connection, with what uvicorn does not bound: how slowly a request may come, and how many one address holds.

A stranger who opens connections and says nothing, or a byte a minute, would otherwise hold all there are, and shut the firm's
people out. A request that is answered (a stream of news, too) is not bounded here.

    request     headers and body within 30 s of the connection, or of the request's first byte
    address     half of all connections at most; loopback and trusted proxies, behind which others are, not
    all         further ones are closed at once
"""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any, ClassVar, Final

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from relay.console.tries import place_of

_log = structlog.get_logger(__name__)
MOST_CONNECTIONS: Final = 256
_REQUEST_SECONDS = 30.0


class BoundedConnection(H11Protocol):
    """One for each connection; uvicorn makes it."""

    most: ClassVar = MOST_CONNECTIONS
    most_of_one_address: ClassVar = MOST_CONNECTIONS // 2
    request_seconds: ClassVar = _REQUEST_SECONDS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.place = ""
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.place = self._counted_place()
        self._wait_for_request()
        if why := self._why_too_many():
            _log.warning("console_connection_refused", address=self.place, why=why)
            transport.close()

    def data_received(self, data: bytes) -> None:
        self._wait_for_request()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE and self.conn.their_state is not h11.SEND_BODY:
            self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _counted_place(self) -> str:
        """Empty where many people may be behind one address."""
        host = self.client[0] if self.client is not None else ""
        try:
            here = ipaddress.ip_address(host)
        except ValueError:
            return ""
        allowed = self.config.forwarded_allow_ips
        proxies = [ipaddress.ip_network(network) for network in allowed] if isinstance(allowed, list) else []
        return "" if here.is_loopback or any(here in network for network in proxies) else place_of(host)

    def _why_too_many(self) -> str:
        if len(self.connections) > self.most:
            return "all"
        there = (one for one in self.connections if isinstance(one, BoundedConnection) and one.place == self.place)
        return "address" if self.place and sum(1 for _ in there) > self.most_of_one_address else ""

    def _wait_for_request(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.request_seconds, self._too_slow)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_slow(self) -> None:
        self._late = None
        self.transport.abort()
