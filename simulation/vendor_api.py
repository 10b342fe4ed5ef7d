"""The vendor's library, as `relay.counter.ctp` uses it: return codes at once, callbacks later, in order.

It stands where `TraderApi` does. It returns -1 without a connection (CTP fact 14), -2 while a query is unanswered (63), and
forgets whose it is with the connection. What the relay sends is judged here, at the call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ctpabi.api.spi import Put, RawEvent
from ctpabi.catalog import Method
from simulation.slow_way import SlowWay
from simulation.structs import OPERATOR, read, said

if TYPE_CHECKING:
    import contextvars

    from simulation.seeded_counter import SeededCounter

_EVIDENCE = {"ReqAuthenticate": "counter_authenticate", "ReqUserLogin": "counter_login"}
_LOGIN = frozenset({*_EVIDENCE, "ReqUserLogout"})


class OwnerProcess(Protocol):
    """The process that made an API."""

    killed: bool
    context: contextvars.Context
    chain: str
    trades_given: dict[str, float]


class VendorApi:
    """One instance."""

    def __init__(self, counter: SeededCounter, process: OwnerProcess, flow_dir: Path, put: Put) -> None:
        self._counter, self.process, self.name = counter, process, flow_dir.name
        self._down: SlowWay[RawEvent] = SlowWay(counter.loop, process.context, self._hand_over(put))
        self._up: SlowWay[tuple[int, str, bytes, int]] = SlowWay(counter.loop, counter.context, self._arrived)
        self.epoch = 0
        """which connection it is"""
        self.released = self.connected = self.authenticated = False
        self.user_id = self.app_type = ""
        self.front_id = self.session_id = 0
        self._in_flight = 0
        self._reported: set[str] = set()
        """users of whom there is a report in this login"""
        self._packages: deque[float] = deque()
        self._queries: deque[float] = deque()
        self._last_refs: dict[str, int] = {}
        counter.apis.append(self)

    def _hand_over(self, put: Put) -> Put:
        def hand_over(event: RawEvent) -> None:
            if event.request_id == self._in_flight and event.is_last:
                self._in_flight = 0
            if event.callback.name == "OnRtnTrade" and event.body is not None:
                self.process.trades_given.setdefault(read("Trade", event.body, "TradeID"), self._counter.loop.time())
            if not self.released:
                put(event)

        return hand_over

    # What the relay calls ----------------------------------------------------------------------------------------

    def connect(self, fronts: Sequence[str], private_topic: int) -> None:
        del fronts, private_topic
        self._counter.later(self._counter.latency(), self._counter.accept, self)

    def call(self, method: Method, body: bytes | bytearray, request_id: int) -> int:
        if self.released or not self.connected:
            return -1
        is_query = method.name.startswith("ReqQry")
        if is_query and self._in_flight:
            return -2
        if method.name not in _LOGIN and self._counter.mood.api_code:
            return self._counter.mood.api_code
        self._judge(method.name, bytes(body))
        if is_query:
            self._in_flight = request_id
        self._up.put((self.epoch, method.name, bytes(body), request_id), self._counter.latency())
        return 0

    def report(self, method: Method, body: bytes) -> int:
        operator = method.name.startswith("Submit")
        if self.released or not self.connected or not self.authenticated or (operator and not self.user_id):
            return -4 if operator else -3
        self._counter.rules.seen(self.name, method.name, len(body))
        self._must_be_recorded("terminal_report")
        self._reported.add(read(method.struct, body, "UserID"))
        return 0

    def front_info(self) -> tuple[int, int]:
        return self._counter.front_info

    def release(self) -> None:
        self.released = True
        self._leave()
        if self in self._counter.apis:
            self._counter.apis.remove(self)

    # What must hold ----------------------------------------------------------------------------------------------

    def _judge(self, name: str, body: bytes) -> None:
        rules, counter = self._counter.rules, self._counter
        rules.seen(self.name, name, body)
        if name in _EVIDENCE:
            self._must_be_recorded(_EVIDENCE[name])
            user = read(name, body, "UserID")
            is_so = name == "ReqAuthenticate" or user == OPERATOR or user in self._reported
            rules.hold("reported", f"{user} logs in without a report", is_so=is_so)
        if name in _LOGIN:
            return
        self._pace(self._packages, counter.front_info[1], "packages")
        if name.startswith("ReqQry"):
            self._pace(self._queries, counter.front_info[0], "queries")
        if name == "ReqOrderInsert":
            tag, ref, investor = read("InputOrder", body, "LimitPrice", "OrderRef", "InvestorID")
            rules.hold("reported", f"an order of {investor} without a report", is_so=investor in self._reported)
            rules.hold("key_once", f"order {int(tag)} is sent again", is_so=int(tag) not in counter.sent_tags)
            counter.sent_tags.add(int(tag))
            self._increases("order", int(ref))
        elif name == "ReqOrderAction":
            self._increases("action", read("InputOrderAction", body, "OrderActionRef"))

    def _must_be_recorded(self, kind: str) -> None:
        sent, of_process = self._counter.sent_steps, (self.process.chain, kind)
        sent[of_process] += 1
        recorded = self._counter.database.recorded.get(of_process, 0)
        what = f"{kind} of {self.name}: call {sent[of_process]}, {recorded} entries"
        self._counter.rules.hold("ledger_first", what, is_so=sent[of_process] <= recorded)

    def _pace(self, sent: deque[float], most: int, what: str) -> None:
        now = self._counter.loop.time()
        while sent and sent[0] <= now - 1.0:
            sent.popleft()
        sent.append(now)
        if most:
            text = f"{len(sent)} {what} in a second, {most} at most"
            self._counter.rules.hold("pacing", text, is_so=len(sent) <= most)

    def _increases(self, space: str, ref: int) -> None:
        last = self._last_refs.get(space, 0)
        self._counter.rules.hold("references", f"{space} reference {ref} after {last}", is_so=ref > last)
        self._last_refs[space] = ref

    # What the counter does ---------------------------------------------------------------------------------------

    def say(self, event: RawEvent) -> None:
        """A callback, in its turn."""
        self._down.put(event, self._counter.latency())

    def may_hear(self, investor: str) -> bool:
        """Whether its user is sent this investor's notices."""
        return bool(self.user_id) and self.user_id in {investor, OPERATOR}

    def logged_in(self, user_id: str, *, front_id: int, session_id: int) -> None:
        self.user_id, self.front_id, self.session_id = user_id, front_id, session_id
        self._packages.clear()
        self._queries.clear()
        self._last_refs.clear()
        if user_id == OPERATOR:
            self._reported.clear()

    def break_off(self, reason: int) -> None:
        """The connection breaks; the library connects again by itself."""
        if not self.connected or self.released:
            return
        self._leave()
        self.say(said("OnFrontDisconnected", reason=reason))
        self._counter.later(1.0 + self._counter.latency(), self._counter.accept, self)

    def _leave(self) -> None:
        self.epoch += 1
        self.connected = self.authenticated = False
        self.user_id = ""
        self._in_flight = 0
        self._reported.clear()

    def _arrived(self, request: tuple[int, str, bytes, int]) -> None:
        epoch, name, body, request_id = request
        if epoch == self.epoch:
            self._counter.take(self, name, body, request_id)
