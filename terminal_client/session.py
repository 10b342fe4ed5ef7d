"""What a terminal session is: who logs in, what the login gave, and its states."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from terminal_client.collector import Collected
from terminal_client.collectors import Collectors
from terminal_client.secret import Secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """All that one login needs. Collect anew for every login: the relay refuses used system info."""

    broker_id: str
    investor_id: str
    password: Secret
    collected: Collected | None
    """CTP's; None where this terminal has no such collector, for counters that do not want it"""
    confirm_settlement: bool = False
    mac_address: str = ""
    login_remark: str = ""
    """goes into the report's ClientLoginRemark; 150 bytes at most"""
    one_time_password: Secret = field(default_factory=lambda: Secret(""))
    live_only: bool = False
    """only what happens from now on, without the trading day's earlier notices"""
    collectors: Collectors = field(default_factory=Collectors)
    """of other kinds; each runs where the relay's counter wants what it gives"""
    proof_only: bool = False
    """the password never leaves this program: log in by its proof, or not at all (PasswordNotProvable)"""


@dataclass(frozen=True, slots=True)
class MarketAccess:
    """How a session gets market data."""

    token: Secret
    port: int
    """0: that of the session's stream"""


CredentialsProvider = Callable[[], Awaitable[Credentials]]
"""Asked for fresh credentials when a broken session can only be replaced by a new login."""


@dataclass(frozen=True, slots=True)
class ExchangeInfo:
    """Where orders go (交易所), as the counter registered it."""

    code: str
    """SHFE …; `unmapped`, also of several, where the relay does not know the counter's own code: orders there are refused"""
    native_code: str = ""
    """the counter's own, where that is another"""
    boards: tuple[str, ...] = ()
    """its segments (板块), where the counter has such"""

    def __str__(self) -> str:
        native = f"={self.native_code}" if self.native_code not in {"", self.code} else ""
        return f"{self.code}{native}" + (f"({','.join(self.boards)})" if self.boards else "")


@dataclass(frozen=True, slots=True)
class CounterInfo:
    """What stands behind the relay, as it registered itself."""

    system: str
    """the product: ctp"""
    version: str
    exchanges: tuple[ExchangeInfo, ...]
    capabilities: tuple[str, ...]
    """what may be called: orders, quotes, bank_transfers …"""
    not_offered: tuple[str, ...]
    """requests it cannot carry out"""
    fields_not_offered: tuple[str, ...] = ()
    """fields of requests and events that its interface lacks: order_insert.order_memo"""
    product: str = ""
    """the counter's own name and version, where it says one"""
    levels: Mapping[str, bool] = field(default_factory=dict)
    """the logins between relay and counter, the lowest first, and whether each is up"""
    currencies: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    """this investor's"""
    translated: tuple[str, ...] = ()
    """requests that the relay puts into a language which is not CTP's"""
    local: tuple[str, ...] = ()
    """requests that the relay answers by itself"""
    wanted: tuple[str, ...] = ()
    """kinds of collected info that it wants"""
    binding: str = ""
    """the package through which the relay calls it: openctp-ctp"""
    library_version: str = ""
    """of the vendor's library behind that: v6.7.11_20250617 16:22:00.10369"""
    library_sha256: str = ""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What a successful login, or a resume, gave."""

    broker_id: str
    investor_id: str
    trading_day: str
    login_time: str
    front_id: int
    """with session_id and an order reference, the name of this terminal's own orders"""
    session_id: int
    max_order_ref: int
    """greatest order reference used so far; the first free one is +1"""
    mode: str
    relay_app_type: str
    system_name: str
    must_change_password: bool
    """only password updates are accepted until it is changed"""
    advice: str
    linger_seconds: int
    resumed: bool
    lost_history: bool
    """events are missing after a resume: query to catch up"""
    settlement: str = ""
    """confirmed, refused or unknown, where the relay was asked to confirm the settlement statement"""
    settlement_error_id: int = 0
    """CTP's ErrorID of a refused confirmation"""
    counter: CounterInfo | None = None
    """None in direct mode, and while the password must be changed"""


class State(StrEnum):
    """How this terminal stands with the relay."""

    IDLE = "idle"
    """not logged in yet"""
    LOGGING_IN = "logging in"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    """the stream broke; resuming, or logging in again"""
    ENDED = "ended"


LEAVING = "leaving"
"""the relay is about to stop; the session is live until the terminal has moved, or the relay ends it"""


@dataclass(frozen=True, slots=True)
class Status:
    """A change worth telling: of the stream to the relay, or of the relay's session at the counter.

    Of market data: of its stream to the relay, or of the relay's connection for it.
    """

    of: str
    """relay or counter"""
    state: str
    """relay: a State, or LEAVING; counter: live, recovering or ended"""
    reason: str = ""
    trading_day: str = ""
    trading_day_changed: bool = False
    """forget yesterday's orders"""
    lost_history: bool = False
    """notices were missed: query to catch up"""
    cause: str = ""
    """why, for programs: a word of Goodbye.Kind (relay) or SessionStatus.Cause (counter) in terminal.proto"""
    leave_after_seconds: float = 0.0
    """with LEAVING: this terminal's own moment, counted from now"""
    successor: bool = False
    """with LEAVING: a new connection to the same address reaches a new process already"""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long things may take, and how much may pile up."""

    login_seconds: float = 60.0
    """from opening the stream to LoggedIn"""
    answer_seconds: float = 30.0
    """from a request to its last row, where the call names no other deadline"""
    close_seconds: float = 3.0
    busy_seconds: float = 60.0
    """how long a first login is tried again while the relay is full, or about to stop; 0 never"""
    keepalive_seconds: float = 30.0
    """how often a quiet connection is tested; 0 never"""
    first_retry_seconds: float = 0.2
    longest_retry_seconds: float = 10.0
    give_up_after_seconds: float = 3600.0
    """reconnecting stops after this long without a session"""
    notice_capacity: int = 10_000
    """notices kept for one slow reader"""
    row_capacity: int = 200_000
    """rows of one answer"""
    tick_capacity: int = 10_000
    """ticks kept for one reader that does not keep up; from then on it gets the newest of each instrument"""
    call_capacity: int = 1_000
    """requests unanswered at the same time"""
    callback_capacity: int = 200_000
    """direct mode: callbacks of the vendor's library that wait for the event loop; more end the session"""
