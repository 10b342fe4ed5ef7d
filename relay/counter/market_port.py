"""The port to a counter's market data: what the relay needs of it, whatever product it is.

A `MarketSource` is the one session for market data of this process. What is wanted of it goes down by `subscribe`, what
happens comes up through `next_batch`. Instruments are named as the exchange writes them; a depth is an encoded
`ctp.v1.DepthMarketData`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from relay.counter.counter_library import CounterLibrary


class FeedKind(StrEnum):
    """What may be subscribed of an instrument."""

    DEPTH = "depth"
    QUOTE_REQUESTS = "quote_requests"


class FeedItem(NamedTuple):
    """One depth, or one request for a quote."""

    kind: FeedKind
    instrument_id: str
    wire: bytes
    """the serialized ctp.v1.DepthMarketData or ctp.v1.ForQuoteRsp"""
    passed_over: int = 0
    """depths of it before this one that the relay had no time for"""


@dataclass(frozen=True, slots=True)
class MarketState:
    """The session became live, or is not any more."""

    live: bool
    reason: str = ""
    """Chinese and English; empty where it is live"""
    trading_day: str = ""
    day_changed: bool = False


@dataclass(frozen=True, slots=True)
class NotSubscribed:
    """The counter refused one instrument; it is not subscribed any more."""

    kind: FeedKind
    instrument_id: str
    error_id: int
    text: str


MarketItem: TypeAlias = FeedItem | MarketState | NotSubscribed


class MarketSource(Protocol):
    """The one session for market data of this process. It connects again, and subscribes everything again, by itself."""

    @property
    def fronts(self) -> tuple[str, ...]: ...

    @property
    def library(self) -> CounterLibrary | None: ...

    def start(self) -> None:
        """Begin to connect."""

    async def stop(self) -> None:
        """End it; idempotent."""

    def subscribe(self, kind: FeedKind, instrument_ids: Iterable[str]) -> None:
        """From now on, also over reconnects."""

    def unsubscribe(self, kind: FeedKind, instrument_ids: Iterable[str]) -> None:
        """No more."""

    async def next_batch(self) -> list[MarketItem]:
        """What happened, in its order, at least one item and no more than takes a moment."""
