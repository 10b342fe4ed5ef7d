"""One terminal session as its user lives it: what it sent, what it was shown, and what it should never have been."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctpabi.facts.errors import NEVER_ANSWERED
from ctprelay.ctp.v1.events_pb2 import Event
from relay.counter.ctp.orders.link import CtpLink
from relay.counter.port import CallOutcome, CounterEvent, LinkState, LinkStatus
from relay.refusals.refusal import Refused
from simcounter.config import CounterConfig
from tests.relay.counter.ctp.terminal_calls import terminal_call
from tests.stateful.counter_side import State, trade_name

CATALOG = load_catalog()
Triple = tuple[int, int, str]
VALID_FOR = 30.0
COUNTER_FRONT = CounterConfig().front_id


@dataclass(frozen=True, slots=True)
class Shown:
    """One OnRtnOrder."""

    mark: str
    triple: Triple
    state: State


@dataclass(frozen=True, slots=True)
class Said:
    """One answer to a request of this terminal."""

    callback: str
    error_id: int
    body: Any
    is_last: bool


class TerminalSession:
    """From a login to the logout, or to the end of the relay's life."""

    def __init__(self, investor: str, link: CtpLink, after: int) -> None:
        """`after` is how many orders had been placed before the login."""
        self.investor = investor
        self.link = link
        self.after = after
        self.state = LinkState.LIVE
        self.faults: list[str] = []
        self.barriers: set[str] = set()
        self.breaks = 0
        self._request_id = 0
        self._sent: dict[int, str] = {}
        self._listener = asyncio.get_running_loop().create_task(self._listen(), name="terminal")
        self._start_day()
        self.lost_history = link.lost_history

    def _start_day(self) -> None:
        self.lost_history = False
        """`lost_history` of its login: the day so far is not whole"""
        self.orders: dict[str, list[Shown]] = {}
        self.trades: Counter[str] = Counter()
        self.traded: dict[str, Counter[str]] = defaultdict(Counter)
        """lots by mark and contract"""
        self.refusals: Counter[str] = Counter()
        """OnErrRtnOrderInsert by mark"""
        self.answers: dict[int, list[Said]] = defaultdict(list)
        self._numbers: set[tuple[str, str]] = set()
        self._seen: set[bytes] = set()

    @property
    def front_and_session(self) -> tuple[int, int]:
        return self.link.attached.front_id, self.link.attached.session_id

    @property
    def max_order_ref(self) -> int:
        return self.link.route.lane.max_order_ref

    def stop(self) -> None:
        """Listen no more."""
        self._listener.cancel()

    # What it sends --------------------------------------------------------------------------------------------

    async def call(self, method: str, key: str = "", **values: Any) -> tuple[int, CallOutcome | Refused]:
        """One request; its request id, and what became of it when it left the relay."""
        self._request_id += 1
        request_id = self._request_id
        self._sent[request_id] = values.get("BusinessUnit", "")
        struct = CATALOG.structs[CATALOG.methods[method].struct]
        if struct.has("RequestID"):  # otherwise the refusals of two cancels look alike, and each is sent
            values.setdefault("RequestID", request_id)
        body = layout.pack(struct, values)
        try:
            return request_id, await self.link.submit(
                terminal_call(method, body, request_id, VALID_FOR, client_order_key=key)
            )
        except Refused as refused:
            return request_id, refused

    # What it sees ---------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        try:
            await self.link.deliver_to(self._take_all)
        except Exception as error:  # noqa: BLE001 - reported by the next check
            self.faults.append(f"{self.investor}: {error!r}")

    def _take_all(self, batch: Sequence[CounterEvent | LinkStatus]) -> None:
        for item in batch:
            self._take(item)

    def _take(self, item: CounterEvent | LinkStatus) -> None:
        if isinstance(item, LinkStatus):
            self.state = item.state
            if item.day_changed:
                self._start_day()
            if item.state is not LinkState.LIVE:
                self.breaks += 1
            return
        event = Event.FromString(item.wire)
        name = event.WhichOneof("body")
        body = getattr(event, name) if name else None
        whose = getattr(body, "investor_id", "")
        whose = whose or getattr(body, "account_id", "")
        self._expect(whose in {"", self.investor}, f"{item.callback} of {whose}")
        if item.request_id:
            is_lost = item.callback == "OnRspError" and item.error_id == NEVER_ANSWERED
            mark = self._sent.get(item.request_id, "")
            self._expect(
                not (is_lost and mark in self.orders), f"{mark} stands in the book and its answer is called lost"
            )
            self.answers[item.request_id].append(Said(item.callback, item.error_id, body, item.is_last))
        else:
            self._notice(item, body)

    def _notice(self, item: CounterEvent, body: Any) -> None:
        match item.callback:
            case "OnRtnBulletin":
                self.barriers.add(str(body.bulletin_id))
                return
            case "OnRspError":  # of no request: each time is another
                return
            case "OnRtnOrder":
                self._order(body)
            case "OnRtnTrade":
                self._trade(body)
            case "OnErrRtnOrderInsert":
                self.refusals[body.business_unit] += 1
            case _:
                pass
        self._expect(item.wire not in self._seen, f"{item.callback} came twice")
        self._seen.add(item.wire)

    def _order(self, body: Any) -> None:
        number = body.exchange_id, body.order_sys_id
        state = State(*number, chr(body.order_status), body.volume_traded, body.status_msg)
        shown = Shown(body.business_unit, (body.front_id, body.session_id, body.order_ref), state)
        states = self.orders.setdefault(shown.mark, [])
        if states and shown.triple != states[-1].triple:
            # What another program sent has the counter's own name, and another one after a clearing of the flow.
            fronts = {shown.triple[0], states[-1].triple[0]}
            self._expect(fronts == {COUNTER_FRONT}, f"{shown.mark} was {states[-1].triple}, is {shown.triple}")
        states.append(shown)
        if state.system_id:
            self._numbers.add(number)

    def _trade(self, body: Any) -> None:
        mark = body.business_unit
        trade_id = trade_name(body.exchange_id, body.trade_id, body.instrument_id, chr(body.direction))
        self.trades[trade_id] += 1
        self.traded[mark][body.instrument_id] += body.volume
        self._expect(self.trades[trade_id] == 1, f"trade {trade_id} came twice")
        if self.lost_history:  # its order may be what was lost
            return
        self._expect((body.exchange_id, body.order_sys_id) in self._numbers, f"a trade of {mark} before its order")
        refs = {state.triple[2] for state in self.orders.get(mark, ())}
        self._expect(body.order_ref in refs, f"a trade of {mark} with reference {body.order_ref!r}, order {refs}")

    def _expect(self, is_right: bool, otherwise: str) -> None:
        if not is_right:
            self.faults.append(f"{self.investor} in {self.front_and_session}: {otherwise}")

    def rows(self, request_id: int) -> Iterator[Any]:
        """The rows of an answered query."""
        return (said.body for said in self.answers[request_id] if said.body is not None and said.body.ByteSize())
