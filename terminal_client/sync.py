"""The terminal for programs without asyncio: the same names, blocking.

A private thread runs the event loop; every method hands its coroutine over and waits. May be used from
several threads at once. Not for a program that already runs asyncio: use `RelayTerminal` there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self, TypeVar

from google.protobuf.message import Message

from ctprelay.ctp.v1 import events_pb2, structs_pb2
from terminal_client.channel import Tls
from terminal_client.client import RelayTerminal
from terminal_client.collector import Collected
from terminal_client.dispatch import Reply
from terminal_client.generated.sync_requests import SyncRequests
from terminal_client.loop_thread import LoopThread, SyncSubscription
from terminal_client.market.sync import SyncMarketData
from terminal_client.session import Credentials, CredentialsProvider, Deadlines, SessionInfo, State, Status
from terminal_client.subscriptions import Subscription

T = TypeVar("T")


class SyncTerminal:
    """`RelayTerminal` with blocking calls, as a context manager."""

    def __init__(
        self,
        address: str,
        *,
        app_id: str,
        auth_code: str,
        tls: Tls | None = None,
        credentials: Callable[[], Credentials] | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._thread = LoopThread()
        self._closed = False
        try:
            self._terminal = self._thread.call(
                lambda: RelayTerminal(
                    address,
                    app_id=app_id,
                    auth_code=auth_code,
                    tls=tls,
                    credentials=_provider(credentials),
                    deadlines=deadlines,
                )
            )
        except BaseException:
            self._thread.stop()
            raise
        self.requests = SyncRequests(self)
        """one method for each of the counter's requests"""

    def __repr__(self) -> str:
        return f"Sync{self._terminal!r}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def state(self) -> State:
        return self._terminal.state

    @property
    def info(self) -> SessionInfo | None:
        return self._terminal.info

    def login(
        self, broker_id: str, investor_id: str, password: str, collected: Collected, **options: Any
    ) -> SessionInfo:
        """Log the investor in; see `RelayTerminal.login`."""
        return self._thread.run(self._terminal.login(broker_id, investor_id, password, collected, **options))

    def login_with(self, credentials: Credentials) -> SessionInfo:
        return self._thread.run(self._terminal.login_with(credentials))

    def request(self, name: str, body: Message, **options: Any) -> Reply[Message]:
        """Send one request and wait for its answer; see `RelayTerminal.request`."""
        return self._thread.run(self._terminal.request(name, body, **options))

    def notices(self, capacity: int = 0) -> SyncSubscription[events_pb2.Event]:
        return self._subscription(lambda: self._terminal.notices(capacity))

    def orders(self, capacity: int = 0) -> SyncSubscription[structs_pb2.Order]:
        return self._subscription(lambda: self._terminal.orders(capacity))

    def trades(self, capacity: int = 0) -> SyncSubscription[structs_pb2.Trade]:
        return self._subscription(lambda: self._terminal.trades(capacity))

    def statuses(self, capacity: int = 0) -> SyncSubscription[Status]:
        return self._subscription(lambda: self._terminal.statuses(capacity))

    def market_data(self, address: str = "") -> SyncMarketData:
        """Market data; see `RelayTerminal.market_data`."""
        return SyncMarketData(self._thread, self._thread.call(lambda: self._terminal.market_data(address)))

    def _subscription(self, subscribe: Callable[[], Subscription[T]]) -> SyncSubscription[T]:
        return SyncSubscription(self._thread, self._thread.call(subscribe))

    def close(self) -> None:
        """Log out, let go of everything, end the thread; may be called again."""
        if not self._closed:
            self._closed = True
            try:
                self._thread.run(self._terminal.close())
            finally:
                self._thread.stop()


def _provider(credentials: Callable[[], Credentials] | None) -> CredentialsProvider | None:
    if credentials is None:
        return None

    async def provide() -> Credentials:
        return await asyncio.to_thread(credentials)

    return provide
