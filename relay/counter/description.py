"""What a counter says of itself, and where: what it is, what it offers, and what it wants of a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from relay.counter.collected import WantedInfo
from relay.counter.counter_library import CounterLibrary

COUNTER, SETTINGS = "counter", "settings"
"""who named an exchange"""


@dataclass(frozen=True, slots=True)
class Board:
    """A segment of an exchange (板块), where the counter has such."""

    code: str
    name: str = ""
    native_code: str = ""
    """the counter's own; empty where it is `code`"""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where orders go (交易所)."""

    code: str
    """SHFE, DCE, CZCE, CFFEX, INE, GFEX …; `unmapped` where the counter's own code is not known: orders there are refused"""
    name: str
    """Chinese and English"""
    boards: tuple[Board, ...] = ()
    native_code: str = ""
    """the counter's own; empty where it is `code`"""
    source: str = COUNTER
    """COUNTER or SETTINGS"""


@dataclass(frozen=True, slots=True)
class LoginLevel:
    """One of the logins that stand on one another: connection, middleware, operator, account, token."""

    name: str
    up: bool
    of_terminal: bool = False
    """whether each terminal has its own, so that the relay is ready without it"""


@dataclass(frozen=True, slots=True)
class OfferedLimit:
    """A bound that the counter, or the relay in front of it, keeps."""

    name: str
    most: int
    seconds: float = 0.0
    """the time in which so many are allowed; 0 where it is a bound of size"""


@dataclass(frozen=True, slots=True)
class Pushes:
    """What the counter sends unasked."""

    orders: bool
    trades: bool
    replay: str
    """what happened before the login: `day` is sent again, `query` is read by the relay with queries, `none` is lost"""


@dataclass(frozen=True, slots=True)
class CounterDescription:
    """What a counter offers."""

    system: str
    """the product: ctp"""
    version: str
    """of the interface the relay speaks to it"""
    exchanges: tuple[Exchange, ...] = ()
    """those the counter named at its latest login; none before"""
    requests: frozenset[str] = frozenset()
    """members of ctp.v1.Request that the adapter can carry out; others are refused before they reach it"""
    fields_not_offered: tuple[str, ...] = ()
    """fields of its requests and notices that its interface lacks: order_insert.order_memo; a Call with one is refused"""
    capabilities: tuple[str, ...] = ()
    """what these come to, in words for a terminal: orders, bank_transfers …; a word that is missing is not offered"""
    product: str = ""
    """the counter's own name and version, where it says one"""
    library: CounterLibrary | None = None
    """the vendor's, where there is one in this process"""
    library_sha256: str = ""
    trading_day: str = ""
    """the latest login's; empty before one"""
    seconds_ahead: float | None = None
    """by how much this machine's clock is ahead of the counter's; None where that is not known"""
    levels: tuple[LoginLevel, ...] = ()
    currencies: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    """of the session that is described, never another investor's; none where the whole counter is described"""
    translated: frozenset[str] = frozenset()
    """those of `requests` that the adapter puts into a language which is not CTP's"""
    local: frozenset[str] = frozenset()
    """those of `requests` that the relay answers by itself"""
    wanted: tuple[WantedInfo, ...] = ()
    """what is to be collected of a terminal's machine"""
    limits: tuple[OfferedLimit, ...] = ()
    pushes: Pushes | None = None
    """None where it is not known"""
    since: str = ""
    """when the counter registered this, ISO 8601; empty before"""


class CounterContext(Protocol):
    """Where a counter registers what it offers, after each connection; what it said before is replaced whole."""

    @property
    def description(self) -> CounterDescription:
        """What it said last; before the first connection, what is known without one."""

    def register(self, description: CounterDescription) -> None:
        """The counter is connected, and this is what it offers."""
