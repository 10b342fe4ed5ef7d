"""What a program holds, at a relay and at a front alike: state, notices, and `async with`, which closes it."""

from __future__ import annotations

from typing import Protocol, Self

from ctprelay.ctp.v1 import events_pb2, structs_pb2
from terminal_client.dispatch import Dispatch
from terminal_client.session import SessionInfo, State, Status
from terminal_client.subscriptions import Subscription


class Link(Protocol):
    """The session below a terminal."""

    state: State
    info: SessionInfo | None

    async def close(self) -> None: ...


class AsyncTerminal:
    """A terminal of an asyncio program."""

    def __init__(self, link: Link, dispatch: Dispatch) -> None:
        self._session = link
        self._dispatch = dispatch

    def __repr__(self) -> str:
        return f"{type(self).__name__}(state={self.state.value}, info={self.info})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @property
    def state(self) -> State:
        return self._session.state

    @property
    def info(self) -> SessionInfo | None:
        """What the last login or resume gave."""
        return self._session.info

    def notices(self, capacity: int = 0) -> Subscription[events_pb2.Event]:
        """Every event that answers no waiting request, from now on."""
        return self._dispatch.notices.subscribe(capacity)

    def orders(self, capacity: int = 0) -> Subscription[structs_pb2.Order]:
        """Order notices (报单回报) of this investor, whichever terminal sent the order."""
        return self._dispatch.orders.subscribe(capacity)

    def trades(self, capacity: int = 0) -> Subscription[structs_pb2.Trade]:
        """Trade notices (成交回报) of this investor."""
        return self._dispatch.trades.subscribe(capacity)

    def statuses(self, capacity: int = 0) -> Subscription[Status]:
        """Changes of the stream and of the session at the counter."""
        return self._dispatch.statuses.subscribe(capacity)

    async def close(self) -> None:
        """Log out, settle everything and let go of it; may be called again."""
        await self._session.close()
