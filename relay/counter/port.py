"""The port to a counter: what the relay needs from a broker's system, whatever mode or product it is.

A `Counter` is a mode (many-to-many, many-to-one). It attaches terminals; each attached terminal is a
`CounterLink`. Requests go down through `submit`, events come up through `deliver_to`; a counter knows nothing of what is above.
The one thing injected from above is `Evidence`, because the ledger must have an entry before the
counter is told anything (ledger first).
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ctprelay.v1.terminal_pb2 import Login
from relay.counter.collected import CTP, CollectedInfo, WantedInfo
from relay.counter.counter_event import CounterEvent
from relay.counter.description import (
    Board,
    CounterContext,
    CounterDescription,
    Exchange,
    LoginLevel,
    OfferedLimit,
    Pushes,
)
from relay.counter.terminal_call import CallOutcome, ReadRequest, TerminalCall
from relay.refusals.refusal import NativeError, Refusal

__all__ = [
    "CTP",
    "Attached",
    "Board",
    "CallOutcome",
    "CollectedInfo",
    "Confirmation",
    "Counter",
    "CounterContext",
    "CounterDescription",
    "CounterEvent",
    "CounterLink",
    "CounterSituation",
    "Evidence",
    "Exchange",
    "Investor",
    "LinkCause",
    "LinkState",
    "LinkStatus",
    "LoginLevel",
    "Mode",
    "NativeError",
    "OfferedLimit",
    "OrderNote",
    "OrderTrail",
    "Pushes",
    "ReadRequest",
    "SteeredCounter",
    "TerminalCall",
    "TerminalLogin",
    "TerminalReport",
    "WantedInfo",
]


class Mode(StrEnum):
    """How terminals reach the counter; the one thing `relay.mode` chooses."""

    MANY_TO_MANY = "many_to_many"
    """one counter session per terminal; RegisterUserSystemInfo before the investor's own login"""
    MANY_TO_ONE = "many_to_one"
    """one operator session for all terminals; SubmitUserSystemInfo after the operator's login"""


@dataclass(frozen=True, slots=True)
class Investor:
    """Whose account it is; CTP's BrokerID and InvestorID."""

    broker_id: str
    investor_id: str


@dataclass(frozen=True, slots=True)
class TerminalReport:
    """What is reported about one terminal: the content of CThostFtdcUserSystemInfoField, and what other counters want.

    Public IP, port and login time are the relay's own observation, never the terminal's word.
    """

    investor: Investor
    system_info: bytes
    """the bytes of CTP's collector, unchanged; 264 to 273 of them, or none where the counter wants none"""
    app_id: str
    """the TERMINAL's app id, not the relay's"""
    public_ip: str
    """IPv4 dotted, or IPv6 as 32 hex digits"""
    port: int
    logged_in_at: dt.datetime
    """when the terminal logged in to the relay, aware, UTC+8"""
    remark: str = ""
    mac_address: str = ""
    wechat: bool = False
    collected: tuple[CollectedInfo, ...] = ()
    """of other collectors, one of a kind"""

    def collected_of(self, kind: str) -> CollectedInfo | None:
        """What this kind of collector gave; CTP's system info too."""
        if kind == CTP and self.system_info:
            return CollectedInfo(CTP, self.system_info, len(self.system_info))
        return next((one for one in self.collected if one.kind == kind), None)

    def as_evidence(self) -> dict[str, object]:
        """What the ledger keeps of it: everything, the collectors' bytes as Base64 beside their SHA-256."""
        others = {"collected": [one.as_evidence() for one in self.collected]} if self.collected else {}
        return {
            "broker_id": self.investor.broker_id,
            "investor_id": self.investor.investor_id,
            "system_info": base64.b64encode(self.system_info).decode(),
            "system_info_length": len(self.system_info),
            "system_info_sha256": hashlib.sha256(self.system_info).hexdigest(),
            "terminal_app_id": self.app_id,
            "public_ip": self.public_ip,
            "port": self.port,
            "logged_in_at": self.logged_in_at.isoformat(timespec="seconds"),
            "remark": self.remark,
            "mac_address": self.mac_address,
            "wechat": self.wechat,
            **others,
        }


