"""A terminal of the run: it does what the plan says, comes back by itself, and keeps what it saw.

After a lost stream it resumes while its session may still be there, or logs in anew, here or at the other process. A key
whose result it did not get it sends again, once, after the next login of the same day: that is what keys are for. It
believes what the relay says, and every rule that can be asked at a terminal is asked where it reads a message.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ctpabi.codec.messages import message_from_struct
from ctprelay.ctp.v1 import events_pb2
from ctprelay.ctp.v1.requests_pb2 import Request
from ctprelay.v1 import terminal_pb2 as pb
from simulation.matching import OVER, MatchedOrder
from simulation.process import LINGER_SECONDS, PlayedLine, RelayProcess
from simulation.rules import Rules
from simulation.structs import BROKER, CATALOG, EXCHANGE, packed

_HOLD_SECONDS = 5.0
_SECONDS_FOR_RESULT = 120.0
"""beyond every deadline of the relay's that a call may have"""


class AroundTerminal(Protocol):
    """What a terminal finds around it."""

    rules: Rules

    @property
    def trading_day(self) -> str:
        """The counter's."""

    @property
    def is_open(self) -> bool:
        """Whether the counter is."""

    def process_of(self, number: int) -> RelayProcess | None:
        """The process at this place; None while it is down."""

    def later(self, seconds: float, work: Callable[..., object], *facts: object) -> None:
        """Do it then."""

    @property
    def now(self) -> float:
        """The run's time."""


@dataclass
class OrderSeen:
    """What one session of a terminal knows of an order."""

    tag: int
    name: tuple[int, int, str] = (0, 0, "")
    system_id: str = ""
    status: str = "?"
    traded: int = 0
    trades: set[str] = field(default_factory=set)


@dataclass
class SessionSeen:
    """What a terminal knows of its session."""

    token: bytes = b""
    last: int = 0
    day: str = ""
    is_live: bool = False
    is_whole: bool = True
    """whether the relay claims that nothing of the day is missing"""
    orders: dict[int, OrderSeen] = field(default_factory=dict)
    results: set[int] = field(default_factory=set)
    """request ids of calls that have theirs; one that was under way when the stream broke may come on the next"""


@dataclass(frozen=True)
class CallUnderWay:
    """A call without a result."""

    tag: int
    key: str
    day: str
    since: float


