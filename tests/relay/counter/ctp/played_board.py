"""A driver on a counter session that a test plays: what was called is kept, what is said arrives."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ctpabi.api.spi import RawEvent
from ctprelay.ctp.v1 import events_pb2
from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.delivery.day_use import DayUse
from relay.counter.ctp.lanes.lanes import Lanes
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.order_map.in_database import OrdersInDatabase
from relay.counter.ctp.orders.driver import LiveHook, OrderDriver
from relay.counter.ctp.orders.limits import LinkLimits
from relay.counter.ctp.orders.link import CtpLink
from relay.counter.ctp.orders.tables import RouterTables
from relay.counter.ctp.orders.tools import DriverTools
from relay.counter.ctp.session.events import SessionItem, SessionLive, SessionRecovering
from relay.counter.ctp.session.session import CtpSession
from relay.counter.port import Attached, CallOutcome, CounterEvent, LinkStatus, TerminalCall
from relay.refusals.refusal import Refused
from tests.relay.counter.ctp.ctp_bodies import CATALOG, OWNERSHIP, PLACES, SCOPES, body, callback, investor, request
from tests.relay.counter.ctp.terminal_calls import terminal_call
from tests.relay.hand_loop import settled

DAY = "20261123"
LOGIN_TIME, BEFORE_LOGIN, AFTER_LOGIN = "09:30:00", "09:00:00", "09:30:01"
OPERATOR = "op01"


@dataclass(frozen=True)
class Called:
    """One request that reached the counter."""

    name: str
    body: bytes
    request_id: int


class PlayedSession:
    """What `OrderDriver` needs of a `CtpSession`."""

    def __init__(self, user_id: str = OPERATOR) -> None:
        self.name = "played"
        self.steps = SimpleNamespace(credentials=SimpleNamespace(user_id=user_id))
        self.live = False
        self.called: list[Called] = []
        self.return_codes: list[int] = []
        """each answers one call; then 0"""
        self.front = (0, 0)
        """queries and packages a second"""
        self.passwords: list[str] = []
        self.renewals: list[str] = []
        self.items: deque[SessionItem] = deque()
        self.on_items: Callable[[], object] = lambda: None
        self._request_ids = itertools.count(1)

    def front_info(self) -> tuple[int, int]:
        return self.front

    def next_request_id(self) -> int:
        return next(self._request_ids)

    def call(self, asked: Any, data: bytes | bytearray, request_id: int) -> int:
        self.called.append(Called(asked.name, bytes(data), request_id))
        return self.return_codes.pop(0) if self.return_codes else 0

    def renew(self, why: str) -> None:
        self.renewals.append(why)

    def password_changed(self, password: str) -> None:
        self.passwords.append(password)

    async def say(self, *items: SessionItem) -> None:
        """These happen at the counter, and everything that follows from them in the relay."""
        await settled()  # a callback comes from another thread: what waits in the loop is before it
        self.items.extend(items)
        self.on_items()
        await settled()


@dataclass(eq=False)
class Terminal:
    """A link, what came through it, and its calls."""

    link: CtpLink
    items: list[CounterEvent | LinkStatus] = field(default_factory=list)
    listening: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        await self.link.deliver_to(self.items.extend)

    def events(self, name: str = "") -> list[events_pb2.Event]:
        """What callbacks it got, as it reads them."""
        got = [item for item in self.items if isinstance(item, CounterEvent)]
        return [events_pb2.Event.FromString(item.wire) for item in got if name in {"", item.callback}]

    def answers(self, request_id: int) -> list[tuple[int, bool]]:
        """(ErrorID, is_last) of every answer to one request."""
        return [(e.rsp_info.error_id, e.is_last) for e in self.events() if e.request_id == request_id]

    @property
    def states(self) -> list[str]:
        return [item.state.value for item in self.items if isinstance(item, LinkStatus)]


class Board:
    """One driver; `shared` as in many-to-one."""

    def __init__(
        self,
        directory: Path,
        *,
        on_live: LiveHook | None = None,
        shared: bool = True,
        firm: object = None,
    ) -> None:
        self.session = PlayedSession(OPERATOR if shared else "100001")
        numbers = itertools.count(1)
        self.tools = DriverTools(
            tables=RouterTables(CATALOG, SCOPES, OWNERSHIP, KnownOwners()),
            order_map=OrderMapFile(directory / "order_map", cast("OrdersInDatabase | None", firm)),
            new_lanes=lambda: Lanes(PLACES, OWNERSHIP),
            next_lane=lambda: next(numbers),
            limits=LinkLimits(orders=1000, queries=1000),
            day_use=DayUse(500_000),
        )
        self._shared = shared
        self.board = OrderDriver(
            cast("CtpSession", self.session), self.tools, on_live=(on_live or _all_reported) if shared else None
        )
        self.board.start()
        self._terminals: list[Terminal] = []

    def terminal(
        self, investor_id: str, *, from_now: bool = False, accounts: tuple[str, ...] | None = None
    ) -> Terminal:
        identity = investor(investor_id, operator=OPERATOR if self._shared else "")
        if accounts is not None:
            identity = replace(identity, accounts=frozenset(accounts))
        link = self.board.add(f"session-{investor_id}", identity, self._detach, from_now=from_now)
        terminal = Terminal(link)
        terminal.listening = asyncio.get_running_loop().create_task(terminal.listen())
        self._terminals.append(terminal)
        return terminal

    async def _detach(self, link: CtpLink, _: str) -> None:
        self.board.remove(link)

    async def log_in(self, day: str = DAY, *, session_id: int = 77, day_changed: bool = False) -> None:
        login = Attached(day, LOGIN_TIME, 1, session_id, 1, "3", "", 0)
        self.session.live = True
        await self.session.say(SessionLive(login, day_changed))

    async def break_off(self) -> None:
        self.session.live = False
        await self.session.say(SessionRecovering("front disconnected (4097)"))

    async def answer(self, name: str, request_id: int, error_id: int = 0, *, is_last: bool = True, **row: Any) -> None:
        """The counter answers; without `row` the API passes NULL."""
        await self.session.say(answer(name, request_id, error_id, is_last=is_last, **row))

    async def notice(self, name: str, **fields: Any) -> None:
        await self.session.say(RawEvent(callback(name), event_body(name, **fields), None))

    async def call(self, terminal: Terminal, name: str, request_id: int = 1, **fields: Any) -> CallOutcome:
        """One call, to the moment it left the relay; raises Refused."""
        return await asyncio.wait_for(self.begin(terminal, name, request_id, **fields), 5)

    def begin(
        self,
        terminal: Terminal,
        name: str,
        request_id: int = 1,
        valid_for: float = 3.0,
        *,
        order_key: str = "",
        fresh: bool = False,
        **fields: Any,
    ) -> asyncio.Task[CallOutcome]:
        """The same, where it may have to wait."""
        body = request(name, **fields)
        call = terminal_call(name, body, request_id, valid_for, client_order_key=order_key, fresh=fresh)
        return asyncio.get_running_loop().create_task(_call(terminal, call))

    async def close(self) -> None:
        for terminal in self._terminals:
            if terminal.listening is not None:
                terminal.listening.cancel()
        await self.board.stop()
        self.tools.order_map.close()


async def _call(terminal: Terminal, call: TerminalCall) -> CallOutcome:
    return await terminal.link.submit(call)


async def _all_reported(board: OrderDriver) -> None:
    for link in board:
        link.route.reported = True


def answer(name: str, request_id: int, error_id: int = 0, *, is_last: bool = True, **row: Any) -> RawEvent:
    """An OnRsp… of the counter."""
    rsp = bytes(body("RspInfo", ErrorID=error_id, ErrorMsg="refused" if error_id else ""))
    return RawEvent(callback(name), event_body(name, **row) if row else None, rsp, request_id, is_last)


def event_body(name: str, **fields: Any) -> bytes:
    return bytes(body(callback(name).struct, **fields))


async def refusal_of(call: asyncio.Task[CallOutcome]) -> str:
    """The reason a call is refused with; fails where it is not."""
    try:
        outcome = await asyncio.wait_for(call, 5)
    except Refused as refused:
        return refused.refusal.reason
    raise AssertionError(f"it was not refused: {outcome}")


def order_fields(**more: Any) -> dict[str, Any]:
    """An order insert that nothing is wrong with."""
    return {"InstrumentID": "rb2701", "ExchangeID": "SHFE", "VolumeTotalOriginal": 1, "LimitPrice": 3500.0, **more}


def unanswered(board: Board) -> Iterator[int]:
    """How many of each kind the relay still keeps for calls: waiting for an answer, waiting to be sent."""
    router = board.board._router
    yield len(router._answers.unanswered)
    yield router._pacer.waiting + len(board.board._results)