@dataclass(frozen=True, slots=True)
class TerminalLogin:
    """One admitted terminal on its way to the counter."""

    session: str
    """the relay's own id of the terminal session, for ledger and log"""
    report: TerminalReport
    password: str = field(repr=False)
    one_time_password: str = field(default="", repr=False)
    accounts: frozenset[str] = frozenset()
    """AccountIDs known to be this investor's, from the relay's directory"""
    from_now: bool = False
    """the terminal wants no notices from before this login"""
    confirm_settlement: bool = False
    """whether the relay confirms the day's settlement statement for it"""
    relay_proof: bytes = field(default=b"", repr=False)  # for the terminal: the answer to its password's proof


class Confirmation(StrEnum):
    """What became of the settlement statement a terminal asked the relay to confirm."""

    NOT_ASKED = ""
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """it could not be sent, or its answer has not come yet"""


@dataclass(frozen=True, slots=True)
class Attached:
    """What the counter said when the terminal was attached."""

    trading_day: str
    login_time: str
    front_id: int
    session_id: int
    max_order_ref: int
    app_type: str
    system_name: str
    report_return_code: int
    must_change_password: int = 0
    """131, 132, 140 or 141 where the login was refused for it and the session is kept for a password change"""
    confirmation: Confirmation = Confirmation.NOT_ASKED
    confirmation_error_id: int = 0
    """CTP's ErrorID of a refused confirmation"""
    offered: CounterDescription | None = None
    """what the counter offers this terminal; None while a password change is due"""


class LinkState(StrEnum):
    """What a terminal may expect of its link."""

    LIVE = "live"
    RECOVERING = "recovering"
    ENDED = "ended"


class LinkCause(StrEnum):
    """Why a link is RECOVERING or ENDED; the names are those of SessionStatus.Cause in terminal.proto."""

    UNSPECIFIED = ""
    """with LIVE"""
    CONNECTION_LOST = "connection_lost"
    """the session at the counter broke, or is replaced; it comes back by itself"""
    COUNTER_REFUSED = "counter_refused"
    """the counter refused the login: RECOVERING tries again, ENDED does not"""
    PASSWORD_DUE = "password_due"  # noqa: S105 - no password
    COUNTER_LOGGED_OUT = "counter_logged_out"
    """the counter forced the session out"""
    REPORT_REFUSED = "report_refused"
    RELAY_FAULT = "relay_fault"
    """the relay could not go on"""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """The counter session behind a link changed; an item of `CounterLink.events`."""

    state: LinkState
    reason: str = ""
    attached: Attached | None = None
    """after LIVE: the new login's answer"""
    day_changed: bool = False
    """the recovered session belongs to a new trading day"""
    cause: LinkCause = LinkCause.UNSPECIFIED


class SharedEvents(tuple[CounterEvent, ...]):
    """Notices that all terminals of a counter session get alike, and as the same object, so that what is made of them is made once."""

    __slots__ = ()


class CounterLink(Protocol):
    """One terminal's way to the counter."""

    @property
    def attached(self) -> Attached:
        """The latest login's answer, with the terminal's own numbers."""

    @property
    def lost_history(self) -> bool:
        """Whether the day before this login could not be kept whole: the terminal is to query."""

    def read_call(self, message: bytes) -> TerminalCall | None:
        """A serialized TerminalMessage with a Call, read by the adapter itself in a tenth of the time; `valid_for` may be 0.

        None where it is to be read as a message, and judged there: always, where the adapter has no way of its own.
        """

    def submit(self, call: TerminalCall) -> asyncio.Future[CallOutcome]:
        """Take one request; done once it was sent, refused by the API, or its time ran out.

        Synchronous, so that the calls of one terminal are sent in the order they were submitted. The future's
        exception is `relay.refusals.refusal.Refused` for what the relay itself does not let through. Cancelled, it is not
        sent, unless it was.
        """

    async def deliver_to(self, take: Callable[[Sequence[CounterEvent | LinkStatus]], object]) -> None:
        """Give everything for this terminal to `take`, in order, as bursts; returns after LinkStatus ENDED.

        A burst may be `SharedEvents`.
        """

    async def detach(self, reason: str) -> None:
        """End the link; idempotent. In many-to-many this logs out and releases the API instance."""