class PlannedTerminal:
    """One terminal."""

    def __init__(self, number: int, investor: str, around: AroundTerminal, seed: int) -> None:
        self.number, self.investor, self._around = number, investor, around
        self._dice = random.Random(f"{seed}/terminal/{number}")
        self.place = number % 2
        self._from_now = number % 5 == 4
        self.line: PlayedLine | None = None
        self.seen = SessionSeen()
        self.open_calls: dict[int, CallUnderWay] = {}
        self._unsure: list[CallUnderWay] = []
        """keys that were sent, and their results not read"""
        self._latest_key: CallUnderWay | None = None
        self.wants = False
        self._online = False
        self._request_id = 0
        self._lost_at = 0.0
        self._refused = False
        """the relay did not let it in"""
        self._logins = 0

    # Being there -------------------------------------------------------------------------------------------------

    def come(self) -> None:
        """It wants to be online from now on."""
        self.wants = True
        self._connect()

    def leave(self) -> None:
        """It logs out."""
        self.wants = False
        if self.line is not None and self._online:
            self.line.say(pb.TerminalMessage(logout=pb.Logout()))
        elif self.line is not None:
            self.hang_up()

    def hang_up(self) -> None:
        """The stream is gone, without a word."""
        if self.line is not None:
            self.line.hang_up()
            self._lost()

    def cut(self) -> None:
        """The stream is gone at this very step of the process that serves it."""
        if self.line is not None:
            self.line.cut()
            self._lost()

    def forget(self) -> None:
        """It knows nothing of its session any more: it will log in, and not resume."""
        self.seen = SessionSeen()

    def _lost(self) -> None:
        self.line, self._online, self._lost_at = None, False, self._around.now
        refused, self._refused = self._refused, False
        self._unsure += [call for call in self.open_calls.values() if call.key]
        self.open_calls.clear()
        self._soon(self._dice.uniform(2.0, 20.0) if refused else self._dice.uniform(0.05, 6.0))

    def _soon(self, seconds: float) -> None:
        if self.wants:
            self._around.later(seconds, self._connect)

    def _connect(self) -> None:
        if self.line is not None or not self.wants:
            return
        process = self._around.process_of(self.place)
        if process is None or not self._around.is_open:
            self._may_move()
            self._soon(self._dice.uniform(1.0, 5.0) if self._around.is_open else self._dice.uniform(60.0, 300.0))
            return
        self.line = PlayedLine(process, self.number, self._hears)
        self.line.say(pb.TerminalMessage(hello=pb.Hello(protocol=1, app_id="terminal_1.0", client_version="1")))

    def _may_move(self) -> None:
        if self._dice.random() < 0.3:
            self.move()

    def move(self) -> None:
        """It goes to the other process from its next login on."""
        self.place, self.seen = 1 - self.place, SessionSeen()

    def slow(self, seconds: float) -> None:
        """It reads nothing for a while."""
        if self.line is not None:
            line = self.line
            line.reading.clear()
            self._around.later(seconds, line.reading.set)

    # What it says ------------------------------------------------------------------------------------------------

    def order(self, tag: int, *, key: str = "", name_it: bool = False, volume: int = 3) -> None:
        """A new order; with `name_it` under a reference of its own."""
        del name_it
        if not self._may_call:
            return
        fields: dict[str, Any] = {"InstrumentID": "rb2701", "ExchangeID": EXCHANGE, "Direction": "0"}
        fields |= {"VolumeTotalOriginal": volume, "LimitPrice": float(tag)}
        self._request_id += 1
        call = CallUnderWay(tag, key, self._around.trading_day, self._around.now)
        self.open_calls[self._request_id] = call
        if key:
            self._latest_key = call
        self._call("ReqOrderInsert", self._request_id, key=key, **fields)

    def repeat(self) -> None:
        """The newest key of the day, again."""
        if self._latest_key is not None and self._latest_key.day == self._around.trading_day == self.seen.day:
            self.order(self._latest_key.tag, key=self._latest_key.key)

    def cancel(self, dice: random.Random) -> None:
        """One of the orders that it knows, by one of its names."""
        known = [order for order in self.seen.orders.values() if order.status not in OVER and order.name[2]]
        if not known or not self._may_call or self.seen.day != self._around.trading_day:
            return
        order = dice.choice(known)
        by_number = order.system_id and dice.random() < 0.4
        front, session, ref = (0, 0, "") if by_number else order.name
        self._question(
            "ReqOrderAction",
            ActionFlag="0",
            LimitPrice=float(order.tag),
            FrontID=front,
            SessionID=session,
            OrderRef=ref,
            ExchangeID=EXCHANGE,
            OrderSysID=order.system_id if by_number else "",
            InstrumentID="rb2701",
        )

    def ask(self, *, public: bool) -> None:
        """A query of its own, or one that all may ask."""
        if self._may_call:
            self._question("ReqQryInstrument" if public else "ReqQryTrade")

    def _question(self, name: str, **fields: Any) -> None:
        self._request_id += 1
        self.open_calls[self._request_id] = CallUnderWay(0, "", self._around.trading_day, self._around.now)
        self._call(name, self._request_id, **fields)

    @property
    def _may_call(self) -> bool:
        return self._online and self.line is not None

    def _call(self, name: str, request_id: int, *, key: str = "", **fields: Any) -> None:
        method = CATALOG.methods[name]
        asked = Request()
        message = message_from_struct(CATALOG.structs[method.struct], packed(method.struct, **fields))
        getattr(asked, method.proto_name).CopyFrom(message)
        if self.line is not None:
            call = pb.Call(request_id=request_id, request=asked, client_order_key=key)
            self.line.say(pb.TerminalMessage(call=call))

    # What it hears -----------------------------------------------------------------------------------------------

    def _hears(self, line: PlayedLine, batch: bytes | None) -> None:
        if line is not self.line:
            return
        if batch is None:
            self._lost()
            return
        self._around.rules.seen(self.number, len(batch))
        for message in pb.RelayBatch.FromString(batch).messages:
            if message.sequence:
                self._numbered(message.sequence)
            self._take(message)

    def _take(self, message: pb.RelayMessage) -> None:
        match message.WhichOneof("body"):
            case "challenge":
                self._answer()
            case "logged_in":
                self._welcome(message.logged_in)
            case "call_result":
                self._result(message.call_result)
            case "status":
                self._status(message.status)
            case "event":
                self._event(message.event)
            case "rejected":
                self._rejected(message.rejected)
            case "goodbye":
                self._ended(message.goodbye)
            case _:
                pass  # a notice that the relay will stop: it stays to the end

    def _answer(self) -> None:
        if self.line is None:
            return
        resumes = (
            self.seen.token and self._around.now - self._lost_at < LINGER_SECONDS + 5 and self._dice.random() < 0.8
        )
        if resumes:
            asked = pb.Resume(resume_token=self.seen.token, after_sequence=self.seen.last, auth_info=b"proof")
            self.line.say(pb.TerminalMessage(resume=asked))
            return
        self.seen = SessionSeen(is_whole=not self._from_now)
        self._logins += 1
        login = pb.Login(auth_info=b"proof", broker_id=BROKER, investor_id=self.investor, password="secret")  # noqa: S106
        login.system_info = f"{self.number}/{self._logins}/".encode().ljust(264, b"\x01")
        login.system_info_length = 264
        login.start_from = pb.START_FROM_NOW if self._from_now else pb.START_FROM_DAY
        self.line.say(pb.TerminalMessage(login=login))

    def _welcome(self, welcome: pb.LoggedIn) -> None:
        self._online = True
        self.seen.token = welcome.resume_token
        if welcome.lost_history:
            self.seen.is_whole, self.seen.last = False, -1 if welcome.resumed else 0
        if not welcome.resumed:
            self.seen.day, self.seen.is_live = welcome.trading_day, True
        again, self._unsure = self._unsure, []
        for call in again:
            if call.day == self._around.trading_day == self.seen.day and self._dice.random() < 0.8:
                self.order(call.tag, key=call.key)

    def _numbered(self, sequence: int) -> None:
        expected = self.seen.last + 1
        if self.seen.last < 0:  # the relay said that something is lost before this one
            expected = sequence
        what = f"terminal {self.number}: {sequence} where {expected} was to come"
        self._around.rules.hold("no_gap", what, is_so=sequence == expected)
        self.seen.last = sequence

    def _result(self, result: pb.CallResult) -> None:
        self.open_calls.pop(result.request_id, None)
        what = f"terminal {self.number}, request {result.request_id}: a second result"
        self._around.rules.hold("one_result", what, is_so=result.request_id not in self.seen.results)
        self.seen.results.add(result.request_id)

    def _status(self, status: pb.SessionStatus) -> None:
        self.seen.is_live = status.state == pb.SessionStatus.STATE_LIVE
        if status.trading_day_changed:
            self.seen.orders.clear()
        if self.seen.is_live and status.trading_day:
            self.seen.day = status.trading_day

    def _rejected(self, _: pb.Rejected) -> None:
        self.seen, self._refused = SessionSeen(), True
        self._may_move()

    def _ended(self, goodbye: pb.Goodbye) -> None:
        resumable = {pb.Goodbye.KIND_SLOW_READER, pb.Goodbye.KIND_TAKEN_OVER, pb.Goodbye.KIND_STREAM_FAULT}
        if goodbye.kind not in resumable:
            self.seen = SessionSeen()

    def _event(self, event: events_pb2.Event) -> None:
        match event.WhichOneof("body"):
            case "rtn_order":
                self._is_mine(event.rtn_order.investor_id)
                self._state(event.rtn_order)
            case "rtn_trade":
                self._is_mine(event.rtn_trade.investor_id)
                self._trade(event.rtn_trade)
            case "err_rtn_order_insert":
                self._is_mine(event.err_rtn_order_insert.investor_id)
            case _:
                pass

    def _is_mine(self, investor: str) -> None:
        what = f"terminal {self.number} of {self.investor} hears of {investor}"
        self._around.rules.hold("own_only", what, is_so=investor == self.investor)

    def _state(self, state: Any) -> None:
        order = self.seen.orders.setdefault(int(state.limit_price), OrderSeen(int(state.limit_price)))
        status = chr(state.order_status)
        goes_on = state.volume_traded >= order.traded and (order.status not in OVER or status == order.status)
        what = f"terminal {self.number}: order {order.tag} is {status} with {state.volume_traded}"
        self._around.rules.hold("in_order", f"{what} after {order.status} with {order.traded}", is_so=goes_on)
        order.status, order.traded = status, state.volume_traded
        order.system_id = state.order_sys_id or order.system_id
        order.name = state.front_id, state.session_id, state.order_ref

    def _trade(self, trade: Any) -> None:
        order = self.seen.orders.setdefault(int(trade.price), OrderSeen(int(trade.price)))
        what = f"terminal {self.number}: trade {trade.trade_id}"
        self._around.rules.hold("in_order", f"{what} comes twice", is_so=trade.trade_id not in order.trades)
        order.trades.add(trade.trade_id)
        process = self._around.process_of(self.place)
        if process is not None and not order.system_id and self.seen.is_whole:
            waited = self._around.now - process.trades_given.get(trade.trade_id, 0.0)
            text = f"{what} comes before its order, {waited:.3f} s after it was known"
            self._around.rules.hold("in_order", text, is_so=waited >= _HOLD_SECONDS)

    # What must hold ----------------------------------------------------------------------------------------------

    @property
    def is_live(self) -> bool:
        """Whether it is online, and its session at the counter."""
        return self._online and self.seen.is_live

    def must_know(self, order: MatchedOrder) -> None:
        """All is quiet: it knows the order's last state, and all its trades."""
        known = self.seen.orders.get(order.tag, OrderSeen(order.tag))
        knows = (known.status, known.traded, len(known.trades))
        is_so = (order.status, order.traded, len(order.trades))
        what = f"terminal {self.number}: order {order.tag} is {is_so}, known as {knows}"
        self._around.rules.hold("every_notice", what, is_so=knows == is_so)

    def look(self) -> None:
        """Whether every call of a stream that is there has its result in time."""
        line = self.line
        if line is None or not line.reading.is_set():
            return
        for request_id, call in self.open_calls.items():
            what = f"terminal {self.number}, request {request_id}: no result since {call.since:.1f}"
            self._around.rules.hold("one_result", what, is_so=self._around.now - call.since < _SECONDS_FOR_RESULT)
