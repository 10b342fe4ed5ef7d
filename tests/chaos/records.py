"""What each side wrote down for itself: the terminals, the counter, the ledger, and who made the faults. Plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SENT, REPEATED = "sent", "repeated"
UNKNOWN = "unknown"
NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True)
class Said:
    """What a terminal heard of one call."""

    seat: str
    investor: str
    key: str
    """of the order; the same one where it is repeated"""
    word: str
    """SENT, REPEATED, UNKNOWN, or NOT_SENT with its reason"""
    at: float
    """seconds of the driver's clock, as all times here"""
    until: float
    day: str = ""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that a terminal saw accepted."""

    seat: str
    investor: str
    remark: str
    """made for this one login"""
    name: tuple[int, int]
    """FrontID and SessionID"""
    day: str


@dataclass
class TerminalRecord:
    """Of one seat, over all its logins."""

    seat: str
    investor: str
    said: list[Said] = field(default_factory=list)
    logins: list[LoggedIn] = field(default_factory=list)
    resumes: int = 0
    orders: dict[tuple[str, str], str] = field(default_factory=dict)
    """trading day and mark -> the newest state shown"""
    trades: Counter[tuple[str, str]] = field(default_factory=Counter)
    """trading day and name of a trade -> how often it came"""
    refused: set[str] = field(default_factory=set)
    """marks whose refusal by the counter was shown"""
    strange: list[str] = field(default_factory=list)
    """what it should never have seen"""
    lost_days: set[str] = field(default_factory=set)
    """trading days of which it was sent that something is lost"""
    interruptions: list[float] = field(default_factory=list)
    """when it heard that its stream or its session at the counter broke"""
    stream_breaks: list[float] = field(default_factory=list)
    """when it found its stream ended"""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One order at the counter."""

    mark: str
    investor: str
    day: str
    at: float


@dataclass(frozen=True, slots=True)
class Book:
    """What the counter has of one investor on one trading day."""

    day: str
    orders: Mapping[str, str]
    """mark -> state"""
    trades: frozenset[str]


@dataclass
class CounterRecord:
    arrived: list[Arrived] = field(default_factory=list)
    books: dict[str, list[Book]] = field(default_factory=dict)
    """by investor: each as it was when all had settled"""
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """As it stands in the database."""

    remarks: frozenset[str]
    """of the logins that have an entry"""
    ordered: frozenset[str]
    """keys with an entry in the orders' stream"""
    unfinished: Sequence[tuple[float, float]]
    """from when to when a stream of orders says of itself that it may lack some, because its process was killed"""
    claimed: frozenset[str] | None
    """keys of the newest day that were claimed; None where the processes share no table of them"""
    verified: bool
    verdict: str
    """what `ctp-relay ledger verify` said"""


@dataclass(frozen=True, slots=True)
class Stall:
    """One terminal took nothing while more came for it than may wait."""

    seat: str
    since: float
    until: float
    """when it read on"""


@dataclass
class Disturbances:
    """When a message on the way may have been lost, and a process without its last second."""

    stalls: list[Stall] = field(default_factory=list)

    breaks: list[tuple[float, float]] = field(default_factory=list)
    """from when to when connections to the counter broke, or it took nothing, or a process was killed"""
    kills: list[float] = field(default_factory=list)
    """when a process was killed"""
    away: list[tuple[float, float]] = field(default_factory=list)
    """from when to when the ledger could not be written"""