class Counter(Protocol):
    """A mode."""

    @property
    def mode(self) -> Mode:
        """Which mode it is."""

    @property
    def ready(self) -> bool:
        """Whether a terminal could be attached now; in many-to-one only while the operator is logged in."""

    @property
    def orders_today(self) -> int:
        """Orders of the counter session that has most of this trading day; what it may have is a setting."""

    @property
    def why_not_ready(self) -> Refusal | None:
        """Why no login can succeed now; None where one can. May be asked on any thread."""

    def describe(self) -> CounterDescription:
        """What the counter offers, as far as it is known: exchanges only after a login. May be asked on any thread."""

    def check_login(self, login: Login) -> Refusal | None:
        """Why the counter could not carry this login's texts, None where it can; nothing is asked and nothing kept.

        Asked before the terminal is admitted: a refusal costs nothing then. It names the member, never its value.
        """

    def reload(self) -> None:
        """Read again what may be replaced while the relay runs, and try again what waited for a person."""

    async def start(self) -> None:
        """Make ready; in many-to-one the operator's login is begun, not awaited."""

    async def attach(self, login: TerminalLogin) -> CounterLink:
        """Report the terminal and, in many-to-many, log the investor in. Raises Refused."""

    async def stop(self) -> None:
        """Log out what is still logged in; the links were detached before."""


@dataclass(frozen=True, slots=True)
class CounterSituation:
    """How the sessions at the counter are, for the relay's operators."""

    state: str
    """a word: `live`, `connecting`, `waiting` … of the one session of many-to-one; `open` or `stopped` in many-to-many"""
    seconds: float
    """how long it has been so; 0 where that is not known"""
    why: str
    """Chinese and English; empty where all is well"""
    user_id: str
    """the operator; empty in many-to-many"""
    fronts: tuple[str, ...]
    sessions: int
    live: int
    trading_day: str
    """the latest login's; empty before one"""


class SteeredCounter(Counter, Protocol):
    """A mode, and what the relay's operators may ask of it."""

    def situation(self) -> CounterSituation:
        """How it is at the moment."""

    def reconnect(self, why: str) -> int:
        """Replace every session at the counter that is live, and try at once what waits; how many these are.

        `why` is what terminals get to read.
        """

    def reconnect_operator(self, why: str) -> bool:
        """The same for the operator's session, after its password was read again; False where there is no operator."""

    def use_auth_code(self, relay_auth_code: str) -> None:
        """Authenticate the relay with this code from the next time on."""


class Evidence(Protocol):
    """Where the counter side writes what it is about to do, and what came of it (ledger first)."""

    async def record(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        """For what is about to happen: committed when it returns; raises LedgerUnavailable, and then it may not."""

    async def note(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        """For what has happened and cannot be taken back: kept when it returns, in the database or on disk."""


@dataclass(frozen=True, slots=True)
class OrderNote:
    """What the orders' stream keeps of one order, cancel or change."""

    kind: str
    session: str
    trading_day: str
    """as the counter said it; empty where it is not known"""
    data: Mapping[str, object]


class OrderTrail(Protocol):
    """Where every order that is sent leaves a trace; the order does not wait for it."""

    def put(self, make: Callable[[], OrderNote]) -> None:
        """Keep what `make` gives, which is called on another thread; returns at once."""
